use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::objects::Node;

use super::*;
use crate::ask::{Choice, Route};
use crate::testing::{FakeNode, Reply};

/// What a kubelet says of a node and a container, at this time in milliseconds.
fn told(pod: &str, at: i64) -> String {
    format!(
        "node_cpu_usage_seconds_total 1.5 {at}\n\
         container_cpu_usage_seconds_total{{container=\"c\",namespace=\"a\",pod=\"{pod}\"}} 2 {at}\n"
    )
}

fn fresh(pod: &str) -> String {
    told(pod, now().millis())
}

fn collector(nodes: &[(&str, &FakeNode)], rules: Rules) -> Collector {
    let host = |(name, node): &(&str, &FakeNode)| Host {
        name: (*name).to_owned(),
        address: "127.0.0.1".to_owned(),
        port: Some(node.port),
    };
    let hosts = Hosts::List(nodes.iter().map(host).collect());
    let source = Source::Hosts { hosts, choice: Route::Resource.into() };
    let access = NodeAccess { body: 100_000, ..NodeAccess::heapster() };
    Collector::new(source, access, rules, Arc::default(), Arc::default()).unwrap()
}

fn nodes(batch: &Batch) -> Vec<String> {
    let names = batch.iter().filter_map(|set| match &set.key {
        Key::Node(name) => Some(name.to_string()),
        _ => None,
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

fn failed(meters: &Meters, node: &str) -> Vec<&'static str> {
    let meter = meters.nodes.iter().find(|meter| *meter.node == *node).unwrap();
    let kinds = crate::ask::Fault::KINDS.into_iter().zip(meter.failed);
    kinds.filter(|(_, count)| *count > 0).map(|(kind, _)| kind).collect()
}

const AT: Timestamp = Timestamp::from_secs(1_795_000_000);
const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn all_that_answer_are_in_the_batch() {
    let one = FakeNode::new(|_| Reply::After(Duration::from_millis(100), fresh("p"))).await;
    let two = FakeNode::new(|_| Reply::Text(200, fresh("q"))).await;
    let collector = collector(&[("one", &one), ("two", &two)], Rules::default());
    let begin = Instant::now();
    let batch = collector.round(AT, LONG).await;
    assert!(begin.elapsed() < LONG / 2);
    assert_eq!((batch.at, nodes(&batch), batch.len()), (AT, vec!["one".to_owned(), "two".to_owned()], 4));
    let key = Key::Container { namespace: "a".into(), pod: "q".into(), container: "c".into() };
    let set = batch.get(&key).unwrap();
    assert_eq!(set.values.int(Metric::CpuUsage), Some(2_000_000_000));
    assert_eq!(&*set.node.as_ref().unwrap().name, "two");
    let meters = collector.meters();
    assert_eq!((meters.round.rounds, meters.round.nodes, meters.round.answered), (1, 2, 2));
    let [one, two] = &meters.nodes[..] else { panic!("{meters:?}") };
    assert_eq!((one.answered, one.failures(), one.ended(), one.entities), (1, 0, 1, 2));
    assert!(one.seconds >= 0.1 && one.buckets[..4] == [0; 4] && one.asked.is_some(), "{one:?}");
    assert_eq!((two.route, two.authority.starts_with("127.0.0.1:")), (Some(Route::Resource), true));
}

#[tokio::test]
async fn a_late_node_is_absent_and_holds_nobody_up_beyond_the_round() {
    let fast = FakeNode::new(|_| Reply::Text(200, fresh("p"))).await;
    let slow = FakeNode::new(|_| Reply::After(Duration::from_secs(60), fresh("q"))).await;
    let silent = FakeNode::new(|_| Reply::Silence).await;
    let collector = collector(&[("fast", &fast), ("silent", &silent), ("slow", &slow)], Rules::default());
    let (begin, within) = (Instant::now(), Duration::from_secs(2));
    let batch = collector.round(AT, within).await;
    assert!(begin.elapsed() >= within && begin.elapsed() < 4 * within, "{:?}", begin.elapsed());
    assert_eq!(nodes(&batch), ["fast"]);
    let meters = collector.meters();
    assert_eq!((failed(&meters, "slow"), failed(&meters, "silent")), (vec!["late"], vec!["late"]));
    assert_eq!((meters.round.nodes, meters.round.answered), (3, 1));
}

#[tokio::test]
async fn without_answers_a_round_is_empty() {
    let silent = FakeNode::new(|_| Reply::Silence).await;
    let collector = collector(&[("a", &silent), ("b", &silent)], Rules::default());
    let batch = collector.round(AT, Duration::from_millis(300)).await;
    assert!(batch.is_empty());
    assert!(collector.round(AT, Duration::ZERO).await.is_empty());
}

#[tokio::test]
async fn faults_delay_nobody_and_cost_their_own_node() {
    let good = FakeNode::new(|_| Reply::Text(200, fresh("p"))).await;
    let garbage = FakeNode::new(|_| Reply::Garbage).await;
    let huge = FakeNode::new(|_| Reply::Huge).await;
    let broken = FakeNode::new(|_| Reply::Text(500, "Internal Error: x".to_owned())).await;
    let other = FakeNode::new(|_| Reply::Text(200, "<html>".to_owned())).await;
    let all =
        [("broken", &broken), ("garbage", &garbage), ("good", &good), ("huge", &huge), ("other", &other)];
    let collector = collector(&all, Rules::default());
    let begin = Instant::now();
    for _ in 0..2 {
        assert_eq!(nodes(&collector.round(AT, LONG).await), ["good"]);
    }
    assert!(begin.elapsed() < LONG / 2);
    let meters = collector.meters();
    let kinds = ["broken", "garbage", "huge", "other"].map(|node| failed(&meters, node).concat());
    assert_eq!(kinds, ["refused", "unreachable", "large", "unreadable"]);
    assert_eq!(meters.nodes.iter().map(NodeMeter::failures).collect::<Vec<_>>(), [2, 2, 0, 2, 2]);
}

#[tokio::test]
async fn nodes_that_failed_wait_for_each_other_alone() {
    let silent = FakeNode::new(|_| Reply::Silence).await;
    let good = FakeNode::new(|_| Reply::Text(200, fresh("p"))).await;
    let names: Vec<_> = (0..12).map(|n| format!("n{n:02}")).collect();
    let all: Vec<_> =
        names.iter().enumerate().map(|(n, name)| (&**name, if n < 8 { &silent } else { &good })).collect();
    let collector = collector(&all, Rules { at_a_time: 4, ..Rules::default() });
    // the silent ones are found out four at a time at worst; a busy machine may take one of the others for silent
    for _ in 0..10 {
        if nodes(&collector.round(AT, Duration::from_secs(1)).await).len() == 4 {
            return;
        }
    }
    panic!("{:?}", collector.meters());
}

#[tokio::test]
async fn a_node_that_comes_back_gets_its_turn_among_silent_ones() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static BACK: AtomicBool = AtomicBool::new(false);
    let silent = FakeNode::new(|_| Reply::Silence).await;
    let back = FakeNode::new(|_| match BACK.load(Ordering::Relaxed) {
        true => Reply::Text(200, fresh("p")),
        false => Reply::Silence,
    })
    .await;
    let all: Vec<_> =
        ["a", "b", "c", "d", "e"].into_iter().map(|name| (name, &silent)).chain([("back", &back)]).collect();
    // of those that failed one at a time
    let collector = collector(&all, Rules { at_a_time: 4, spread: false, ..Rules::default() });
    for _ in 0..3 {
        assert!(collector.round(AT, Duration::from_millis(300)).await.is_empty());
    }
    BACK.store(true, Ordering::Relaxed);
    for _ in 0..12 {
        if nodes(&collector.round(AT, Duration::from_millis(300)).await) == ["back"] {
            return;
        }
    }
    panic!("{:?}", collector.meters());
}

#[tokio::test]
async fn a_wrong_clock_is_counted_and_its_numbers_stay() {
    let hour = 3_600_000;
    let ahead = FakeNode::new(move |_| Reply::Text(200, told("p", now().millis() + 2 * hour))).await;
    let behind = FakeNode::new(move |_| Reply::Text(200, told("q", now().millis() - 2 * hour))).await;
    let unset = FakeNode::new(move |_| Reply::Text(200, told("r", -62_135_596_800_000))).await;
    let near = FakeNode::new(move |_| Reply::Text(200, told("s", now().millis() - hour / 2))).await;
    let all = [("ahead", &ahead), ("behind", &behind), ("near", &near), ("unset", &unset)];
    let collector = collector(&all, Rules::default());
    let batch = collector.round(AT, LONG).await;
    assert_eq!(batch.len(), 8);
    let scraped = batch.get(&Key::Node("unset".into())).unwrap().scraped.unwrap();
    assert!(now().since(scraped) < 60_000_000_000, "a time that was never set is that of asking");
    let wrong: Vec<_> = collector.meters().nodes.iter().map(|meter| meter.wrong_clock).collect();
    assert_eq!(wrong, [1, 1, 0, 0]);
}

#[tokio::test]
async fn questions_are_spread_and_a_node_keeps_its_place() {
    let node = FakeNode::new(|_| Reply::Silence).await;
    let names: Vec<_> = (0..400).map(|n| format!("n{n}")).collect();
    let all: Vec<_> = names.iter().map(|name| (&**name, &node)).collect();
    let collector = collector(&all, Rules::default());
    let inner = &collector.inner;
    let begin = Instant::now();
    let times = async |within: Duration| {
        let targets = inner.source.targets(inner.asker.access(), &inner.objects, &inner.rules).await;
        let Lanes([lane, _]) = inner.lanes(targets, begin, within);
        lane.map(|(at, target)| (at - begin, target.node.name.to_string())).collect::<Vec<_>>()
    };
    let first = times(LONG).await;
    assert_eq!((first.len(), &first), (400, &times(LONG).await));
    // 400 x 8 ms
    let quarters = |all: &[(Duration, String)], spread: Duration| {
        let part = |(at, _): &(Duration, String)| (at.as_secs_f64() / spread.as_secs_f64() * 4.0) as usize;
        (0..4).map(|nth| all.iter().filter(|one| part(one).min(3) == nth).count()).collect::<Vec<_>>()
    };
    let spread = Duration::from_millis(3200);
    assert!(first.iter().all(|(at, _)| *at <= spread));
    assert!(quarters(&first, spread).iter().all(|count| *count > 50), "{:?}", quarters(&first, spread));
    // never more than a quarter of the round
    let short = times(Duration::from_secs(4)).await;
    assert!(short.iter().all(|(at, _)| *at <= Duration::from_secs(1)));
}

#[tokio::test]
async fn nodes_that_are_gone_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hosts");
    let node = FakeNode::new(|_| Reply::Text(200, fresh("p"))).await;
    std::fs::write(&path, format!("a 127.0.0.1:{0}\nb 127.0.0.1:{0}\n", node.port)).unwrap();
    let source = Source::Hosts { hosts: Hosts::file(path.clone()), choice: Choice::only(Route::Resource) };
    let collector =
        Collector::new(source, NodeAccess::heapster(), Rules::default(), Arc::default(), Arc::default())
            .unwrap();
    assert_eq!(nodes(&collector.round(AT, LONG).await), ["a", "b"]);
    std::fs::write(&path, format!("b 127.0.0.1:{}\n", node.port)).unwrap();
    assert_eq!(nodes(&collector.round(AT, LONG).await), ["b"]);
    let meters = collector.meters();
    assert_eq!((meters.nodes.len(), meters.nodes[0].answered), (1, 2));
}

#[tokio::test]
async fn a_clusters_nodes_are_asked_where_their_objects_say() {
    let node = FakeNode::new(|_| Reply::Text(200, fresh("p"))).await;
    let objects = Arc::new(Objects::default());
    let object = |name: &str, ip: Option<&str>| {
        let ip = ip.map(|ip| ip.parse().unwrap());
        Arc::new(Node { name: name.into(), ip, kubelet_port: node.port, ..Node::default() })
    };
    for one in [object("there", Some("127.0.0.1")), object("nowhere", None)] {
        objects.write().nodes.insert(one.name.clone(), one);
    }
    let source = Source::Kubernetes { choice: Choice::cpu_and_memory() };
    let access = NodeAccess { node_status_port: true, ..NodeAccess::heapster() };
    let collector = Collector::new(source, access, Rules::default(), objects, Arc::default()).unwrap();
    let batch = collector.round(AT, LONG).await;
    assert_eq!(nodes(&batch), ["there"]);
    assert_eq!(failed(&collector.meters(), "nowhere"), ["no_address"]);
}
