use super::*;
use crate::testing::{batch, ints, node, objects, set};

const ALL: [Metric; 8] = [
    Metric::CpuNodeCapacity,
    Metric::MemoryNodeCapacity,
    Metric::CpuNodeAllocatable,
    Metric::MemoryNodeAllocatable,
    Metric::CpuNodeUtilization,
    Metric::MemoryNodeUtilization,
    Metric::CpuNodeReservation,
    Metric::MemoryNodeReservation,
];

fn enriched(values: &[(Metric, i64)], listed: bool) -> Vec<Option<f64>> {
    let mut batch = batch(60, [set(node("n1"), values), set(node("unknown"), values)]);
    let objects = objects();
    objects.write().pods_listed = listed;
    enrich(&mut batch, &objects.read());
    assert_eq!(ints(&batch, &node("unknown"), &ALL), [None; 8]);
    let set = batch.get(&node("n1")).unwrap();
    assert_eq!(set.label("hostname"), Some("host-of-n1"));
    ALL.map(|metric| set.values.float(metric)).to_vec()
}

#[test]
fn nodes_have_capacity_utilization_and_reservation() {
    let values = [
        (Metric::CpuUsageRate, 100),
        (Metric::MemoryUsage, 3000),
        (Metric::CpuRequest, 600),
        (Metric::MemoryRequest, 6000),
    ];
    let wanted = [4000.0, 8000.0, 2000.0, 5000.0, 0.05, 0.6, 0.3, 1.2];
    assert_eq!(enriched(&values, true), wanted.map(Some));
}

#[test]
fn what_is_not_known_is_absent() {
    let there = [4000.0, 8000.0, 2000.0, 5000.0].map(Some);
    assert_eq!(enriched(&[], false), [there, [None; 4]].concat());
    // a node that runs no pods is asked for nothing
    assert_eq!(enriched(&[], true), [there, [None, None, Some(0.0), Some(0.0)]].concat());
    let mut one = Set::new(node("n1"));
    one.values.set_int(Metric::CpuUsageRate, 5);
    fill(&mut one, &Node { allocatable: crate::testing::resources(0, 0), ..Node::default() }, true);
    let wanted = [None, None, Some(0.0), Some(0.0), None, None, None, None];
    assert_eq!(ALL.map(|metric| one.values.float(metric)), wanted);
}
