use plimsoll_core::columnar;
use plimsoll_core::columns::Named;
use proptest::prelude::*;

use super::*;
use crate::block::DecodeError;

#[derive(Clone, Debug, Default, PartialEq)]
struct Record {
    at: Timestamp,
    body: Body,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Body {
    total: u64,
    signed: i64,
    on: bool,
    part: Option<Part>,
    items: Vec<Named<Part>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Part {
    values: Vec<u64>,
    number: Option<u64>,
}

columnar!(Body { total, signed, on, part, items });
columnar!(Part { values, number });

columnar!(Record { body } but not at);

fn set_time(record: &mut Record, at: Timestamp) {
    record.at = at;
}

fn record(at: i64, total: u64) -> Record {
    Record { at: Timestamp(at), body: Body { total, ..Body::default() } }
}

fn timeline(max_age: i64, records: &[Record]) -> Timeline<Record> {
    let (mut timeline, mut scratch) = (Timeline::new(max_age), Scratch::default());
    for record in records {
        timeline.push(record.at, &mut record.clone(), &mut scratch);
    }
    timeline
}

fn all(timeline: &Timeline<Record>) -> Vec<Record> {
    timeline.window(None, None, None).decode(set_time)
}

fn times(records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| record.at.nanos()).collect()
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..3_u64,
        (0..3_u64).prop_map(|n| u64::MAX - n),
        (0..1_u64 << 20).prop_map(|n| n * 4096),
        (0..1_u64 << 20).prop_map(|n| n * 1000),
        (0..1_u64 << 20).prop_map(|n| n * 10_000_000),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let values = prop::collection::vec(number(), 0..40);
    (values, prop::option::of(number())).prop_map(|(values, number)| Part { values, number })
}

fn body() -> impl Strategy<Value = Body> {
    let item = ("[a-zé/]{0,3}", part()).prop_map(|(name, value)| Named { name, value });
    let items = prop::collection::vec(item, 0..4);
    (number(), any::<i64>(), any::<bool>(), prop::option::of(part()), items)
        .prop_map(|(total, signed, on, part, items)| Body { total, signed, on, part, items })
}

/// Records that often repeat and sometimes keep their shape while their numbers move.
fn records(step: impl Strategy<Value = i64>) -> impl Strategy<Value = Vec<Record>> {
    let bodies = prop::collection::vec(body(), 1..4);
    let steps = prop::collection::vec((step, any::<prop::sample::Index>(), number()), 0..150);
    (any::<i32>(), bodies, steps).prop_map(|(start, bodies, steps)| {
        let mut at = i64::from(start);
        let step = |(step, which, total): (i64, prop::sample::Index, u64)| {
            at = at.wrapping_add(step);
            let mut body = which.get(&bodies).clone();
            body.total = if total % 3 == 0 { body.total } else { total };
            Record { at: Timestamp(at), body }
        };
        steps.into_iter().map(step).collect()
    })
}

/// What a timeline that keeps all must answer.
fn filtered(records: &[Record], start: Option<i64>, end: Option<i64>, count: Option<usize>) -> Vec<Record> {
    let within = |record: &&Record| {
        start.is_none_or(|start| record.at.nanos() >= start) && end.is_none_or(|end| record.at.nanos() <= end)
    };
    let found: Vec<Record> = records.iter().filter(within).cloned().collect();
    let skip = found.len().saturating_sub(count.unwrap_or(usize::MAX));
    found.into_iter().skip(skip).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_goes_in_comes_out(
        records in records(prop_oneof![0..3_i64, Just(1_000_000_000), -5..5_i64, any::<i64>()]),
        start in prop::option::of(any::<prop::sample::Index>()),
        end in prop::option::of(any::<prop::sample::Index>()),
        count in prop::option::of(0..200_usize),
    ) {
        let (mut timeline, mut scratch) = (Timeline::new(0), Scratch::default());
        let mut before: Option<&Record> = None;
        for record in &records {
            let pushed = timeline.push(record.at, &mut record.clone(), &mut scratch);
            prop_assert_eq!(pushed.changed, before.is_none_or(|before| before.body != record.body));
            before = Some(record);
        }
        prop_assert_eq!(timeline.newest(), records.last().map(|record| record.at));
        prop_assert_eq!(timeline.len(), records.len());
        prop_assert_eq!(timeline.is_empty(), records.is_empty());
        prop_assert_eq!(all(&timeline), records.clone());

        let pick = |index: Option<prop::sample::Index>| {
            index.filter(|_| !records.is_empty()).map(|index| index.get(&records).at)
        };
        let (start, end) = (pick(start), pick(end));
        let expected = filtered(&records, start.map(Timestamp::nanos), end.map(Timestamp::nanos), count);
        prop_assert_eq!(timeline.window(start, end, count).decode(set_time), expected);
    }

    #[test]
    fn what_is_too_old_is_gone(records in records(0..30_i64), max_age in 1..1000_i64) {
        let timeline = timeline(max_age, &records);
        let newest = records.last().map_or(0, |record| record.at.nanos());
        let expected = filtered(&records, Some(newest - max_age + 1), None, None);
        prop_assert_eq!(timeline.len(), expected.len());
        prop_assert_eq!(all(&timeline), expected);
    }

    #[test]
    fn a_clock_that_jumps_loses_nothing_recent(
        records in records(prop_oneof![0..30_i64, -2000..2000_i64, any::<i64>()]),
        max_age in 1..1000_i64,
    ) {
        let found = all(&timeline(max_age, &records));
        let Some(newest) = records.last().map(|record| record.at.nanos()) else { return Ok(()) };
        // all that is found was pushed, in that order, and is within the age on either side
        let mut pushed = records.iter();
        for record in &found {
            prop_assert!(pushed.any(|other| other == record));
            prop_assert!(i128::from(record.at.nanos()).abs_diff(newest.into()) <= max_age as u128);
        }
        // all since the last jump that should be there is
        let mut since = records.len();
        while since > 1 && records[since - 2].at <= records[since - 1].at {
            since -= 1;
        }
        let low = newest.checked_sub(max_age).map(|bound| bound + 1);
        let expected = filtered(&records[since - 1..], low, None, None);
        prop_assert!(found.ends_with(&expected));
    }

    #[test]
    fn a_block_is_its_bytes(records in records(prop_oneof![0..3_i64, any::<i64>()])) {
        let timeline = timeline(0, &records);
        let snapshot = timeline.window(None, None, None);
        let mut restored = Vec::new();
        for block in snapshot.blocks() {
            let copy = Block::from_bytes(&block.to_bytes()).unwrap();
            prop_assert_eq!(&copy, block);
            restored.extend(copy.decode::<Record>().unwrap());
        }
        let restored: Vec<_> = restored.into_iter().map(|(at, record)| Record { at, ..record }).collect();
        prop_assert_eq!(restored, records);
    }

    #[test]
    fn broken_bytes_are_refused_or_read(
        records in records(0..3_i64),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let snapshot = timeline(0, &records).window(None, None, None);
        for block in snapshot.blocks() {
            let mut bytes = block.to_bytes();
            for (place, byte) in &damage {
                *place.get_mut(&mut bytes) = *byte;
            }
            bytes.truncate(cut.map_or(usize::MAX, |cut| cut.index(bytes.len())));
            if let Ok(block) = Block::from_bytes(&bytes) {
                let _ = block.decode::<Record>();
                let _ = block.decode::<u64>();
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for version in [None, Some(1)] {
            let bytes: Vec<u8> = version.into_iter().chain(bytes.iter().copied()).collect();
            if let Ok(block) = Block::from_bytes(&bytes) {
                let _ = block.decode::<Record>();
            }
        }
    }
}

#[test]
fn the_bound_of_age_is_excluded() {
    let timeline = timeline(10, &[record(0, 1), record(1, 2), record(10, 3)]);
    assert_eq!(times(&all(&timeline)), [1, 10]);
    assert_eq!(timeline.len(), 2);
}

#[test]
fn no_age_keeps_all() {
    let records: Vec<_> = (0..1000).map(|i| record(i * 1_000_000_000_000, 1)).collect();
    assert_eq!(timeline(0, &records).len(), 1000);
}

#[test]
fn old_blocks_are_dropped() {
    let records: Vec<_> = (0..10_000).map(|i| record(i, i as u64)).collect();
    let timeline = timeline(100, &records);
    assert_eq!(timeline.len(), 100);
    assert!(timeline.sealed.len() <= 4, "{}", timeline.sealed.len());
    assert!(timeline.sealed.capacity() <= 5, "{}", timeline.sealed.capacity());
}

#[test]
fn a_clock_set_far_back_drops_what_it_left_behind() {
    let mut records: Vec<_> = (0..100).map(|i| record(1_000_000 + i, 1)).collect();
    records.extend((0..100).map(|i| record(i, 1)));
    let timeline = timeline(1000, &records);
    assert_eq!(times(&all(&timeline)), (0..100).collect::<Vec<_>>());
    assert!(timeline.sealed.iter().all(|block| block.last < 100));
}

#[test]
fn a_change_of_shape_begins_a_block() {
    let mut other = record(1, 7);
    other.body.part = Some(Part::default());
    let timeline = timeline(0, &[record(0, 7), other.clone(), other]);
    assert_eq!(timeline.window(None, None, None).blocks().len(), 2);
}

#[test]
fn a_window_takes_only_the_blocks_that_it_needs() {
    let records: Vec<_> = (0..320).map(|i| record(i, 1)).collect();
    let timeline = timeline(0, &records);
    let blocks = |start, end, count| timeline.window(start, end, count).blocks().len();
    assert_eq!(blocks(None, None, None), 10);
    assert_eq!(blocks(None, None, Some(1)), 1);
    assert_eq!(blocks(None, None, Some(33)), 2);
    assert_eq!(blocks(None, None, Some(0)), 0);
    assert_eq!(blocks(Some(Timestamp(318)), None, None), 1);
    assert_eq!(blocks(None, Some(Timestamp(40)), Some(1)), 2);
}

#[test]
fn errors_say_what_is_wrong() {
    let block = timeline(0, &[record(5, 7)]).window(None, None, None).blocks()[0].clone();
    let bytes = block.to_bytes();
    let damaged = |place: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = byte;
        Block::from_bytes(&bytes)
    };
    assert_eq!(Block::from_bytes(&[]), Err(DecodeError::Truncated));
    assert_eq!(damaged(0, 9), Err(DecodeError::Version(9)));
    assert_eq!(Block::from_bytes(&bytes[..bytes.len() - 1]), Err(DecodeError::Truncated));
    assert_eq!(Block::from_bytes(&[&bytes[..], &[0]].concat()), Err(DecodeError::Trailing(1)));
    assert_eq!(block.decode::<Part>(), Err(DecodeError::Shape));
    assert_eq!(block.decode::<u64>(), Err(DecodeError::Shape));
    let shape_length = usize::from(bytes[1]);
    assert_eq!(damaged(3 + shape_length, 0), Err(DecodeError::Records(0)));
    assert_eq!(damaged(3 + shape_length, 33), Err(DecodeError::Records(33)));
}

#[test]
fn a_list_that_claims_to_be_long_is_refused() {
    // no flags, then one length of 2^56
    let shape: &[u8] = &[0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
    let bytes = [&[1, shape.len() as u8], shape, &[0, 1, 0, 1]].concat();
    let block = Block::from_bytes(&bytes).unwrap();
    assert_eq!(block.decode::<Vec<u64>>(), Err(DecodeError::Shape));
}

#[test]
fn every_record_of_a_block_can_be_unchanged() {
    let records: Vec<_> = (0..40).map(|i| record(i, 4096)).collect();
    let timeline = timeline(0, &records);
    assert_eq!(all(&timeline), records);
    // after the first, flag and time in one byte each
    assert_eq!(timeline.open.as_ref().map(|open| open.records), Some(8));
    assert_eq!(timeline.open.as_ref().map(|open| open.body.len()), Some(1 + 1 + 1 + 2 + 7));
}

#[test]
fn what_is_held_is_what_takes_memory() {
    let records: Vec<_> = (0..40).map(|i| record(i, 4096)).collect();
    // of the first block, only the last record is young enough
    let timeline = timeline(9, &records);
    assert_eq!((timeline.len(), timeline.held()), (9, 40));
}

#[test]
fn a_small_block_that_claims_many_columns_is_refused() {
    // found by fuzzing: 12 bytes whose decoding wanted 28 GB
    let bytes = [0x01, 0x01, 0x04, 0xff, 0xff, 0xff, 0xff, 0x0c, 0x01, 0x92, 0x00, 0x3a];
    assert_eq!(Block::from_bytes(&bytes), Err(DecodeError::Columns(0xcfff_ffff)));
}

#[test]
fn a_repeated_record_is_the_one_before_at_another_instant() {
    let (mut repeated, mut scratch) = (Timeline::new(0), Scratch::default());
    assert!(!repeated.repeat(Timestamp(1), &mut scratch), "there is none before");
    let mut pushed = 0;
    for at in 0..600 {
        // another timeline's columns in the scratch change nothing
        timeline_with(&mut scratch);
        if at % 7 == 0 || !repeated.repeat(Timestamp(at), &mut scratch) {
            repeated.push(Timestamp(at), &mut record(at, at as u64 / 7), &mut scratch);
            pushed += 1;
        }
    }
    assert!(pushed < 110, "{pushed}");
    let expected: Vec<_> = (0..600).map(|at| record(at, at as u64 / 7)).collect();
    assert_eq!(all(&repeated), expected);
    assert!(!repeated.repeat(Timestamp(3), &mut scratch), "the clock was set back");
    assert_eq!(all(&repeated), expected);
}

fn timeline_with(scratch: &mut Scratch) {
    let mut other = Timeline::new(0);
    other.push(Timestamp(5), &mut record(5, 77), scratch);
}
