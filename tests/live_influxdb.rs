//! The sink `influxdb` and the past that it can be asked for, before a real InfluxDB 1.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use common::influx::Influx;
use common::rounds::{AT, MINUTE, batch, pod};
use common::{Need, eventually, say, seconds};
use plimsoll_core::cluster::batch::{Batch, Set, Value};
use plimsoll_core::cluster::history::{Aggregation, Bucket, History, Question, Subject};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::objects::{Copied, Node, Pod};
use plimsoll_core::cluster::uri::Uri;
use plimsoll_core::time::Timestamp;
use plimsoll_sinks::{Limits, Loss, Manager, Sink, SinkMeters};
use serde_json::Value as Json;

/// A sink at work, with its past.
struct Work {
    runtime: tokio::runtime::Runtime,
    manager: Manager,
    past: Arc<dyn History>,
}

impl Work {
    fn start(influx: &Influx, options: &str) -> Self {
        Self::start_within(influx, options, Limits::default())
    }

    fn start_within(influx: &Influx, options: &str, limits: Limits) -> Self {
        let sink = sink(influx, options);
        let past = sink.history().unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let guard = runtime.enter();
        let manager = Manager::start(vec![sink], limits);
        drop(guard);
        Self { runtime, manager, past }
    }

    fn meters(&self) -> SinkMeters {
        self.manager.meters().remove(0)
    }

    fn lost(&self, reason: Loss) -> u64 {
        self.meters().drops.into_iter().find(|(one, _)| *one == reason).unwrap().1
    }

    /// Ships a batch, and waits until it arrived.
    #[track_caller]
    fn ship(&self, batch: Batch) {
        let before = self.meters().exports;
        self.manager.push(&Arc::new(batch));
        self.arrived(before + 1);
    }

    #[track_caller]
    fn arrived(&self, count: u64) {
        eventually("the batch arrives", 20.0, || {
            let meters = self.meters();
            if meters.exports == count { Ok(()) } else { Err(format!("{meters:?}")) }
        });
    }

    #[track_caller]
    fn values(&self, question: Question) -> Vec<Vec<(Timestamp, Value)>> {
        self.runtime.block_on(self.past.values(question)).unwrap()
    }
}

fn sink(influx: &Influx, options: &str) -> Box<dyn Sink> {
    let uri = format!("influxdb:http://{}?{options}", influx.address);
    let built = plimsoll_sinks::build(&Uri::parse(&uri, |_| None).unwrap()).unwrap();
    assert!(built.notices.is_empty(), "{:?}", built.notices);
    built.sink
}

fn question(key: Key, metric: &str) -> Question {
    Question {
        metric: metric.to_owned(),
        labels: Vec::new(),
        subjects: vec![Subject::Key(key)],
        start: AT.plus_nanos(-1),
        end: AT.plus_nanos(1),
    }
}

fn json(value: Value) -> Json {
    match value {
        Value::Int(value) => value.into(),
        Value::Float(value) => value.into(),
    }
}

/// The condition under which a set's points are found, by every tag that Heapster writes.
fn tags(set: &Set) -> String {
    let ids = ["pod_id", "namespace_id", "hostname", "host_id"];
    let labels = set.labels();
    let kept = labels.iter().filter(|(name, value)| !ids.contains(name) && !value.is_empty());
    let words: Vec<_> =
        kept.map(|(name, value)| format!("\"{name}\" = '{}'", value.replace('\'', "\\'"))).collect();
    words.join(" AND ") + " AND cluster_name = 'default'"
}

