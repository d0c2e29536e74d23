use super::*;
use crate::aggregate;
use crate::testing::{add_pod as know, at, batch, container, host, ints, objects, pod, sampled, set};

const ASKED: [Metric; 4] = [Metric::CpuRequest, Metric::CpuLimit, Metric::MemoryRequest, Metric::MemoryLimit];

#[test]
fn requests_and_limits_reach_containers_and_their_pod_however_few_sets_there_are() {
    let c1 = || Set { node: Some(host("n1")), ..set(container("ns1", "pod1", "c1"), &[]) };
    let p1 = || Set { node: Some(host("n1")), ..set(pod("ns1", "pod1"), &[]) };
    for sets in [vec![c1(), p1()], vec![c1()], vec![p1()], vec![p1(), c1()]] {
        let mut batch = batch(60, sets);
        enrich(&mut batch, &objects());
        aggregate::pod::sum(&mut batch);
        assert_eq!(batch.len(), 3);
        let wanted = [Some(433), Some(2222), Some(1555), Some(3333)];
        assert_eq!(ints(&batch, &pod("ns1", "pod1"), &ASKED), wanted);
        let wanted = [Some(100), Some(0), Some(555), Some(0)];
        assert_eq!(ints(&batch, &container("ns1", "pod1", "c1"), &ASKED), wanted);
        assert_eq!(ints(&batch, &pod("ns1", "pod1"), &[Metric::RestartCount]), [Some(3)]);
        for set in batch.iter() {
            assert_eq!(set.created, Some(at(-1000)));
            assert_eq!((set.label("pod_id"), set.label("nodename")), (Some("uid-1"), Some("n1")));
            assert_eq!((set.label("hostname"), set.scraped), (Some("host-of-n1"), None));
        }
        let image = |name| batch.get(&container("ns1", "pod1", name)).unwrap().image.clone();
        assert_eq!(image("nginx").as_deref(), Some("nginx"));
    }
}

#[test]
fn an_image_that_the_node_told_stays() {
    let told = Set { image: Some("sha256:1".into()), ..set(container("ns1", "pod1", "c1"), &[]) };
    let mut batch = batch(60, [told]);
    enrich(&mut batch, &objects());
    assert_eq!(batch.get(&container("ns1", "pod1", "c1")).unwrap().image.as_deref(), Some("sha256:1"));
}

#[test]
fn who_is_not_known_stays_as_it_is_and_who_is_in_no_specification_has_labels_alone() {
    let other = sampled(container("ns1", "unknown", "c1"), 0, 55, &[(Metric::MemoryUsage, 7)]);
    let init = sampled(container("ns1", "pod1", "init"), 0, 55, &[(Metric::MemoryUsage, 7)]);
    let mut batch = batch(60, [other.clone(), init]);
    enrich(&mut batch, &objects());
    assert_eq!(batch.get(&other.key), Some(&other));
    let init = batch.get(&container("ns1", "pod1", "init")).unwrap();
    assert_eq!(init.label("pod_id"), Some("uid-1"));
    assert_eq!((init.values.int(Metric::CpuRequest), init.values.len()), (None, 1));
    assert!(batch.get(&pod("ns1", "unknown")).is_none());
    // c1, nginx and their pod were made
    assert_eq!(batch.len(), 5);
}

#[test]
fn a_set_without_a_node_has_its_pods() {
    let mut batch = batch(60, [set(pod("ns1", "pod1"), &[])]);
    enrich(&mut batch, &objects());
    assert!(batch.iter().all(|set| set.node.as_ref().is_some_and(|node| &*node.name == "n1")));
}

#[test]
fn many_pods_in_any_order_have_their_own() {
    let objects = objects();
    for i in 0..50_i64 {
        let spec =
            Container { name: "c".into(), requests: crate::testing::resources(i, i), ..Container::default() };
        let name = format!("p{i}");
        know(
            &objects,
            Pod {
                namespace: "ns2".into(),
                name: name.as_str().into(),
                containers: [spec].into(),
                ..Pod::default()
            },
        );
    }
    // 17 and 50 have no common divisor
    let sets = (0..50).map(|i| set(container("ns2", &format!("p{}", i * 17 % 50), "c"), &[]));
    let mut batch = batch(60, sets);
    enrich(&mut batch, &objects);
    assert_eq!(batch.len(), 100);
    for i in 0..50_i64 {
        assert_eq!(ints(&batch, &container("ns2", &format!("p{i}"), "c"), &[Metric::CpuRequest]), [Some(i)]);
    }
}
