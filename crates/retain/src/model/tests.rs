use std::collections::BTreeMap;

use plimsoll_core::cluster::batch::{Custom, Set};
use plimsoll_core::cluster::metric::Kind;
use plimsoll_core::cluster::names::Name;
use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;
const M1: Metric = Metric::MemoryUsage;
const M2: Metric = Metric::MemoryRss;
const FS: Metric = Metric::FilesystemUsage;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn pod(name: &str) -> Key {
    Key::Pod { namespace: "ns1".into(), pod: name.into() }
}

fn disk(id: &str) -> Resource {
    Resource::Id(id.into())
}

fn set(name: &str, values: &[(Metric, i64)]) -> Set {
    let mut set = Set::new(pod(name));
    for (metric, value) in values {
        set.values.set_int(*metric, *value);
    }
    set
}

fn batch(secs: i64, sets: impl IntoIterator<Item = Set>) -> Arc<Batch> {
    let mut batch = Batch::new(at(secs));
    sets.into_iter().for_each(|set| drop(batch.insert(set)));
    Arc::new(batch)
}

/// Short 45 s, long 120 s with m1.
fn options() -> Options {
    Options { short_nanos: 45 * SECOND, long_nanos: 120 * SECOND, long: vec![M1, FS] }
}

fn ints(points: Vec<(Timestamp, Value)>) -> Vec<(i64, i64)> {
    let int = |value| match value {
        Value::Int(value) => value,
        Value::Float(value) => panic!("{value}"),
    };
    points.into_iter().map(|(time, value)| (time.since(at(0)) / SECOND, int(value))).collect()
}

/// Rounds 180, 60 and 20 seconds ago.
fn three() -> Model {
    let mut model = Model::new(options());
    let other = |value| set("pod2", &[(M1, value)]);
    let labeled = |mut set: Set, value| {
        set.push_labeled(FS, disk("/"), Value::Int(value));
        set.push_labeled(FS, disk("logs"), Value::Int(value + 1));
        set
    };
    model.push(batch(-180, [set("pod1", &[(M1, 60), (M2, 600)]), other(66)]));
    model.push(batch(-60, [labeled(set("pod1", &[(M1, 40), (M2, 444)]), 7), other(44)]));
    model.push(batch(-20, [labeled(set("pod1", &[(M1, 20), (M2, 222)]), 8)]));
    model
}

#[test]
fn the_long_list_is_kept_long_and_the_rest_short() {
    let model = three();
    let f = |name: &str, metric, last: i64, wanted: &[(i64, i64)]| {
        assert_eq!(ints(model.points(&pod(name), metric, at(-last), at(0), at(0))), wanted, "{name} {last}");
    };
    f("pod1", M1, 120, &[(-60, 40), (-20, 20)]);
    f("pod1", M1, 1000, &[(-60, 40), (-20, 20)]);
    f("pod1", M1, 30, &[(-20, 20)]);
    f("pod2", M1, 120, &[(-60, 44)]);
    f("pod2", M1, 30, &[]);
    f("pod1", M2, 120, &[(-20, 222)]);
    f("pod1", M2, 10, &[]);
    f("pod1", Metric::CpuLimit, 120, &[]);
    f("pod3", M1, 120, &[]);
    assert_eq!(model.names(&pod("pod1"), at(0)), ["memory/rss", "memory/usage"]);
    assert_eq!(model.names(&pod("pod3"), at(0)), [""; 0]);
    assert_eq!(model.latest().map(|batch| batch.at), Some(at(-20)));
}

#[test]
fn both_ends_belong_to_the_answer() {
    let model = three();
    let f = |start, end| ints(model.points(&pod("pod1"), M1, at(start), at(end), at(0)));
    assert_eq!(f(-60, -20), [(-60, 40), (-20, 20)]);
    assert_eq!((f(-59, -21), f(-60, -21), f(-20, -60)), (vec![], vec![(-60, 40)], vec![]));
}

#[test]
fn labeled_points_are_those_of_their_resource() {
    let model = three();
    let f = |metric, id: &str, now| {
        ints(model.labeled(&pod("pod1"), metric, &disk(id), at(-1000), at(now), at(now)))
    };
    assert_eq!(f(FS, "/", 0), [(-20, 8)]);
    assert_eq!(f(FS, "logs", -20), [(-60, 8), (-20, 9)]);
    assert_eq!((f(FS, "other", 0), f(Metric::FilesystemLimit, "/", 0)), (vec![], vec![]));
}

#[test]
fn what_is_too_old_is_not_shown_though_nothing_comes() {
    let model = three();
    let f = |metric, now| ints(model.points(&pod("pod1"), metric, at(-1000), at(now), at(now)));
    // exactly as old as may be, then older
    assert_eq!((f(M2, 25), f(M2, 26)), (vec![(-20, 222)], vec![]));
    assert_eq!((f(M1, 60), f(M1, 100), f(M1, 101)), (vec![(-60, 40), (-20, 20)], vec![(-20, 20)], vec![]));
    assert_eq!((model.names(&pod("pod1"), at(25)).len(), model.names(&pod("pod1"), at(26)).len()), (2, 0));
    assert!(model.latest().is_some());
}