/// Every number of a batch is in the database under every tag, and the past tells it too.
fn everything_arrives(options: &str, with_fields: bool) {
    let influx = Influx::start();
    let work = Work::start(&influx, options);
    let batch = batch(AT, 100);
    work.ship(batch.clone());
    let mut count = 0;
    for set in batch.iter() {
        for (metric, value) in set.values.iter() {
            let name = metric.name();
            let split = name.split_once('/').filter(|_| with_fields).unwrap_or((name, "value"));
            let ask = format!("SELECT \"{}\" AS v FROM \"{}\" WHERE {}", split.1, split.0, tags(set));
            assert_eq!(influx.column("k8s", &ask, "v"), [json(value)], "{ask}");
            assert_eq!(influx.column("k8s", &ask, "time"), [Json::from(AT.nanos())]);
            let told = work.values(question(set.key.clone(), name));
            assert_eq!(told, [vec![(AT, value)]], "{name} of {}", set.key);
            count += 1;
        }
        for labeled in set.labeled() {
            let mut question = question(set.key.clone(), labeled.metric.name());
            let own = labeled.resource.labels().map(|(name, value)| (name.to_owned(), value.to_owned()));
            question.labels = own.collect();
            assert_eq!(work.values(question), [vec![(AT, labeled.value)]]);
        }
        let subject = Subject::Key(set.key.clone());
        let names = work.runtime.block_on(work.past.metric_names(subject)).unwrap();
        let mut wanted: Vec<_> = set.values.iter().map(|(metric, _)| metric.name()).collect();
        wanted.extend(["filesystem/limit", "filesystem/usage"]);
        wanted.sort_unstable();
        assert_eq!(names, wanted, "names of {}", set.key);
    }
    assert!(count > 300, "{count}");
    let past = &work.past;
    let listed = work.runtime.block_on(async {
        let nobody = Subject::Key(pod("nobody"));
        [
            past.nodes().await.unwrap(),
            past.namespaces().await.unwrap(),
            past.pods("shop".into()).await.unwrap(),
            past.pods("empty".into()).await.unwrap(),
            past.system_containers("n1".into()).await.unwrap(),
            past.metric_names(nobody).await.unwrap(),
        ]
    });
    let wanted: [&[&str]; 6] =
        [&["n1", "n2"], &["shop"], &["web-0", "web-1"], &[], &["system.slice/docker.service"], &[]];
    assert_eq!(listed, wanted);
}

#[test]
fn every_number_arrives_and_is_found_again() {
    require!(Need::Program("influxd"));
    everything_arrives("", false);
}

#[test]
fn every_number_arrives_as_a_field_and_is_found_again() {
    require!(Need::Program("influxd"));
    everything_arrives("withfields=true&gzip=true&concurrency=2", true);
}

#[test]
fn the_past_is_aggregated_over_a_pod_whose_labels_changed() {
    require!(Need::Program("influxd"));
    let influx = Influx::start();
    let work = Work::start(&influx, "");
    // 1, 2, 4, 8 in four minutes
    for (minute, value) in (0..).zip([1, 2, 4, 8]) {
        let mut batch = Batch::new(AT.plus_nanos(minute * MINUTE));
        let mut set = Set::new(pod("web"));
        let joined = format!("version:{}", minute / 2).into();
        set.pod = Some(Arc::new(Pod { copied: Copied { joined, ..Copied::default() }, ..Pod::default() }));
        set.values.set_int(Metric::CpuUsageRate, value);
        batch.insert(set);
        work.ship(batch);
    }
    // another cluster in the same database
    let other = Work::start(&influx, "cluster_name=other");
    let mut batch = Batch::new(AT);
    batch.or_insert(&pod("web")).values.set_int(Metric::CpuUsageRate, 1_000_000);
    other.ship(batch);

    let mut question = question(pod("web"), "cpu/usage_rate");
    question.subjects.insert(0, Subject::Key(pod("nobody")));
    question.end = AT.plus_nanos(4 * MINUTE);
    let at = |minute: i64| AT.plus_nanos(minute * MINUTE);
    let four = [1, 2, 4, 8].map(Value::Int);
    let values: Vec<_> = (0..).zip(four).map(|(minute, value)| (at(minute), value)).collect();
    assert_eq!(work.values(question.clone()), [vec![], values.clone()]);
    // both ends are outside
    let inside = Question { start: at(0), end: at(3), ..question.clone() };
    assert_eq!(work.values(inside), [vec![], values[1..3].to_vec()]);

    let all = vec![
        Aggregation::Percentile(50),
        Aggregation::Average,
        Aggregation::Maximum,
        Aggregation::Minimum,
        Aggregation::Median,
        Aggregation::Count,
        Aggregation::Percentile(99),
    ];
    let ask = |which: &[Aggregation], bucket| {
        work.runtime.block_on(work.past.aggregated(question.clone(), which.to_vec(), bucket)).unwrap()
    };
    let whole = Bucket {
        at: AT.plus_nanos(-1),
        count: Some(4),
        values: vec![
            (Aggregation::Percentile(50), Value::Int(2)),
            (Aggregation::Average, Value::Float(3.75)),
            (Aggregation::Maximum, Value::Int(8)),
            (Aggregation::Minimum, Value::Int(1)),
            (Aggregation::Median, Value::Int(3)),
            (Aggregation::Percentile(99), Value::Int(8)),
        ],
    };
    assert_eq!(ask(&all, 0), [vec![], vec![whole]]);
    // one selector alone would tell the time of its point
    let bucket = |minute, value| Bucket {
        at: at(minute),
        count: None,
        values: vec![(Aggregation::Maximum, Value::Int(value))],
    };
    let wanted = match AT.nanos() / MINUTE % 2 {
        0 => vec![bucket(0, 2), bucket(2, 8)],
        _ => vec![bucket(-1, 1), bucket(1, 4), bucket(3, 8)],
    };
    assert_eq!(ask(&[Aggregation::Maximum], 2 * MINUTE), [vec![], wanted]);
    assert_eq!(ask(&[Aggregation::Maximum], 0)[1][0].at, AT.plus_nanos(-1));
}

