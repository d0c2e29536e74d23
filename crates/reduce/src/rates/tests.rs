use plimsoll_core::cluster::batch::{CpuRate, Resource};
use plimsoll_core::cluster::objects::Pod;
use proptest::prelude::*;

use super::*;
use crate::testing::{MINUTE, SECOND, batch, container, node, pod, sampled, set};

fn rates() -> Rates {
    Rates::new(MINUTE)
}

/// What the second sample of `c` has, after the first.
fn second(before: Set, now: Set) -> Set {
    let key = now.key.clone();
    let previous = batch(0, [before]);
    let mut next = batch(60, [now]);
    rates().compute(&mut next, Some(&previous));
    next.get(&key).unwrap().clone()
}

fn c() -> Key {
    container("ns1", "pod1", "c1")
}

fn cpu(started: i64, scraped: i64, used: i64) -> Set {
    sampled(c(), started, scraped, &[(Metric::CpuUsage, used)])
}

#[test]
fn all_plain_rates_are_listed() {
    let listed: Vec<_> = Metric::of_list(plimsoll_core::cluster::metric::List::Rate).collect();
    assert_eq!(listed, PLAIN);
    assert!(LABELED.iter().all(|metric| metric.row().rate_of.is_some()));
}

#[test]
fn counters_become_rates() {
    let counters = |cpu, faults, errors| {
        [
            (Metric::CpuUsage, cpu),
            (Metric::MemoryPageFaults, faults),
            (Metric::NetworkTxErrors, errors),
            (Metric::MemoryUsage, 7),
        ]
    };
    let now = second(
        sampled(c(), -900, -5, &counters(947_130_377_781, 100, 0)),
        sampled(c(), -900, 55, &counters(948_071_062_732, 130, 120)),
    );
    assert_eq!(now.values.int(Metric::CpuUsageRate), Some(15));
    assert_eq!(now.values.float(Metric::MemoryPageFaultsRate), Some(0.5));
    assert_eq!(now.values.float(Metric::NetworkTxErrorsRate), Some(2.0));
    assert_eq!(now.values.float(Metric::NetworkRxRate), None);
    // 940,684,951 ns in 60 s
    assert_eq!(now.cpu_rate, Some(CpuRate { nanocores: 15_678_082, window_nanos: MINUTE }));
}

#[test]
fn rates_need_two_samples_of_one_life() {
    let none = |before: Set, now: Set| {
        let now = second(before, now);
        assert_eq!((now.values.int(Metric::CpuUsageRate), now.cpu_rate), (None, None));
    };
    // started anew; went back; went back and nothing tells a start
    none(cpu(-900, 0, 500), cpu(-100, 60, 900));
    none(cpu(-900, 0, 500), cpu(-900, 60, 499));
    none(Set { started: None, ..cpu(0, 0, 500) }, Set { started: None, ..cpu(0, 60, 499) });
    // the clock of the node was set back
    none(cpu(-900, 60, 500), cpu(-900, 0, 900));
    // not sampled
    none(Set { scraped: None, ..cpu(-900, 0, 500) }, cpu(-900, 60, 900));
    none(cpu(-900, 0, 500), Set { scraped: None, ..cpu(-900, 60, 900) });
    // older than three rounds
    none(cpu(-900, -121, 500), cpu(-900, 60, 900));
    let now = second(cpu(-900, -120, 0), cpu(-900, 60, 180 * SECOND));
    assert_eq!(now.values.int(Metric::CpuUsageRate), Some(1000));
    // one start alone is told
    let now = second(Set { started: None, ..cpu(0, 0, 0) }, cpu(-900, 60, 60 * SECOND));
    assert_eq!(now.values.int(Metric::CpuUsageRate), Some(1000));
}

