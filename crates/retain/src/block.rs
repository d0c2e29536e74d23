//! A run of records as self-contained bytes.
//!
//! A block is: a version byte; the shape that all its records share; the number of columns and of records;
//! the first instant; then the records. A record is the time since the one before with a flag "changed",
//! and if so, the columns that differ from the record before: a bit for each group of eight columns that
//! has a change, and for each such group a byte of bits and the differences. The first record is written
//! as if one of zeros stood before it. A difference is written in the unit that the number before suggests
//! (pages, milliseconds, ...), as most kernel numbers are multiples of one.

use std::sync::Arc;

use plimsoll_core::columns::Columnar;
use plimsoll_core::time::Timestamp;

use crate::bits::{Reader, put, put_flagged, unzigzag, zigzag};
use crate::shape::restore;

/// The format that is written; others are refused.
const VERSION: u8 = 1;

/// Records in a block. More would cost fewer bytes a record, but whole blocks are dropped, so the more of
/// them the longer each container keeps what is too old.
pub(crate) const MAX_RECORDS: u8 = 32;

/// Columns that a block from outside may have: decoding takes eight bytes for each, whatever the block's own size,
/// since what is zero is not written. A sample of a machine with 1,000 CPUs and as many devices stays far below.
const MAX_COLUMNS: u32 = 1 << 20;

/// Why bytes are no block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a part.
    #[error("the block ends too early")]
    Truncated,
    /// A format that this program does not know.
    #[error("expected block version {VERSION}, got {0}")]
    Version(u8),
    /// A number with more than 64 bits.
    #[error("a number in the block is longer than 64 bits")]
    Overlong,
    /// A changed column beyond the last.
    #[error("the block changes a column that it does not have")]
    Column,
    /// More columns than any record has.
    #[error("expected at most {MAX_COLUMNS} columns in the block, got {0}")]
    Columns(u32),
    /// Not between one record and the maximum.
    #[error("expected 1 to {MAX_RECORDS} records in the block, got {0}")]
    Records(u64),
    /// The instants go beyond the end of time.
    #[error("the instants of the block go beyond the year 2262")]
    Time,
    /// Bytes after the last record.
    #[error("{0} bytes follow the last record of the block")]
    Trailing(usize),
    /// The records are of another type.
    #[error("the shape of the block does not fit the record type")]
    Shape,
}

/// Some records of one shape, in the order of their time. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub(crate) shape: Arc<[u8]>,
    pub(crate) body: Arc<[u8]>,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) columns: u32,
    pub(crate) records: u8,
}

impl Block {
    /// How many records it has; at least one.
    pub fn records(&self) -> usize {
        self.records.into()
    }

    /// The instants of its first and last record.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        (Timestamp(self.first), Timestamp(self.last))
    }

    /// The block as bytes, for a disk or another program.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.shape.len() + self.body.len() + 24);
        out.push(VERSION);
        put(&mut out, self.shape.len() as u64);
        out.extend_from_slice(&self.shape);
        put(&mut out, self.columns.into());
        out.push(self.records);
        put(&mut out, zigzag(self.first));
        out.extend_from_slice(&self.body);
        out
    }

    /// Reads what [`Block::to_bytes`] wrote. Whether its records are of a certain type shows when they are
    /// decoded.
    ///
    /// # Errors
    /// The bytes are no block.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            VERSION => {}
            other => return Err(DecodeError::Version(other)),
        }
        let shape_length = usize::try_from(reader.number()?).map_err(|_| DecodeError::Truncated)?;
        let shape = reader.take(shape_length)?;
        let columns = u32::try_from(reader.number()?).map_err(|_| DecodeError::Truncated)?;
        if columns > MAX_COLUMNS {
            return Err(DecodeError::Columns(columns));
        }
        let records = reader.byte()?;
        if records == 0 || records > MAX_RECORDS {
            return Err(DecodeError::Records(records.into()));
        }
        let first = unzigzag(reader.number()?);
        let body = reader.take(reader.left())?;
        let mut last = first;
        let mut walk = Walk::new(body, first, columns, records);
        while let Some(at) = walk.skip_record()? {
            last = at;
        }
        match walk.reader.left() {
            0 => Ok(Self { shape: shape.into(), body: body.into(), first, last, columns, records }),
            left => Err(DecodeError::Trailing(left)),
        }
    }

    /// All records, oldest first.
    ///
    /// # Errors
    /// The block holds records of another type.
    pub fn decode<T: Columnar + Default>(&self) -> Result<Vec<(Timestamp, T)>, DecodeError> {
        let mut out = Vec::new();
        self.each(|_| true, |at, record| out.push((at, record)))?;
        Ok(out)
    }

    /// Gives the records whose instant is wanted, oldest first.
    pub(crate) fn each<T: Columnar + Default>(
        &self,
        mut wanted: impl FnMut(i64) -> bool,
        mut give: impl FnMut(Timestamp, T),
    ) -> Result<(), DecodeError> {
        let mut columns = vec![0; self.columns as usize];
        let mut walk = self.walk();
        while let Some(at) = walk.read_record(&mut columns)? {
            if wanted(at) {
                give(Timestamp(at), restore(&self.shape, &columns)?);
            }
        }
        Ok(())
    }

    /// How many records have a wanted instant.
    pub(crate) fn count(&self, wanted: impl FnMut(i64) -> bool) -> usize {
        self.walk().count(wanted)
    }

    fn walk(&self) -> Walk<'_> {
        Walk::new(&self.body, self.first, self.columns, self.records)
    }
}

