use plimsoll_core::cluster::batch::{Batch, Custom, Set, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::{Kind, Metric};
use proptest::prelude::*;

use super::*;
use crate::testing::{batch, container, host, ints, node, pod, set};

fn summed(sets: impl IntoIterator<Item = Set>) -> Batch {
    let mut batch = batch(60, sets);
    for step in [pod::sum, namespace::sum, node::sum, cluster::sum] {
        step(&mut batch);
    }
    batch
}

const PLAIN: [Metric; 3] = [Metric::MemoryUsage, Metric::CpuUsageRate, Metric::MemoryRss];

fn three(one: i64, two: i64, three: i64) -> [(Metric, i64); 3] {
    [(PLAIN[0], one), (PLAIN[1], two), (PLAIN[2], three)]
}

#[test]
fn containers_are_summed_over_their_pod() {
    let batch = summed([
        set(container("ns1", "pod1", "c1"), &[(PLAIN[0], 10), (PLAIN[1], 222)]),
        set(container("ns1", "pod1", "c2"), &[(PLAIN[0], 100), (PLAIN[2], 30)]),
        set(container("ns1", "pod2", "c1"), &[(PLAIN[0], 1)]),
    ]);
    assert_eq!(ints(&batch, &pod("ns1", "pod1"), &PLAIN), [Some(110), Some(222), Some(30)]);
    let made = batch.get(&pod("ns1", "pod1")).unwrap();
    assert_eq!((made.label("pod_name"), made.label("namespace_name")), (Some("pod1"), Some("ns1")));
    assert_eq!((made.scraped, made.started), (None, None));
}

#[test]
fn counters_are_not_summed_but_restarts_and_applications_numbers_are() {
    let counters =
        [(Metric::CpuUsage, 5), (Metric::Uptime, 5), (Metric::NetworkRx, 5), (Metric::RestartCount, 5)];
    let custom = |name: &str, value| {
        let mut set = set(container("ns1", "pod1", name), &counters);
        let custom = &mut set.more.get_or_insert_default().custom;
        custom.push(Custom { name: "custom/queries".into(), kind: Kind::Cumulative, value });
        set
    };
    let batch = summed([
        custom("a", Value::Int(3)),
        custom("b", Value::Int(4)),
        // another sort of number under that name
        custom("c", Value::Float(0.5)),
    ]);
    let pod = batch.get(&pod("ns1", "pod1")).unwrap();
    assert_eq!(pod.values.iter().collect::<Vec<_>>(), [(Metric::RestartCount, Value::Int(15))]);
    let [custom] = pod.custom() else { panic!("{:?}", pod.custom()) };
    assert_eq!((&*custom.name, custom.value), ("custom/queries", Value::Int(7)));
}

#[test]
fn a_pods_own_total_stays_and_a_sandbox_is_added_to() {
    let containers = || {
        [
            set(container("ns1", "pod1", "c1"), &three(10, 20, 30)),
            set(container("ns1", "pod1", "c2"), &three(1, 2, 3)),
        ]
    };
    let own = set(pod("ns1", "pod1"), &[(PLAIN[0], 99), (Metric::NetworkRx, 7)]);
    let mut sandbox = own.clone();
    sandbox.more.get_or_insert_default().sandbox = true;
    let f = |pod_set: Set, first: i64| {
        for pod_first in [true, false] {
            let mut sets = containers().to_vec();
            sets.insert(if pod_first { 0 } else { 1 }, pod_set.clone());
            let batch = summed(sets);
            assert_eq!(ints(&batch, &pod("ns1", "pod1"), &PLAIN), [Some(first), Some(22), Some(33)]);
        }
    };
    f(own, 99);
    f(sandbox, 110);
}

#[test]
fn pods_are_summed_over_their_namespace_and_namespaces_over_the_cluster() {
    let batch = summed([
        set(pod("ns1", "pod1"), &three(100, 200, 300)),
        set(pod("ns2", "pod1"), &three(7, 8, 9)),
        set(pod("ns1", "pod2"), &[(PLAIN[0], 10), (Metric::MemoryWorkingSet, 5)]),
        // of a node: neither counts
        set(node("n1"), &three(1000, 1000, 1000)),
        set(Key::SystemContainer { node: "n1".into(), container: "kubelet".into() }, &three(1, 1, 1)),
    ]);
    let metrics = [PLAIN[0], PLAIN[1], PLAIN[2], Metric::MemoryWorkingSet, Metric::CpuRequest];
    let namespace = |name: &str| Key::Namespace(name.into());
    assert_eq!(ints(&batch, &namespace("ns1"), &metrics), [Some(110), Some(200), None, Some(5), None]);
    assert_eq!(ints(&batch, &namespace("ns2"), &metrics), [Some(7), Some(8), None, None, None]);
    assert_eq!(ints(&batch, &Key::Cluster, &metrics), [Some(117), Some(208), None, Some(5), None]);
}

#[test]
fn a_cluster_without_pods_has_a_set_without_numbers() {
    let batch = summed([]);
    assert_eq!(batch.get(&Key::Cluster).unwrap().values.len(), 0);
}

#[test]
fn pods_are_summed_over_their_node_if_it_answered() {
    let asked = |key, cpu, node: &str| Set {
        node: Some(host(node)),
        ..set(key, &[(Metric::CpuRequest, cpu), (Metric::MemoryUsage, 1)])
    };
    let batch = summed([
        asked(pod("ns1", "pod1"), 100, "n1"),
        asked(pod("ns1", "gone"), 1000, "n2"),
        // its pod has no set of its own
        asked(container("ns1", "pod2", "c1"), 20, "n1"),
        set(pod("ns1", "nowhere"), &[(Metric::CpuRequest, 5)]),
        Set { node: Some(host("n1")), ..set(node("n1"), &[(Metric::MemoryUsage, 7)]) },
    ]);
    let metrics = [Metric::CpuRequest, Metric::MemoryUsage, Metric::CpuLimit];
    assert_eq!(ints(&batch, &node("n1"), &metrics), [Some(120), Some(7), None]);
    assert_eq!(batch.get(&node("n1")).unwrap().label("hostname"), Some("host-of-n1"));
    assert!(batch.get(&node("n2")).is_none());
    assert_eq!(batch.get(&pod("ns1", "pod2")).unwrap().label("nodename"), Some("n1"));
}

proptest! {
    /// Whatever the order and the grouping, a sum is what adding one by one gives.
    #[test]
    fn sums_are_those_of_adding_one_by_one(
        containers in proptest::collection::vec((0_u8..3, 0_u8..3, 0_u8..9, 0_i64..1000, any::<bool>()), 0..40)
    ) {
        let mut seen = std::collections::BTreeMap::new();
        let mut sets = Vec::new();
        for (n, p, c, value, has) in containers {
            let key = container(&format!("ns{n}"), &format!("p{p}"), &format!("c{c}"));
            let values: &[_] = &[(Metric::MemoryUsage, value), (Metric::CpuRequest, value)];
            let values = if has { values } else { &[] };
            let set = Set { node: Some(host(&format!("n{n}"))), ..set(key.clone(), values) };
            seen.insert((n, p, c), has.then_some(value));
            sets.push(set);
        }
        for n in 0..3 {
            sets.insert(0, set(node(&format!("n{n}")), &[]));
        }
        let batch = summed(sets);
        let sum = |wanted: &dyn Fn(u8, u8) -> bool| {
            let values = seen.iter().filter(|((n, p, _), _)| wanted(*n, *p)).filter_map(|(_, value)| *value);
            values.fold(None, |sum, value| Some(sum.unwrap_or(0) + value))
        };
        let found = |key: &Key, metric| batch.get(key).and_then(|set| set.values.int(metric));
        for n in 0..3_u8 {
            let namespace = sum(&|a, _| a == n);
            prop_assert_eq!(found(&Key::Namespace(format!("ns{n}").into()), Metric::MemoryUsage), namespace);
            prop_assert_eq!(found(&node(&format!("n{n}")), Metric::CpuRequest), namespace);
            prop_assert_eq!(found(&node(&format!("n{n}")), Metric::MemoryUsage), None);
            for p in 0..3_u8 {
                let of = pod(&format!("ns{n}"), &format!("p{p}"));
                prop_assert_eq!(found(&of, Metric::MemoryUsage), sum(&|a, b| (a, b) == (n, p)));
            }
        }
        prop_assert_eq!(found(&Key::Cluster, Metric::MemoryUsage), sum(&|_, _| true));
    }
}