#[test]
fn pods_are_found_by_their_uid_where_ids_are_written() {
    require!(Need::Program("influxd"));
    let influx = Influx::start();
    let work = Work::start(&influx, "ids=true&workloads=false");
    let batch = batch(AT, 1);
    work.ship(batch.clone());
    let mut question = question(Key::Cluster, "memory/usage");
    question.subjects = vec![
        Subject::PodId("uid-1".into()),
        Subject::PodIdContainer("uid-1".into(), "side".into()),
        Subject::PodId("uid-9".into()),
    ];
    let container =
        Key::Container { namespace: "shop".into(), pod: "web-1".into(), container: "side".into() };
    let of = |key: &Key| vec![(AT, batch.get(key).unwrap().values.get(Metric::MemoryUsage).unwrap())];
    assert_eq!(work.values(question), [of(&pod("web-1")), of(&container), vec![]]);
    let hosts = influx.ask("k8s", "SHOW TAG VALUES FROM uptime WITH KEY = hostname").to_string();
    assert!(hosts.contains("n1.local"), "{hosts}");
    let types = influx.ask("k8s", "SHOW TAG VALUES FROM \"cpu/usage\" WITH KEY = type").to_string();
    assert!(types.contains("pod_container") && !types.contains("deployment"), "{types}");
}

#[test]
fn a_server_that_goes_away_costs_its_batches_and_comes_back() {
    require!(Need::Program("influxd"));
    let mut influx = Influx::start();
    let limits = Limits { queue: 2, wait: Duration::from_millis(700), export: Duration::from_secs(2) };
    let work = Work::start_within(&influx, "", limits);
    work.ship(batch(AT, 1));
    influx.stop();
    work.manager.push(&Arc::new(batch(AT.plus_nanos(MINUTE), 2)));
    work.manager.push(&Arc::new(batch(AT.plus_nanos(2 * MINUTE), 3)));
    eventually("batches are dropped and counted", 10.0, || {
        let lost = (work.lost(Loss::Failed), work.lost(Loss::Waited));
        if lost == (1, 1) { Ok(()) } else { Err(format!("{:?}", work.meters())) }
    });
    assert!(work.meters().failures >= 2, "it was tried again: {:?}", work.meters());
    assert_eq!(work.meters().exports, 1);
    influx.start_again();
    work.ship(batch(AT.plus_nanos(3 * MINUTE), 4));
    let ask = "SELECT value FROM \"cpu/usage\" WHERE type = 'cluster'";
    let times = influx.column("k8s", ask, "time");
    assert_eq!(times, [0, 3].map(|minute| Json::from(AT.plus_nanos(minute * MINUTE).nanos())));
}