/// Appends one record to the body of a block. `previous` are the columns of the record before.
pub(crate) fn put_record(out: &mut Vec<u8>, nanos: u64, previous: &[u64], columns: &[u64], changed: bool) {
    put_flagged(out, changed, nanos);
    if !changed {
        return;
    }
    let top = out.len();
    out.resize(top + top_bytes(columns.len()), 0);
    for (group, (now, before)) in columns.chunks(8).zip(previous.chunks(8)).enumerate() {
        let pairs = || now.iter().zip(before).enumerate().filter(|(_, (now, before))| now != before);
        let bits = pairs().fold(0_u8, |bits, (i, _)| bits | 1 << i);
        if bits == 0 {
            continue;
        }
        if let Some(byte) = out.get_mut(top + group / 8) {
            *byte |= 1 << (group % 8);
        }
        out.push(bits);
        for (_, (now, before)) in pairs() {
            put_difference(out, *before, *now);
        }
    }
}

/// Steps through the records of a block's body.
pub(crate) struct Walk<'a> {
    reader: Reader<'a>,
    at: i64,
    columns: u32,
    records: u8,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(body: &'a [u8], first: i64, columns: u32, records: u8) -> Self {
        Self { reader: Reader::new(body), at: first, columns, records }
    }

    /// How many of the records have a wanted instant.
    pub(crate) fn count(mut self, mut wanted: impl FnMut(i64) -> bool) -> usize {
        let mut count = 0;
        while let Ok(Some(at)) = self.skip_record() {
            count += usize::from(wanted(at));
        }
        count
    }

    /// Brings the columns from the record before to the next one and gives its instant.
    fn read_record(&mut self, columns: &mut [u64]) -> Result<Option<i64>, DecodeError> {
        self.record(|index, reader| {
            let column = columns.get_mut(index).ok_or(DecodeError::Column)?;
            *column = read_difference(reader, *column)?;
            Ok(())
        })
    }

    /// The instant of the next record alone.
    fn skip_record(&mut self) -> Result<Option<i64>, DecodeError> {
        self.record(|_, reader| reader.skip())
    }

    fn record(
        &mut self,
        mut change: impl FnMut(usize, &mut Reader<'a>) -> Result<(), DecodeError>,
    ) -> Result<Option<i64>, DecodeError> {
        if self.records == 0 {
            return Ok(None);
        }
        self.records -= 1;
        let (changed, nanos) = self.reader.flagged()?;
        self.at = self.at.checked_add_unsigned(nanos).ok_or(DecodeError::Time)?;
        if changed {
            let columns = self.columns as usize;
            let top = self.reader.take(top_bytes(columns))?;
            for group in set_bits(top) {
                let bits = self.reader.byte()?;
                for bit in set_bits(&[bits]) {
                    let index = group * 8 + bit;
                    if index >= columns {
                        return Err(DecodeError::Column);
                    }
                    change(index, &mut self.reader)?;
                }
            }
        }
        Ok(Some(self.at))
    }
}

/// Bytes that have a bit for each group of eight columns.
fn top_bytes(columns: usize) -> usize {
    columns.div_ceil(64)
}

fn set_bits(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes
        .iter()
        .enumerate()
        .flat_map(|(i, byte)| (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| i * 8 + bit))
}

/// Appends a difference.
pub(crate) fn put_difference(out: &mut Vec<u8>, before: u64, now: u64) {
    let difference = now.wrapping_sub(before).cast_signed();
    match unit(before) {
        1 => put(out, zigzag(difference)),
        unit if difference % unit == 0 => put_flagged(out, true, zigzag(difference / unit)),
        _ => put_flagged(out, false, zigzag(difference)),
    }
}

/// Reads a difference, and gives the number that it leads to.
pub(crate) fn read_difference(reader: &mut Reader<'_>, before: u64) -> Result<u64, DecodeError> {
    let difference = match unit(before) {
        1 => unzigzag(reader.number()?),
        unit => match reader.flagged()? {
            (true, units) => unzigzag(units).wrapping_mul(unit),
            (false, number) => unzigzag(number),
        },
    };
    Ok(before.wrapping_add(difference.cast_unsigned()))
}

/// In what the number seems to move: pages, 10 ms ticks in nanoseconds, microseconds in nanoseconds.
fn unit(number: u64) -> i64 {
    [4096, 10_000_000, 1000]
        .into_iter()
        .find(|unit| number != 0 && number.is_multiple_of(*unit))
        .unwrap_or(1)
        .cast_signed()
}
