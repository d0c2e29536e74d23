use plimsoll_core::cluster::batch::Custom;
use plimsoll_core::cluster::key::WorkloadKind;
use plimsoll_core::cluster::metric::Kind;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::cluster::objects::{Copied, Namespace, Node, Pod};
use plimsoll_core::time::Timestamp;

use super::*;

const AT: Timestamp = Timestamp::from_secs(1_473_847_320);

fn shape() -> Shape {
    Shape {
        with_fields: false,
        cluster_name: "default".into(),
        without_counters: false,
        with_ids: false,
        with_workloads: true,
    }
}

/// A container of a pod, with one of everything.
fn container() -> Set {
    let mut set = Set::new(Key::Container { namespace: "ns".into(), pod: "p".into(), container: "c".into() });
    let copied = Copied { joined: "app:x,tier:y z".into(), stored: vec![("time".into(), "lost".into())] };
    set.pod = Some(Arc::new(Pod { uid: "u".into(), copied, ..Pod::default() }));
    set.namespace = Some(Arc::new(Namespace { name: "ns".into(), uid: "nu".into() }));
    let node = Node { name: "n1".into(), hostname: "h1".into(), host_id: "id".into(), ..Node::default() };
    set.node = Some(Arc::new(node));
    set.image = Some("r.io/i:1=2".into());
    set.values.set_int(Metric::Uptime, 7);
    set.values.set_int(Metric::CpuUsage, 5_000_000_000);
    set.values.set_int(Metric::CpuUsageRate, 12);
    set.values.set_float(Metric::NetworkRxRate, 0.5);
    set.values.set_float(Metric::NetworkTxRate, f64::NAN);
    set.push_labeled(Metric::FilesystemUsage, Resource::Id("/".into()), Value::Int(4096));
    set.push_labeled(Metric::FilesystemLimit, Resource::Id("/".into()), Value::Int(8192));
    set.push_labeled(Metric::DiskIoReadBytes, Resource::Id("sda".into()), Value::Int(1));
    set.push_labeled(Metric::DiskIoReadBytesRate, Resource::Id("sda".into()), Value::Float(1.5));
    let id = Resource::Accelerator { make: "nvidia".into(), model: "Tesla K80".into(), id: "a0".into() };
    set.push_labeled(Metric::AcceleratorDutyCycle, id, Value::Int(44));
    let custom = Custom { name: "custom/qps now".into(), kind: Kind::Gauge, value: Value::Int(-3) };
    set.more.get_or_insert_default().custom.push(custom);
    set
}

fn batch(sets: Vec<Set>) -> Arc<Batch> {
    let mut batch = Batch::new(AT);
    sets.into_iter().for_each(|set| assert!(batch.insert(set).is_none()));
    Arc::new(batch)
}

fn lines(shape: Shape, sets: Vec<Set>) -> Vec<String> {
    let chunks: Vec<_> = Chunks::new(Arc::new(shape), batch(sets)).collect();
    let text: String = chunks.iter().map(|chunk| String::from_utf8(chunk.lines.to_vec()).unwrap()).collect();
    let points: usize = chunks.iter().map(|chunk| chunk.points).sum();
    assert_eq!(points, text.lines().count());
    text.lines().map(|line| line.strip_suffix(" 1473847320000000000").unwrap().to_owned()).collect()
}

const TAGS: &str = r"cluster_name=default,container_base_image=r.io/i:1\=2,container_name=c,labels=app:x\,tier:y\ z,namespace_name=ns,nodename=n1,pod_name=p";

#[test]
fn points_without_fields_are_heapsters() {
    let got = lines(shape(), vec![container()]);
    let wanted = [
        format!("uptime,{TAGS},type=pod_container value=7i"),
        format!("cpu/usage,{TAGS},type=pod_container value=5000000000i"),
        format!("cpu/usage_rate,{TAGS},type=pod_container value=12i"),
        format!("network/rx_rate,{TAGS},type=pod_container value=0.5"),
        format!(r"custom/qps\ now,{TAGS},type=pod_container value=-3i"),
        format!("filesystem/usage,{TAGS},resource_id=/,type=pod_container value=4096i"),
        format!("filesystem/limit,{TAGS},resource_id=/,type=pod_container value=8192i"),
        format!("disk/io_read_bytes,{TAGS},resource_id=sda,type=pod_container value=1i"),
        format!("disk/io_read_bytes_rate,{TAGS},resource_id=sda,type=pod_container value=1.5"),
        format!(
            r"accelerator/duty_cycle,accelerator_id=a0,{},type=pod_container value=44i",
            TAGS.replace(",namespace_name", r",make=nvidia,model=Tesla\ K80,namespace_name")
        ),
    ];
    assert_eq!(got, wanted);
}

#[test]
fn points_with_fields_have_a_line_a_measurement() {
    let got = lines(Shape { with_fields: true, ..shape() }, vec![container()]);
    let wanted = [
        format!("uptime,{TAGS},type=pod_container value=7i"),
        format!("cpu,{TAGS},type=pod_container usage=5000000000i,usage_rate=12i"),
        format!("network,{TAGS},type=pod_container rx_rate=0.5"),
        format!(r"custom,{TAGS},type=pod_container qps\ now=-3i"),
        format!("filesystem,{TAGS},resource_id=/,type=pod_container usage=4096i"),
        format!("filesystem,{TAGS},resource_id=/,type=pod_container limit=8192i"),
        format!("disk,{TAGS},resource_id=sda,type=pod_container io_read_bytes=1i"),
        format!("disk,{TAGS},resource_id=sda,type=pod_container io_read_bytes_rate=1.5"),
    ];
    assert_eq!(got[..8], wanted);
}