#[test]
fn a_batch_outlives_a_restart_of_the_server() {
    require!(Need::Program("influxd"));
    let mut influx = Influx::start();
    let limits = Limits { export: seconds(60.0), ..Limits::default() };
    let work = Work::start_within(&influx, "", limits);
    work.ship(batch(AT, 1));
    influx.stop();
    work.manager.push(&Arc::new(batch(AT.plus_nanos(MINUTE), 2)));
    eventually("a try fails", 5.0, || {
        let meters = work.meters();
        if meters.busy { Ok(()) } else { Err(format!("{meters:?}")) }
    });
    std::thread::sleep(seconds(0.5));
    influx.start_again();
    work.arrived(2);
    assert!(work.meters().failures > 0);
    // the end ships what waits
    work.manager.push(&Arc::new(batch(AT.plus_nanos(2 * MINUTE), 3)));
    work.runtime.block_on(work.manager.stop(seconds(10.0)));
    assert_eq!((work.meters().exports, work.meters().waiting), (3, 0));
}

#[test]
fn a_database_that_is_dropped_is_made_again() {
    require!(Need::Program("influxd"));
    let influx = Influx::start();
    let work = Work::start(&influx, "db=my+db&retention=30d");
    work.ship(batch(AT, 1));
    influx.ask("", "DROP DATABASE \"my db\"");
    work.ship(batch(AT.plus_nanos(MINUTE), 2));
    let times = influx.column("my%20db", "SELECT value FROM \"cpu/usage\" WHERE type = 'cluster'", "time");
    assert_eq!(times, [Json::from(AT.plus_nanos(MINUTE).nanos())]);
    let policies = influx.ask("", "SHOW RETENTION POLICIES ON \"my db\"").to_string();
    assert!(policies.contains(r#"["default","720h0m0s","24h0m0s",1,true]"#), "{policies}");
    // or its policy alone
    influx.ask("", "DROP RETENTION POLICY \"default\" ON \"my db\"");
    work.ship(batch(AT.plus_nanos(2 * MINUTE), 3));
    let policies = influx.ask("", "SHOW RETENTION POLICIES ON \"my db\"").to_string();
    assert!(policies.contains(r#"["default","720h0m0s","24h0m0s",1,true]"#), "{policies}");
}

#[test]
fn old_databases_are_gone_on_with_where_heapster_wrote() {
    require!(Need::Program("influxd"));
    let influx = Influx::start();
    // Heapster 1.3 and later made it so; before, on old servers, the default was called so too
    influx.ask("", "CREATE DATABASE heapster WITH DURATION 48h REPLICATION 1 NAME \"default\"");
    influx.ask("", "CREATE RETENTION POLICY long ON heapster DURATION INF REPLICATION 1 DEFAULT");
    let old = "cpu/usage_rate,type=node,nodename=n1,labels=old value=7i";
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let now = Timestamp(i64::try_from(now).unwrap() / MINUTE * MINUTE);
    influx.write("heapster&rp=default", &format!("{old} {}", now.plus_nanos(-MINUTE).nanos()));
    let work = Work::start(&influx, "db=heapster&retention=72h");
    let mut batch = Batch::new(now);
    let mut set = Set::new(Key::Node("n1".into()));
    set.node = Some(Arc::new(Node { name: "n1".into(), ..Node::default() }));
    set.values.set_int(Metric::CpuUsageRate, 9);
    batch.insert(set);
    work.ship(batch);
    let mut question = question(Key::Node("n1".into()), "cpu/usage_rate");
    (question.start, question.end) = (now.plus_nanos(-10 * MINUTE), now.plus_nanos(MINUTE));
    let wanted = [vec![(now.plus_nanos(-MINUTE), Value::Int(7)), (now, Value::Int(9))]];
    assert_eq!(work.values(question), wanted);
    let policies = influx.ask("", "SHOW RETENTION POLICIES ON heapster").to_string();
    assert!(policies.contains(r#"["default","72h0m0s""#), "lengthened: {policies}");

    // made by hand: its own default is taken, and what it keeps is not shortened
    influx.ask("", "CREATE DATABASE plain");
    let work = Work::start(&influx, "db=plain&retention=2h");
    work.ship(self::batch(now, 1));
    let ask = "SELECT value FROM plain.autogen.\"cpu/usage\" WHERE type = 'cluster'";
    assert_eq!(influx.column("plain", ask, "value").len(), 1);
    let policies = influx.ask("", "SHOW RETENTION POLICIES ON plain").to_string();
    assert!(policies.contains(r#"["autogen","0s""#) && !policies.contains("default\",\""), "{policies}");
}

#[test]
fn passwords_and_rights_are_told_apart() {
    require!(Need::Program("influxd"));
    let influx = Influx::start_with("auth-enabled = true");
    let admin = "&u=admin&p=secret";
    influx.ask("", "CREATE USER admin WITH PASSWORD 'secret' WITH ALL PRIVILEGES");
    influx.ask_as(admin, "", "CREATE DATABASE made");
    influx.ask_as(admin, "", "CREATE USER writer WITH PASSWORD 'pw'");
    influx.ask_as(admin, "", "GRANT WRITE ON made TO writer");
    let start = |options: &str| Work::start(&influx, options);
    start("user=admin&pw=secret").ship(batch(AT, 1));
    start("user=writer&pw=pw&db=made").ship(batch(AT, 1));
    let ask = "SELECT value FROM \"cpu/usage\" WHERE type = 'cluster'";
    for database in ["k8s", "made"] {
        let answer = influx.ask_as(admin, database, ask);
        assert!(answer.pointer("/results/0/series/0/values/0").is_some(), "{answer}");
    }
    for options in ["user=admin&pw=wrong", "user=writer&pw=pw&db=notmade"] {
        let work = start(options);
        work.manager.push(&Arc::new(batch(AT, 1)));
        eventually("it is refused", 10.0, || match work.lost(Loss::Refused) {
            1 => Ok(()),
            _ => Err(format!("{options}: {:?}", work.meters())),
        });
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test starts programs")]
fn a_certificate_of_ones_own_is_believed_only_if_that_is_asked() {
    require!(Need::Program("influxd"), Need::Program("openssl"));
    let folder = common::folder();
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("cert.pem"));
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-keyout",
        ])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let lines = format!(
        "https-enabled = true\nhttps-certificate = \"{}\"\nhttps-private-key = \"{}\"",
        certificate.display(),
        key.display()
    );
    let influx = Influx::start_with(&lines);
    Work::start(&influx, "secure=true&insecuressl=true").ship(batch(AT, 1));
    let limits = Limits { export: Duration::from_secs(1), ..Limits::default() };
    let work = Work::start_within(&influx, "secure=true", limits);
    work.manager.push(&Arc::new(batch(AT, 1)));
    eventually("it is dropped", 10.0, || match work.lost(Loss::Failed) {
        1 => Ok(()),
        _ => Err(format!("{:?}", work.meters())),
    });
}

#[test]
fn what_conflicts_costs_only_itself() {
    require!(Need::Program("influxd"));
    let influx = Influx::start();
    influx.ask("", "CREATE DATABASE k8s WITH DURATION INF REPLICATION 1 NAME \"default\"");
    influx.write("k8s", &format!("cpu/usage,type=x value=1.5 {}", AT.nanos()));
    let work = Work::start(&influx, "");
    work.manager.push(&Arc::new(batch(AT, 1)));
    eventually("a part is refused", 10.0, || match work.meters() {
        meters if meters.partial == 1 && meters.last_success.is_some() => Ok(()),
        meters => Err(format!("{meters:?}")),
    });
    let count = |metric| {
        influx.column("k8s", &format!("SELECT value FROM \"{metric}\" WHERE type = 'cluster'"), "value").len()
    };
    assert_eq!((count("cpu/usage"), count("cpu/usage_rate")), (0, 1));
}

#[test]
fn odd_names_come_back_as_they_were() {
    require!(Need::Program("influxd"));
    let influx = Influx::start();
    let work = Work::start(&influx, "");
    let names = [
        (r"system.slice/dev-disk-by\x2duuid.mount", r"system.slice/dev-disk-by\x2duuid.mount"),
        ("a b", "a b"),
        ("a,b=c", "a,b=c"),
        ("\"quoted\" 'twice'", "\"quoted\" 'twice'"),
        ("#comment", "#comment"),
        ("äöü→", "äöü→"),
        ("two\nlines", "two lines"),
        (r"end\", "end/"),
        (r"two\\", "two//"),
        (r"a\,b\ c\=d", "a/,b/ c/=d"),
        (r"\", "/"),
        ("tab\there", "tab\there"),
    ];
    let mut batch = Batch::new(AT);
    for (place, (name, _)) in (0..).zip(names) {
        let key = Key::SystemContainer { node: "n1".into(), container: name.into() };
        batch.or_insert(&key).values.set_int(Metric::Uptime, place);
    }
    work.ship(batch);
    let answer =
        influx.ask("k8s", "SELECT value FROM uptime WHERE type = 'sys_container' GROUP BY container_name");
    let series = answer.pointer("/results/0/series").unwrap().as_array().unwrap();
    let got: BTreeMap<_, _> = series
        .iter()
        .map(|one| (one["values"][0][1].as_i64().unwrap(), one["tags"]["container_name"].as_str().unwrap()))
        .collect();
    let wanted: BTreeMap<_, _> = (0..).zip(names).map(|(place, (_, after))| (place, after)).collect();
    assert_eq!(got, wanted);
    // and are asked for
    let key = Key::SystemContainer { node: "n1".into(), container: names[0].0.into() };
    let mut set = Set::new(key.clone());
    set.node = Some(Arc::new(Node { name: "n1".into(), ..Node::default() }));
    set.values.set_int(Metric::Uptime, 77);
    let mut batch = Batch::new(AT.plus_nanos(MINUTE));
    batch.insert(set);
    work.ship(batch);
    let question = Question { end: AT.plus_nanos(2 * MINUTE), ..question(key, "uptime") };
    assert_eq!(work.values(question), [vec![(AT.plus_nanos(MINUTE), Value::Int(77))]]);
}

/// What Heapster's dashboards ask.
fn asked(value: &Json, found: &mut Vec<String>) {
    match value {
        Json::Object(map) => {
            found.extend(map.get("query").and_then(Json::as_str).map(str::to_owned));
            map.values().for_each(|value| asked(value, found));
        }
        Json::Array(all) => all.iter().for_each(|value| asked(value, found)),
        _ => {}
    }
}

#[test]
fn heapsters_dashboards_show_what_we_wrote() {
    require!(Need::Program("influxd"));
    let beside = common::repository().join("../shared/reference/cluster/data");
    let dashboards = [
        ("grafana-cluster.json", "", 34),
        ("grafana-pods.json", "", 12),
        ("grafana-cluster-withfields.json", "withfields=true&db=fields", 34),
        ("grafana-pods-withfields.json", "withfields=true&db=fields", 12),
    ];
    if !beside.join(dashboards[0].0).exists() {
        say("SKIP heapsters_dashboards_show_what_we_wrote: no dashboards beside the repository");
        return;
    }
    let influx = Influx::start();
    for (file, options, least) in dashboards {
        Work::start(&influx, options).ship(batch(AT, 1));
        let database = if options.is_empty() { "k8s" } else { "fields" };
        let text = std::fs::read_to_string(beside.join(file)).unwrap();
        let mut queries = Vec::new();
        asked(&serde_json::from_str(&text).unwrap(), &mut queries);
        assert!(queries.len() >= least, "{file}: {}", queries.len());
        let mut rows = 0;
        for query in queries {
            let filter = format!("time >= {} and time <= {}", AT.plus_nanos(-MINUTE).nanos(), AT.nanos());
            let filled = query
                .replace("$timeFilter", &filter)
                .replace("$interval", "1m")
                .replace("$nodename", "n1")
                .replace("$namespace", "shop")
                .replace("$podname", "web-0");
            assert!(!filled.contains(" $") && !filled.contains("/$"), "{filled}");
            let answer = influx.ask(database, &filled);
            let series = answer.pointer("/results/0/series").and_then(Json::as_array);
            // a field that Heapster's own dashboard misspells
            if query.contains("\"limite\"") {
                assert!(series.is_none());
                continue;
            }
            let series = series.unwrap_or_else(|| panic!("{file}: nothing for {filled}"));
            let values = series.iter().flat_map(|one| one["values"].as_array().unwrap());
            let there = values.filter(|row| !row[1].is_null()).count();
            assert!(there > 0, "{file}: no row for {filled}: {answer}");
            rows += there;
        }
        say(&format!("{file}: {rows} rows"));
    }
}