#[test]
fn where_the_cpu_went_back_nothing_has_a_rate() {
    let values = |cpu, rx| [(Metric::CpuUsage, cpu), (Metric::NetworkRx, rx)];
    let now = second(sampled(c(), 0, 0, &values(50, 10)), sampled(c(), 0, 60, &values(40, 70)));
    assert_eq!(now.values.float(Metric::NetworkRxRate), None);
    // one of the others costs itself
    let now = second(sampled(c(), 0, 0, &values(50, 10)), sampled(c(), 0, 60, &values(50, 9)));
    assert_eq!(now.values.int(Metric::CpuUsageRate), Some(0));
    assert_eq!(now.values.float(Metric::NetworkRxRate), None);
}

#[test]
fn a_pod_that_was_made_again_is_another_one() {
    let of = |uid: &str, used| {
        let pod = Pod { uid: uid.into(), ..Pod::default() };
        let scraped = if used == 5 { 0 } else { 60 };
        Set { started: None, pod: Some(pod.into()), ..cpu(0, scraped, used) }
    };
    assert_eq!(second(of("a", 5), of("b", 60 * SECOND)).values.int(Metric::CpuUsageRate), None);
    assert_eq!(second(of("a", 5), of("a", 60 * SECOND)).values.int(Metric::CpuUsageRate), Some(999));
}

#[test]
fn a_counter_beyond_2_63_goes_on() {
    let now = second(cpu(0, 0, i64::MAX), cpu(0, 60, i64::MAX.wrapping_add(60 * SECOND)));
    assert_eq!(now.values.int(Metric::CpuUsageRate), Some(1000));
}

#[test]
fn each_disk_is_compared_with_itself() {
    let disks = |scraped, values: &[(&str, i64)]| {
        let mut set = sampled(node("n1"), 0, scraped, &[]);
        for (id, bytes) in values {
            set.push_labeled(Metric::DiskIoReadBytes, Resource::Id((*id).into()), Value::Int(*bytes));
            set.push_labeled(Metric::DiskIoWriteBytes, Resource::Id((*id).into()), Value::Int(bytes * 2));
        }
        set
    };
    let found = |set: &Set, metric| -> Vec<(String, f64)> {
        let wanted = set.labeled().iter().filter(|one| one.metric == metric);
        wanted
            .map(|one| {
                let Resource::Id(id) = &one.resource else { panic!() };
                (id.to_string(), one.value.as_f64())
            })
            .collect()
    };
    // one that came, one that went, one that went back, another order
    let now = second(
        disks(0, &[("sda", 600), ("sdb", 0), ("gone", 1), ("back", 9)]),
        disks(60, &[("sdb", 120), ("sda", 660), ("new", 1), ("back", 8)]),
    );
    let wanted = |x: f64| vec![("sdb".to_owned(), 2.0 * x), ("sda".to_owned(), x)];
    assert_eq!(found(&now, Metric::DiskIoReadBytesRate), wanted(1.0));
    assert_eq!(found(&now, Metric::DiskIoWriteBytesRate), wanted(2.0));
    // the same sample again
    let mut rates = rates();
    let mut third = batch(120, [disks(60, &[("sda", 660), ("sdb", 120)])]);
    rates.compute(&mut third, Some(&batch(60, [now])));
    let third = third.get(&node("n1")).unwrap();
    assert_eq!(found(third, Metric::DiskIoReadBytesRate), [("sda".to_owned(), 1.0), ("sdb".to_owned(), 2.0)]);
}

#[test]
fn a_sample_that_came_again_keeps_its_rates_for_three_rounds() {
    let mut rates = Rates::new(30 * SECOND);
    let mut previous = batch(0, [cpu(-900, -5, 0)]);
    let mut found = Vec::new();
    for round in 1..7 {
        let mut next = batch(30 * round, [cpu(-900, 25, 15 * SECOND)]);
        rates.compute(&mut next, Some(&previous));
        let set = next.get(&c()).unwrap();
        found.push((set.values.int(Metric::CpuUsageRate), set.cpu_rate.map(|rate| rate.window_nanos)));
        previous = next;
    }
    let (kept, lost) = ((Some(500), Some(30 * SECOND)), (None, None));
    // the sample is 5, 35, 65 s old, then 95 and more
    assert_eq!(found, [kept, kept, kept, lost, lost, lost]);
}