#[test]
fn who_vanished_is_forgotten_in_time_and_who_comes_back_goes_on() {
    let mut model = Model::new(options());
    let stays = || set("stays", &[(M1, 1)]);
    let there = |round: i64| round < 3 || (5..7).contains(&round);
    let mut kept = Vec::new();
    for round in 0..30 {
        let sets = [Some(stays()), there(round).then(|| set("pod1", &[(M1, round), (M2, 10 * round)]))];
        model.push(batch(10 * round, sets.into_iter().flatten()));
        kept.push(model.gone.len());
        let now = at(10 * round);
        let f = |metric| ints(model.points(&pod("pod1"), metric, at(-1000), now, now));
        let wanted = |age: i64, by: i64| -> Vec<_> {
            (0..=round)
                .filter(|one| there(*one) && (round - one) * 10 <= age)
                .map(|one| (10 * one, by * one))
                .collect()
        };
        assert_eq!((f(M1), f(M2)), (wanted(120, 1), wanted(45, 10)), "{round}");
    }
    // there, gone in rounds 3 and 4, back, gone from 7 on, forgotten 12 rounds after the last
    let wanted: Vec<_> = (0..30).map(|round| usize::from(!there(round) && round < 19)).collect();
    assert_eq!(kept, wanted);
}

#[test]
fn custom_metrics_have_points_and_names() {
    let mut model = Model::new(options());
    for (round, value) in [Value::Int(3), Value::Int(4), Value::Float(0.5)].into_iter().enumerate() {
        let mut set = set("pod1", &[]);
        let name = Name::from("custom/queries");
        set.more.get_or_insert_default().custom.push(Custom { name, kind: Kind::Gauge, value });
        model.push(batch(round as i64, [set]));
    }
    let points = model.custom(&pod("pod1"), "custom/queries", at(0), at(2), at(2));
    assert_eq!(points, [(at(0), Value::Int(3)), (at(1), Value::Int(4)), (at(2), Value::Float(0.5))]);
    assert_eq!(model.custom(&pod("pod1"), "custom/other", at(0), at(2), at(2)), []);
    assert_eq!(model.names(&pod("pod1"), at(2)), ["custom/queries"]);
}

#[test]
fn rounds_of_one_instant_and_a_clock_that_was_set_back_are_answered_in_order() {
    let mut model = Model::new(options());
    for (secs, value) in [(10, 1), (20, 2), (20, 3), (30, 4), (25, 5), (35, 6)] {
        model.push(batch(secs, [set("pod1", &[(M1, value)])]));
    }
    let f = |model: &Model, now| ints(model.points(&pod("pod1"), M1, at(-10_000), at(now), at(now)));
    assert_eq!(f(&model, 40), [(10, 1), (20, 3), (25, 5), (30, 4), (35, 6)]);
    // by an hour: what was before has no place any more
    for round in 0..3 {
        model.push(batch(-3600 + 10 * round, [set("pod1", &[(M1, round)])]));
    }
    assert_eq!(f(&model, -3580), [(-3600, 0), (-3590, 1), (-3580, 2)]);
}

#[test]
fn memory_is_bounded_and_given_back() {
    let mut model = Model::new(Options::default());
    let round = |round: i64, count: i64| {
        let one = |i: i64| {
            let wave = (round * (i + 7) * 7919) % 1000;
            set(
                &format!("pod{i}"),
                &[
                    (M1, 4096 * (10_000 + wave)),
                    (Metric::CpuUsageRate, wave),
                    (Metric::CpuUsage, round * 15_000_000_000 + wave),
                    (Metric::CpuRequest, 100),
                ],
            )
        };
        batch(15 * round, (0..count).map(one))
    };
    let mut most = 0;
    for i in 0..200 {
        model.push(round(i, 100));
        if i == 100 {
            most = model.bytes();
        }
    }
    // 61 rounds of two numbers and 10 of four
    assert!(model.bytes() <= most * 11 / 10, "{} then {}", most, model.bytes());
    assert!(model.bytes() / 100 < 700, "{}", model.bytes() / 100);
    for i in 200..300 {
        model.push(round(i, 1));
    }
    assert!(model.bytes() < 4096 + size_of::<Model>(), "{}", model.bytes());
}

/// One entity's numbers in a round: plain ones by their metric, labeled ones by their resource, custom ones.
type Numbers = (BTreeMap<u8, i64>, BTreeMap<u8, i64>, BTreeMap<u8, (bool, i64)>);

fn numbers() -> impl Strategy<Value = Numbers> {
    let number = prop_oneof![any::<i64>(), 0_i64..100, (0_i64..100).prop_map(|pages| pages * 4096)];
    let plain = proptest::collection::btree_map(0..Metric::ALL.len() as u8, number.clone(), 0..12);
    let labeled = proptest::collection::btree_map(0_u8..6, number.clone(), 0..4);
    let custom = proptest::collection::btree_map(0_u8..3, (any::<bool>(), number), 0..3);
    (plain, labeled, custom)
}

