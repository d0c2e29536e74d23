//! A timeline answers as a list would.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::columns::Named;
use plimsoll_core::time::Timestamp;
use plimsoll_retain::timeline::{Scratch, Timeline};

mod record;
use record::Record;

/// How the clock moves, and what becomes of the record: nothing, another total, another record.
type Step = (i64, Option<u64>, Option<Other>);
type Other = (i64, bool, Option<u64>, Vec<(String, Vec<u64>)>);

fuzz_target!(|input: (Vec<Step>, Option<i64>, Option<i64>, Option<u8>)| {
    let (steps, start, end, count) = input;
    let (mut timeline, mut scratch) = (Timeline::new(0), Scratch::default());
    let (mut at, mut record, mut list) = (0_i64, Record::default(), Vec::new());
    for (by, total, other) in steps {
        at = at.wrapping_add(by);
        record.total = total.unwrap_or(record.total);
        if let Some((signed, on, number, items)) = other {
            let items = items.into_iter().map(|(name, value)| Named { name, value }).collect();
            record = Record { total: record.total, signed, on, number, items };
        }
        timeline.push(Timestamp(at), &mut record, &mut scratch);
        list.push((at, record.clone()));
    }
    assert_eq!(timeline.len(), list.len());
    list.retain(|(at, _)| start.is_none_or(|start| *at >= start) && end.is_none_or(|end| *at <= end));
    let count = count.map(usize::from);
    let skip = list.len().saturating_sub(count.unwrap_or(usize::MAX));
    let expected: Vec<Record> = list.drain(skip..).map(|(_, record)| record).collect();
    let window = timeline.window(start.map(Timestamp), end.map(Timestamp), count);
    assert_eq!(window.decode(|_, _| {}), expected);
});