/// Rates of `c` in rounds of 15 s, of samples with these times in milliseconds, each with the same use a second.
fn over_rounds(scraped: &[i64]) -> Vec<Option<CpuRate>> {
    let mut rates = Rates::new(15 * SECOND);
    let mut previous = None;
    let found = scraped.iter().enumerate().map(|(round, millis)| {
        // half a core, by the sample's true time: that of a cut one is 900 ms later
        let truly = if millis % 1000 == 0 { millis + 900 } else { *millis };
        let mut set = cpu(-900, 0, truly * 500_000);
        set.scraped = Some(Timestamp::from_secs(0).plus_nanos(millis * 1_000_000));
        let mut next = batch(15 * round as i64, [set]);
        rates.compute(&mut next, previous.as_ref());
        let rate = next.get(&c()).unwrap().cpu_rate;
        previous = Some(next);
        rate
    });
    found.collect()
}

#[test]
fn how_long_a_sample_came_again_is_not_asked_of_the_nodes_clock() {
    let half = |secs| Some(CpuRate { nanocores: 500_000_000, window_nanos: secs * SECOND });
    for behind in [-7200, -61, -45, 0, 45, 7200] {
        let at = |secs: i64| (secs + behind) * 1000 + 900;
        // every other round brings no new sample
        let found = over_rounds(&[at(0), at(15), at(15), at(40), at(40)]);
        assert_eq!(found, [None, half(15), half(15), half(25), half(25)], "{behind}");
        let found = over_rounds(&[at(0), at(15), at(15), at(15), at(15), at(15), at(80)]);
        assert_eq!(found, [None, half(15), half(15), half(15), half(15), None, None], "{behind}");
    }
}

#[test]
fn a_time_that_is_told_finer_or_cut_is_of_the_same_sample() {
    let rate = |millis: i64| Some(CpuRate { nanocores: 500_000_000, window_nanos: millis * 1_000_000 });
    // told finer, cut, finer; what follows is by the finer time
    let found = over_rounds(&[900, 15_900, 15_000, 15_900, 31_900]);
    assert_eq!(found, [None, rate(15_000), rate(15_000), rate(15_000), rate(16_000)]);
    let found = over_rounds(&[900, 15_900, 15_000, 31_900]);
    assert_eq!(found, [None, rate(15_000), rate(15_000), rate(16_000)]);
    // another second, another sample
    let found = over_rounds(&[900, 15_900, 16_900]);
    assert_eq!(found, [None, rate(15_000), rate(1000)]);
}

#[test]
fn a_sandbox_that_came_again_has_not_its_containers_rates_twice() {
    let sandbox = |scraped| {
        let counters = [(Metric::CpuUsage, 5), (Metric::NetworkRx, 7)];
        let mut set = sampled(pod("ns1", "pod1"), 0, scraped, &counters);
        set.more.get_or_insert_default().sandbox = true;
        set
    };
    let mut before = sandbox(0);
    before.values.set_int(Metric::CpuUsageRate, 300);
    before.values.set_float(Metric::NetworkRxRate, 2.5);
    let now = second(before, sandbox(0));
    assert_eq!(now.values.int(Metric::CpuUsageRate), None);
    assert_eq!(now.values.float(Metric::NetworkRxRate), Some(2.5));
}

#[test]
fn a_young_container_has_a_rate_from_its_start() {
    let alone = |key: Key, age: i64, used| {
        let mut only = batch(60, [sampled(key.clone(), 55 - age, 55, &[(Metric::CpuUsage, used)])]);
        rates().compute(&mut only, None);
        let set = only.get(&key).unwrap();
        assert_eq!(set.values.int(Metric::CpuUsageRate), None);
        set.cpu_rate
    };
    let rate = |nanocores, secs| Some(CpuRate { nanocores, window_nanos: secs * SECOND });
    assert_eq!(alone(c(), 10, 10 * SECOND), rate(1_000_000_000, 10));
    assert_eq!(alone(c(), 59, 59), rate(1, 59));
    for age in [-1, 0, 9, 60, 600] {
        assert_eq!(alone(c(), age, 10 * SECOND), None, "{age}");
    }
    assert_eq!((alone(node("n1"), 20, 5), alone(pod("ns1", "pod1"), 20, 5)), (None, None));
    // one that was there before, in another life
    let now = second(cpu(-900, 0, 10), cpu(20, 60, 20 * SECOND));
    assert_eq!(now.cpu_rate, rate(500_000_000, 40));
}