fn made(name: &str, (plain, labeled, custom): &Numbers) -> Set {
    let mut set = Set::new(pod(name));
    let value = |float, bits: i64| if float { Value::Float(bits as f64 / 7.0) } else { Value::Int(bits) };
    for (metric, bits) in plain {
        let metric = Metric::ALL[usize::from(*metric)];
        if metric.is_plain() {
            set.values.set(metric, value(metric.row().float, *bits));
        }
    }
    for (id, bits) in labeled {
        set.push_labeled(FS, disk(&id.to_string()), Value::Int(*bits));
    }
    for (name, (float, bits)) in custom {
        let name = Name::from(format!("custom/{name}"));
        let custom = Custom { name, kind: Kind::Gauge, value: value(*float, *bits) };
        set.more.get_or_insert_default().custom.push(custom);
    }
    set
}

/// What is kept for long in the tests of whole rounds.
const LONG: [Metric; 3] = [M1, Metric::CpuUsageRate, Metric::NetworkRxRate];

/// All answers about an entity: of plain metrics, of labeled ones, of custom ones, and the names.
type Answers = (Vec<Vec<(Timestamp, Value)>>, Vec<String>);

fn answers(model: &Model, key: &Key, now: Timestamp) -> Answers {
    let (start, end) = (at(-1), now);
    let plain = Metric::ALL.iter().filter(|metric| metric.is_plain());
    let plain = plain.map(|metric| model.points(key, *metric, start, end, now));
    let labeled = (0..6).map(|id| model.labeled(key, FS, &disk(&id.to_string()), start, end, now));
    let custom = (0..3).map(|id| model.custom(key, &format!("custom/{id}"), start, end, now));
    (plain.chain(labeled).chain(custom).collect(), model.names(key, now))
}

/// The same from rounds that are kept whole.
fn wanted(whole: &[Arc<Batch>], key: &Key, now: Timestamp) -> Answers {
    let kept = |age: i64| whole.iter().filter(move |batch| now.since(batch.at) <= age * SECOND);
    let values = |age: i64, value: &dyn Fn(&Set) -> Option<Value>| -> Vec<(Timestamp, Value)> {
        kept(age).filter_map(|batch| Some((batch.at, value(batch.get(key)?)?))).collect()
    };
    let plain = Metric::ALL.iter().filter(|metric| metric.is_plain()).map(|metric| {
        let age = if LONG.contains(metric) { 120 } else { 45 };
        values(age, &|set| set.values.get(*metric))
    });
    let labeled = (0..6).map(|id| {
        let resource = disk(&id.to_string());
        values(45, &|set| Some(set.labeled().iter().find(|one| one.resource == resource)?.value))
    });
    let custom = (0..3).map(|id| {
        let name = format!("custom/{id}");
        values(45, &|set| Some(set.custom().iter().find(|one| *one.name == *name)?.value))
    });
    let names = kept(45).filter_map(|batch| batch.get(key)).flat_map(|set| {
        let plain = set.values.iter().map(|(metric, _)| metric.name().to_owned());
        plain.chain(set.custom().iter().map(|one| one.name.to_string())).collect::<Vec<_>>()
    });
    let names: BTreeSet<_> = names.collect();
    (plain.chain(labeled).chain(custom).collect(), names.into_iter().collect())
}

proptest! {
    /// Whatever comes and goes, the answers are those of keeping all rounds whole; and while a round is being taken,
    /// those of the rounds with it or without it.
    #[test]
    fn answers_are_those_of_whole_rounds(
        rounds in proptest::collection::vec(proptest::collection::btree_map(0_u8..4, numbers(), 0..4), 1..16),
        step in 1_i64..30,
        at_once in 1_usize..3,
    ) {
        let mut model = Model::new(Options { long: LONG.to_vec(), ..options() });
        let mut whole: Vec<Arc<Batch>> = Vec::new();
        let keys = ["0", "1", "2", "3"].map(pod);
        for (round, sets) in (0_i64..).zip(&rounds) {
            let batch = batch(step * round, sets.iter().map(|(name, numbers)| made(&name.to_string(), numbers)));
            let (before, now) = (whole.last().map(|batch| batch.at), batch.at);
            whole.push(Arc::clone(&batch));
            model.begin(batch);
            while model.advance(at_once) {
                prop_assert_eq!(model.latest().map(|batch| batch.at), before);
                for key in &keys {
                    let got = answers(&model, key, now);
                    let (older, newer) = (wanted(&whole[..whole.len() - 1], key, now), wanted(&whole, key, now));
                    prop_assert!(got == older || got == newer, "{}: {:?} {:?} {:?}", key, got, older, newer);
                }
            }
            prop_assert_eq!(model.latest().map(|batch| batch.at), Some(now));
        }
        let now = whole.last().unwrap().at;
        for key in &keys {
            prop_assert_eq!(answers(&model, key, now), wanted(&whole, key, now), "{}", key);
        }
    }
}
