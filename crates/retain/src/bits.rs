//! Numbers as few bytes: seven bits a byte, low ones first, the top bit says that more come.

use crate::block::DecodeError;

/// Appends a number: 1 byte below 128, 10 at most.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a flag and a number together: 1 byte below 64.
pub(crate) fn put_flagged(out: &mut Vec<u8>, flag: bool, value: u64) {
    let low = ((value << 1) as u8 & 0x7e) | u8::from(flag);
    match value >> 6 {
        0 => out.push(low),
        rest => {
            out.push(low | 0x80);
            put(out, rest);
        }
    }
}

/// Small for numbers near zero of either sign.
pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// Takes such numbers off the front of some bytes.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not yet taken.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn number(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(DecodeError::Overlong);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(DecodeError::Overlong)
    }

    pub(crate) fn flagged(&mut self) -> Result<(bool, u64), DecodeError> {
        let byte = self.byte()?;
        let low = u64::from(byte & 0x7f) >> 1;
        let rest = if byte < 0x80 { 0 } else { self.number()? };
        if rest > u64::MAX >> 6 {
            return Err(DecodeError::Overlong);
        }
        Ok((byte & 1 == 1, (rest << 6) | low))
    }

    /// Passes over one number, with or without a flag.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        while self.byte()? >= 0x80 {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(value: u64, flag: bool) {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            put_flagged(&mut bytes, flag, value);
            put(&mut bytes, zigzag(value.cast_signed()));
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.number().unwrap(), value);
            prop_assert_eq!(reader.flagged().unwrap(), (flag, value));
            prop_assert_eq!(unzigzag(reader.number().unwrap()), value.cast_signed());
            prop_assert_eq!(reader.left(), 0);
        }
    }

    #[test]
    fn sizes_are_as_promised() {
        let f = |value, plain, flagged| {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            put(&mut a, value);
            put_flagged(&mut b, true, value);
            assert_eq!((a.len(), b.len()), (plain, flagged), "{value}");
        };
        f(0, 1, 1);
        f(63, 1, 1);
        f(64, 1, 2);
        f(127, 1, 2);
        f(128, 2, 2);
        f(u64::MAX, 10, 10);
    }

    #[test]
    fn refuses_numbers_beyond_64_bits() {
        let bytes = [0xff; 11];
        assert_eq!(Reader::new(&bytes).number(), Err(DecodeError::Overlong));
        assert_eq!(Reader::new(&bytes).flagged(), Err(DecodeError::Overlong));
        assert_eq!(Reader::new(&[0x80]).number(), Err(DecodeError::Truncated));
    }
}
