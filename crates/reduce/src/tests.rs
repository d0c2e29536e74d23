use plimsoll_core::cluster::batch::{CpuRate, Set};
use plimsoll_core::cluster::key::{Key, WorkloadKind};
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::objects::{Objects, Owner, Pod};

use super::*;
use crate::testing::{MINUTE, SECOND, batch, container, host, ints, node, objects, pod, sampled};

fn round(secs: i64) -> Batch {
    let values = |used: i64, memory: i64| {
        [
            (Metric::CpuUsage, used * secs * SECOND),
            (Metric::MemoryUsage, memory),
            (Metric::MemoryWorkingSet, memory),
        ]
    };
    let on = |set: Set| Set { node: Some(host("n1")), ..set };
    batch(
        secs,
        [
            on(sampled(node("n1"), 0, secs, &values(2, 4000))),
            on(sampled(container("ns1", "pod1", "c1"), 0, secs, &values(1, 100))),
            on(sampled(container("ns1", "pod1", "nginx"), 0, secs, &values(0, 20))),
        ],
    )
}

fn owned() -> Objects {
    let objects = objects();
    let owner = |kind, name: &str| Some(Owner { kind, name: name.into() });
    let pod1 = Pod::clone(&objects.pod("ns1", "pod1").unwrap());
    crate::testing::add_pod(&objects, Pod { owner: owner(WorkloadKind::ReplicaSet, "web-1"), ..pod1 });
    let above = ("ns1".into(), WorkloadKind::ReplicaSet, "web-1".into());
    objects.write().owners.extend(owner(WorkloadKind::Deployment, "web").map(|owner| (above, owner)));
    objects
}

#[test]
fn two_rounds_of_a_node_are_reduced() {
    let objects = owned();
    let mut reducer = Reducer::new(Options { resolution_nanos: MINUTE });
    let mut first = round(60);
    reducer.reduce(&mut first, None, &objects);
    assert_eq!(ints(&first, &node("n1"), &[Metric::CpuUsageRate, Metric::CpuRequest]), [None, Some(433)]);
    assert_eq!(first.get(&node("n1")).unwrap().values.float(Metric::CpuNodeUtilization), None);
    let mut second = round(120);
    let mut told = Vec::new();
    reducer.reduce_telling(&mut second, Some(&first), &objects, |name| told.push(name));
    assert_eq!(told, PROCESSORS);
    let metrics = [
        Metric::CpuUsageRate,
        Metric::MemoryUsage,
        Metric::MemoryWorkingSet,
        Metric::CpuRequest,
        Metric::MemoryLimit,
    ];
    let workload = |kind, name: &str| Key::Workload { namespace: "ns1".into(), kind, name: name.into() };
    let sums = [
        pod("ns1", "pod1"),
        Key::Namespace("ns1".into()),
        workload(WorkloadKind::ReplicaSet, "web-1"),
        workload(WorkloadKind::Deployment, "web"),
        Key::Cluster,
    ];
    for key in &sums {
        assert_eq!(ints(&second, key, &metrics), [1000, 120, 120, 433, 3333].map(Some), "{key}");
    }
    assert_eq!(second.len(), 8);
    let host = second.get(&node("n1")).unwrap();
    assert_eq!(host.values.float(Metric::CpuNodeUtilization), Some(1.0));
    assert_eq!(host.values.float(Metric::MemoryNodeUtilization), Some(0.8));
    assert_eq!(host.values.float(Metric::CpuNodeReservation), Some(0.2165));
    assert_eq!(host.cpu_rate, Some(CpuRate { nanocores: 2_000_000_000, window_nanos: MINUTE }));
    for key in &sums[..4] {
        assert_eq!(second.get(key).unwrap().label("namespace_id"), Some("ns-uid"), "{key}");
    }
    let deployment = second.get(&sums[3]).unwrap();
    assert_eq!(
        (deployment.label("type"), deployment.label("workload_name")),
        (Some("deployment"), Some("web"))
    );
}

#[test]
fn owners_in_a_ring_are_summed_once() {
    let objects = owned();
    let back = Owner { kind: WorkloadKind::ReplicaSet, name: "web-1".into() };
    objects.write().owners.insert(("ns1".into(), WorkloadKind::Deployment, "web".into()), back);
    let mut batch = round(60);
    Reducer::new(Options { resolution_nanos: MINUTE }).reduce(&mut batch, None, &objects);
    let key = Key::Workload { namespace: "ns1".into(), kind: WorkloadKind::ReplicaSet, name: "web-1".into() };
    assert_eq!(ints(&batch, &key, &[Metric::MemoryUsage]), [Some(120)]);
}

#[test]
fn every_place_is_looked_at_once() {
    for count in [0, 1, PART - 1, PART, PART + 1, 2 * PART + 3] {
        let mut seen = Vec::new();
        each_place(count, &Objects::default(), |place, _| seen.push(place));
        assert_eq!(seen, (0..count).collect::<Vec<_>>());
    }
}