#[test]
fn pods_have_no_rate_for_autoscalers() {
    let of = |scraped, used| sampled(pod("ns1", "pod1"), 0, scraped, &[(Metric::CpuUsage, used)]);
    let now = second(of(0, 0), of(60, 60 * SECOND));
    assert_eq!((now.values.int(Metric::CpuUsageRate), now.cpu_rate), (Some(1000), None));
}

#[test]
fn rounds_that_are_not_later_have_no_rates_and_spoil_nothing() {
    let mut rates = rates();
    let first = batch(60, [cpu(-900, 0, 0)]);
    for secs in [60, 0] {
        let mut late = batch(secs, [cpu(-900, 30, 500)]);
        rates.compute(&mut late, Some(&first));
        assert_eq!(late.get(&c()).unwrap().values.int(Metric::CpuUsageRate), None);
    }
    let mut next = batch(120, [cpu(-900, 60, 60 * SECOND)]);
    rates.compute(&mut next, Some(&first));
    assert_eq!(next.get(&c()).unwrap().values.int(Metric::CpuUsageRate), Some(1000));
}

#[test]
fn who_was_absent_for_a_round_has_a_rate_when_back() {
    let after = |rounds: i64, stub: bool| {
        let mut rates = rates();
        let mut previous = batch(0, [cpu(-900, 0, 0), sampled(node("n2"), 0, 0, &[])]);
        for round in 1..=rounds {
            let mut next = batch(60 * round, [sampled(node("n2"), 0, 60 * round, &[])]);
            if stub {
                // the API server knows it though its node did not name it
                next.insert(set(c(), &[(Metric::CpuRequest, 100)]));
            }
            rates.compute(&mut next, Some(&previous));
            previous = next;
        }
        let scraped = 60 * (rounds + 1);
        let mut back = batch(scraped, [cpu(-900, scraped, scraped * SECOND)]);
        rates.compute(&mut back, Some(&previous));
        let rate = back.get(&c()).unwrap().values.int(Metric::CpuUsageRate);
        // n2 is the one that is absent now
        (rate, rates.absent.len())
    };
    for stub in [false, true] {
        assert_eq!(after(1, stub), (Some(1000), 1));
        assert_eq!(after(2, stub), (Some(1000), 1));
        assert_eq!(after(3, stub), (None, 1));
    }
}

proptest! {
    #[test]
    fn nothing_is_negative(
        before in proptest::collection::vec(any::<i64>(), 12),
        now in proptest::collection::vec(any::<i64>(), 12),
        times in (-100_i64..100, -100_i64..100, -100_i64..100, -100_i64..100),
    ) {
        let metrics: Vec<_> = Metric::of_list(plimsoll_core::cluster::metric::List::Standard).collect();
        let set = |values: &[i64], started, scraped| {
            let pairs: Vec<_> = metrics.iter().copied().zip(values.iter().copied()).collect();
            let mut set = sampled(c(), started, scraped, &pairs);
            for (metric, value) in [Metric::DiskIoReadBytes, Metric::DiskIoWriteBytes].into_iter().zip(values) {
                set.push_labeled(metric, Resource::Id("sda".into()), Value::Int(*value));
            }
            set
        };
        let now = second(set(&before, times.0, times.1), set(&now, times.2, times.3));
        for metric in PLAIN {
            prop_assert!(now.values.float(metric).is_none_or(|rate| rate >= 0.0 && rate.is_finite()));
        }
        for one in now.labeled().iter().filter(|one| LABELED.contains(&one.metric)) {
            prop_assert!(one.value.as_f64() >= 0.0 && one.value.as_f64().is_finite());
        }
        prop_assert!(now.cpu_rate.is_none_or(|rate| rate.window_nanos > 0));
    }
}