#[test]
fn counters_ids_and_workloads_are_a_choice() {
    let got = lines(Shape { without_counters: true, ..shape() }, vec![container()]).join("\n");
    assert!(!got.contains("cpu/usage,") && !got.contains("disk/io_read_bytes,"), "{got}");
    assert!(got.contains("uptime,") && got.contains("cpu/usage_rate,"), "{got}");
    assert_eq!(COUNTERS.count_ones(), 9);
    let got = lines(Shape { with_ids: true, ..shape() }, vec![container()]);
    let ids = "host_id=id,hostname=h1,labels=app:x\\,tier:y\\ z,namespace_id=nu,namespace_name=ns,nodename=n1,pod_id=u,";
    assert!(got.iter().all(|line| line.contains(&ids[..20])) && got[0].contains(ids), "{got:?}");
    let mut workload = Set::new(Key::Workload {
        namespace: "ns".into(),
        kind: WorkloadKind::Deployment,
        name: "web".into(),
    });
    workload.values.set_int(Metric::CpuUsageRate, 3);
    let line = "cpu/usage_rate,namespace_name=ns,type=deployment,workload_name=web value=3i";
    assert_eq!(lines(Shape { cluster_name: String::new(), ..shape() }, vec![workload.clone()]), [line]);
    assert_eq!(lines(Shape { with_workloads: false, ..shape() }, vec![workload]), [""; 0]);
}

#[test]
fn a_users_label_that_is_called_as_ours_is_written_once() {
    let mut set = container();
    let copied = Copied { joined: "".into(), stored: vec![("nodename".into(), "mine".into())] };
    set.pod = Some(Arc::new(Pod { copied, ..Pod::default() }));
    set.more = None;
    for line in lines(shape(), vec![set]) {
        assert!(line.contains(",nodename=mine,") && line.matches("nodename=").count() == 1, "{line}");
        assert!(!line.contains("labels="), "{line}");
    }
}

#[test]
fn chunks_are_bounded_and_nothing_is_lost_between_them() {
    let sets = (0..100).map(|i| {
        let mut set = Set::new(Key::Node(i.to_string().into()));
        for metric in Metric::ALL.iter().filter(|metric| metric.is_plain()).take(7) {
            set.values.set_int(*metric, i);
        }
        set
    });
    let batch = batch(sets.collect());
    let mut chunks = Chunks::new(Arc::new(shape()), batch);
    chunks.most = 50;
    let sizes: Vec<_> = chunks.map(|chunk| chunk.points).collect();
    assert_eq!(sizes, [[49; 14].as_slice(), &[14]].concat());
    // a set that is larger than a chunk has one of its own
    let mut chunks = Chunks::new(Arc::new(shape()), self::batch(vec![container(), Set::new(Key::Cluster)]));
    chunks.most = 3;
    assert_eq!(chunks.map(|chunk| chunk.points).collect::<Vec<_>>(), [10]);
}

#[test]
fn an_empty_batch_has_no_chunk() {
    assert_eq!(lines(shape(), vec![]), [""; 0]);
    assert_eq!(lines(shape(), vec![Set::new(Key::Cluster)]), [""; 0]);
}

/// CPU time of this thread: the machine may have other work.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// What points cost: `cargo test --release -p plimsoll-sinks how_long -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn how_long_a_node_of_thirty_pods_takes() {
    const NODES: usize = 200;
    let mut batch = Batch::new(AT);
    for node in 0..NODES {
        let node = Arc::new(Node { name: format!("node-{node}").into(), ..Node::default() });
        let mut add = |key: Key| {
            let mut set = Set { node: Some(Arc::clone(&node)), ..Set::new(key) };
            for metric in Metric::ALL.iter().filter(|metric| metric.is_plain()).take(24) {
                set.values.set_int(*metric, 123_456_789);
            }
            batch.insert(set);
        };
        add(Key::Node(node.name.clone()));
        for pod in 0..30 {
            let (namespace, pod): (Name, Name) = ("shop".into(), format!("web-{pod}-{}", node.name).into());
            for container in ["main", "side"] {
                let (namespace, pod) = (namespace.clone(), pod.clone());
                add(Key::Container { namespace, pod, container: container.into() });
            }
            add(Key::Pod { namespace, pod });
        }
    }
    let batch = Arc::new(batch);
    for with_fields in [false, true] {
        let start = cpu_nanos();
        let chunks = Chunks::new(Arc::new(Shape { with_fields, ..shape() }), Arc::clone(&batch));
        let (points, bytes) =
            chunks.fold((0, 0), |(points, bytes), chunk| (points + chunk.points, bytes + chunk.lines.len()));
        let node = std::time::Duration::from_nanos((cpu_nanos() - start) / NODES as u64);
        println!(
            "with_fields={with_fields}: {node:?} a node, {} points, {} bytes",
            points / NODES,
            bytes / NODES
        );
    }
}
