//! The shape of a record as bytes: its flags packed into bits, then lengths and names in their order.

use plimsoll_core::columns::{Columnar, Visitor};

use crate::bits::{Reader, put};
use crate::block::DecodeError;

/// Takes a record apart into shape and numbers. Its buffers serve any number of containers.
#[derive(Default)]
pub struct Scratch {
    pub(crate) columns: Vec<u64>,
    pub(crate) shape: Vec<u8>,
    flags: Vec<u8>,
    flag_count: usize,
    words: Vec<u8>,
    // one encoded record
    pub(crate) record: Vec<u8>,
}

impl Scratch {
    /// Fills `columns` and `shape` from the record.
    pub(crate) fn collect<T: Columnar>(&mut self, record: &mut T) {
        self.columns.clear();
        self.flags.clear();
        self.flag_count = 0;
        self.words.clear();
        record.visit(self);
        self.shape.clear();
        put(&mut self.shape, self.flag_count as u64);
        self.shape.extend_from_slice(&self.flags);
        self.shape.extend_from_slice(&self.words);
    }
}

impl Visitor for Scratch {
    fn number(&mut self, value: &mut u64) {
        self.columns.push(*value);
    }

    fn present(&mut self, value: &mut bool) {
        let bit = self.flag_count % 8;
        if bit == 0 {
            self.flags.push(0);
        }
        if let Some(last) = self.flags.last_mut() {
            *last |= u8::from(*value) << bit;
        }
        self.flag_count += 1;
    }

    fn length(&mut self, value: &mut usize) {
        put(&mut self.words, *value as u64);
    }

    fn name(&mut self, value: &mut String) {
        put(&mut self.words, value.len() as u64);
        self.words.extend_from_slice(value.as_bytes());
    }
}

/// Puts a record together again.
///
/// # Errors
/// The shape, the numbers and the type do not fit together.
pub(crate) fn restore<T: Columnar + Default>(shape: &[u8], columns: &[u64]) -> Result<T, DecodeError> {
    let mut words = Reader::new(shape);
    let flag_count = usize::try_from(words.number()?).map_err(|_| DecodeError::Shape)?;
    let flags = words.take(flag_count.div_ceil(8))?;
    let mut restorer = Restorer { columns, flags, flag_count, next_flag: 0, words, failed: false };
    let mut record = T::default();
    record.visit(&mut restorer);
    if restorer.failed || restorer.left() != 0 {
        return Err(DecodeError::Shape);
    }
    Ok(record)
}

struct Restorer<'a> {
    columns: &'a [u64],
    flags: &'a [u8],
    flag_count: usize,
    next_flag: usize,
    words: Reader<'a>,
    // once set, every part is given as empty, so that the walk ends soon
    failed: bool,
}

impl<'a> Restorer<'a> {
    /// Parts that are still there, at most.
    fn left(&self) -> usize {
        self.columns.len() + (self.flag_count - self.next_flag) + self.words.left()
    }

    fn read_name(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.words.number().ok()?).ok()?;
        std::str::from_utf8(self.words.take(length).ok()?).ok()
    }
}

impl Visitor for Restorer<'_> {
    fn number(&mut self, value: &mut u64) {
        match self.columns.split_first() {
            Some((first, rest)) => (*value, self.columns) = (*first, rest),
            None => (*value, self.failed) = (0, true),
        }
    }

    fn present(&mut self, value: &mut bool) {
        let byte = self.flags.get(self.next_flag / 8);
        match byte {
            Some(byte) if !self.failed && self.next_flag < self.flag_count => {
                *value = byte >> (self.next_flag % 8) & 1 == 1;
                self.next_flag += 1;
            }
            _ => (*value, self.failed) = (false, true),
        }
    }

    fn length(&mut self, value: &mut usize) {
        let length = self.words.number().ok().and_then(|n| usize::try_from(n).ok());
        match length {
            // an item has at least one part, so a longer list is a lie that would cost memory
            Some(length) if !self.failed && length <= self.left() => *value = length,
            _ => (*value, self.failed) = (0, true),
        }
    }

    fn name(&mut self, value: &mut String) {
        value.clear();
        match self.read_name() {
            Some(name) if !self.failed => value.push_str(name),
            _ => self.failed = true,
        }
    }
}
