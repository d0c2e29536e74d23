use std::io::Read as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use plimsoll_core::cluster::batch::{Set, Value};
use plimsoll_core::cluster::history::{Aggregation, Bucket as Stretch, Question, Subject};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::uri::Uri;
use plimsoll_core::time::Timestamp;

use super::fake::Fake;
use super::*;

const POLICIES: &str = r#"{"results":[{"statement_id":0,"series":[{"columns":["name","duration","shardGroupDuration","replicaN","default"],"values":[["autogen","0s","168h0m0s",1,true]]}]}]}"#;
const FINE: &str = r#"{"results":[{"statement_id":0}]}"#;

fn sink(fake: &Fake, options: &str) -> Box<dyn Sink> {
    let uri = Uri::parse(&format!("influxdb:{}?{options}", fake.base), |_| None).unwrap();
    let built = crate::build(&uri).unwrap();
    assert_eq!(built.notices, [""; 0]);
    built.sink
}

fn batch(nodes: u32) -> Arc<Batch> {
    let mut batch = Batch::new(Timestamp::from_secs(1_473_847_320));
    for i in 0..nodes {
        let mut set = Set::new(Key::Node(format!("n{i}").into()));
        for metric in Metric::ALL.iter().filter(|metric| metric.is_plain() && !metric.row().float) {
            set.values.set_int(*metric, i.into());
        }
        batch.insert(set);
    }
    Arc::new(batch)
}

async fn exported(sink: &dyn Sink, batch: Arc<Batch>) -> Result<(), SinkError> {
    sink.export(batch, &Turn::new(Duration::from_secs(5))).await
}

fn error(text: &str) -> String {
    format!(r#"{{"error":"{text}"}}"#)
}

#[tokio::test]
async fn a_database_is_made_once_and_points_go_to_heapsters_policy() {
    let missing = r#"{"results":[{"statement_id":0,"error":"database not found: k\"8"}]}"#;
    let fake = Fake::start(|asked| match asked.text() {
        text if text.starts_with("SHOW") => (200, missing.to_owned()),
        text if text.starts_with("CREATE") => (200, FINE.to_owned()),
        _ => (204, String::new()),
    })
    .await;
    let sink = sink(&fake, "db=k%228&user=me&pw=pw&retention=30d");
    let mut one = Batch::new(Timestamp::from_secs(1));
    one.or_insert(&Key::Cluster).values.set_int(Metric::CpuUsageRate, 5);
    let one = Arc::new(one);
    for _ in 0..2 {
        exported(&*sink, Arc::clone(&one)).await.unwrap();
    }
    let line = "cpu/usage_rate,cluster_name=default,type=cluster value=5i 1000000000\n";
    let write = ("POST /write?db=k%228&rp=default".to_owned(), line.to_owned());
    let query = |text: &str| ("POST /query?epoch=ns".to_owned(), text.to_owned());
    let wanted = [
        query(r#"SHOW RETENTION POLICIES ON "k\"8""#),
        query(r#"CREATE DATABASE "k\"8" WITH DURATION 30d REPLICATION 1 NAME "default""#),
        write.clone(),
        write,
    ];
    assert_eq!(fake.lines(), wanted);
    for asked in fake.asked() {
        assert_eq!(asked.header("authorization"), Some("Basic bWU6cHc="));
        assert_eq!(asked.header("user-agent"), Some(concat!("plimsoll/", env!("CARGO_PKG_VERSION"))));
    }
}

#[tokio::test]
async fn a_database_of_somebody_elses_is_written_to_by_its_own_default() {
    let fake = Fake::start(|asked| match asked.line.as_str() {
        "POST /query?epoch=ns" => (200, POLICIES.to_owned()),
        _ => (204, String::new()),
    })
    .await;
    // kept for ever already: nothing is shortened
    exported(&*sink(&fake, "retention=30d"), batch(1)).await.unwrap();
    let lines: Vec<_> = fake.lines().into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, ["POST /query?epoch=ns", "POST /write?db=k8s"]);
}

#[tokio::test]
async fn points_are_kept_longer_if_that_is_asked() {
    let week = POLICIES.replace("\"0s\"", "\"168h0m0s\"").replace("autogen", "default");
    let fake = Fake::start(move |asked| match asked.text() {
        text if text.starts_with("SHOW") => (200, week.clone()),
        text if text.starts_with("ALTER") => (200, FINE.to_owned()),
        _ => (204, String::new()),
    })
    .await;
    exported(&*sink(&fake, "retention=30d"), batch(1)).await.unwrap();
    assert_eq!(fake.lines()[1].1, r#"ALTER RETENTION POLICY "default" ON "k8s" DURATION 30d"#);
    assert_eq!(fake.lines()[2].0, "POST /write?db=k8s&rp=default");
}

#[tokio::test]
async fn who_may_only_write_writes() {
    let why = "error authorizing query: w not authorized to execute statement 'SHOW RETENTION POLICIES ON k8s', requires READ on k8s";
    let fake = Fake::start(move |asked| match asked.line.as_str() {
        "POST /query?epoch=ns" => (403, error(why)),
        _ => (204, String::new()),
    })
    .await;
    exported(&*sink(&fake, ""), batch(1)).await.unwrap();
    assert_eq!(fake.lines()[1].0, "POST /write?db=k8s");
}

#[tokio::test]
async fn a_wrong_password_is_told_at_once() {
    let fake = Fake::start(|_| (401, error("authorization failed"))).await;
    let done = exported(&*sink(&fake, ""), batch(1)).await;
    let wanted = format!("{}/query: 401 Unauthorized: authorization failed", fake.base);
    assert_eq!(done, Err(SinkError::Refused(wanted)));
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn one_bad_chunk_costs_itself_and_a_busy_server_is_asked_again() {
    let writes = AtomicU32::new(0);
    let fake = Fake::start(move |asked| match asked.line.as_str() {
        "POST /query?epoch=ns" => (200, POLICIES.to_owned()),
        _ => match writes.fetch_add(1, Ordering::Relaxed) {
            0 => (503, error("timeout")),
            1 => (400, error("partial write: field type conflict: dropped=1")),
            _ => (204, String::new()),
        },
    })
    .await;
    let sink = sink(&fake, "");
    let turn = Turn::new(Duration::from_secs(10));
    // 18 points each: three chunks
    let done = sink.export(batch(1250), &turn).await;
    let wanted = format!(
        "1 of 3 requests: {}/write: 400 Bad Request: partial write: field type conflict: dropped=1",
        fake.base
    );
    assert_eq!((done, turn.failures()), (Err(SinkError::Partly(wanted)), 1));
    let sizes: Vec<_> = fake.lines()[1..].iter().map(|(_, text)| text.lines().count()).collect();
    assert_eq!(sizes, [9990, 9990, 9990, 2520]);
}

#[tokio::test]
async fn chunks_go_side_by_side_and_compressed() {
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (count, peak) = (Arc::clone(&now), Arc::clone(&most));
    let fake = Fake::start(move |asked| match asked.line.as_str() {
        "POST /query?epoch=ns" => (200, POLICIES.to_owned()),
        _ => {
            peak.fetch_max(count.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(400));
            count.fetch_sub(1, Ordering::Relaxed);
            (204, String::new())
        }
    });
    // the fake sleeps on its thread: it has a runtime of its own
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let fake = runtime.spawn(fake).await.unwrap();
    exported(&*sink(&fake, "concurrency=3&gzip=true"), batch(2000)).await.unwrap();
    let mut points = 0;
    for asked in fake.asked().iter().skip(1) {
        assert_eq!(asked.header("content-encoding"), Some("gzip"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*asked.body).read_to_string(&mut text).unwrap();
        points += text.lines().count();
    }
    assert_eq!((points, most.load(Ordering::Relaxed)), (36_000, 3));
    runtime.shutdown_background();
}

#[tokio::test]
async fn version_two_is_written_to_a_bucket() {
    let fake = Fake::start(|_| (204, String::new())).await;
    let sink = sink(&fake, "version=2&org=my%20org&bucket=k8s/a&token=t0&withfields=true");
    assert!(sink.history().is_none());
    exported(&*sink, batch(1)).await.unwrap();
    let asked = &fake.asked()[0];
    assert_eq!(asked.line, "POST /api/v2/write?org=my+org&bucket=k8s%2Fa&precision=ns");
    assert_eq!(asked.header("authorization"), Some("Token t0"));
    assert!(
        asked.text().contains("\nmemory,cluster_name=default,nodename=n0,type=node usage=0i,"),
        "{}",
        asked.text()
    );
    let gone =
        Fake::start(|_| (404, r#"{"code":"not found","message":"bucket \"k8s\" not found"}"#.to_owned()))
            .await;
    let done = exported(&*self::sink(&gone, "version=2&org=o&bucket=k8s&token=t"), batch(1)).await;
    let wanted = format!("{}/api/v2/write: 404 Not Found: bucket \"k8s\" not found", gone.base);
    assert_eq!(done, Err(SinkError::Refused(wanted)));
}

/// A history whose server answers its second request so.
async fn history(body: &'static str) -> (Fake, Arc<dyn History>) {
    let fake = Fake::start(move |asked| match asked.text() {
        text if text.starts_with("SHOW RETENTION") => (200, POLICIES.to_owned()),
        _ => (200, body.to_owned()),
    })
    .await;
    let history = sink(&fake, "").history().unwrap();
    (fake, history)
}

fn question(subjects: &[&str]) -> Question {
    Question {
        metric: "cpu/usage_rate".to_owned(),
        labels: Vec::new(),
        subjects: subjects.iter().map(|node| Subject::Key(Key::Node((*node).into()))).collect(),
        start: Timestamp(1000),
        end: Timestamp(9000),
    }
}

#[tokio::test]
async fn values_are_whole_if_all_are_and_stand_with_their_subject() {
    let (fake, history) = history(
        r#"{"results":[
            {"statement_id":0,"series":[{"name":"cpu/usage_rate","columns":["time","v"],"values":[[2000,9007199254740993],[3000,4]]}]},
            {"statement_id":1},
            {"statement_id":2,"series":[{"name":"cpu/usage_rate","columns":["time","v"],"values":[[2000,1],[3000,null],[4000,2.5]]}]}]}"#,
    )
    .await;
    let answer = history.values(question(&["a", "b", "c"])).await.unwrap();
    let at = |nanos, value| (Timestamp(nanos), value);
    let wanted = [
        vec![at(2000, Value::Int(9_007_199_254_740_993)), at(3000, Value::Int(4))],
        vec![],
        vec![at(2000, Value::Float(1.0)), at(4000, Value::Float(2.5))],
    ];
    assert_eq!(answer, wanted);
    let statement = |node: &str| {
        format!(
            "SELECT \"value\" AS \"v\" FROM \"cpu/usage_rate\" WHERE \"type\" = 'node' AND \"nodename\" = '{node}' \
             AND (\"cluster_name\" = 'default' OR \"cluster_name\" = '') AND time > 1000 AND time < 9000;"
        )
    };
    let asked = &fake.lines()[1];
    assert_eq!(asked.0, "POST /query?db=k8s&epoch=ns");
    assert_eq!(asked.1, ["a", "b", "c"].map(statement).concat());
}

#[tokio::test]
async fn aggregations_are_asked_in_order_and_read_by_their_place() {
    let (fake, history) = history(
        r#"{"results":[{"statement_id":0,"series":[{"name":"cpu/usage_rate","columns":["time","a0","a1","a2"],
            "values":[[0,41.5,3,50],[60000,null,0,null],[120000,2,1,2]]}]}]}"#,
    )
    .await;
    let which = vec![Aggregation::Average, Aggregation::Count, Aggregation::Percentile(95)];
    let answer = history.aggregated(question(&["a"]), which.clone(), 60_000).await.unwrap();
    let stretch = |at, count, average, high| Stretch {
        at: Timestamp(at),
        count: Some(count),
        values: vec![
            (Aggregation::Average, Value::Float(average)),
            (Aggregation::Percentile(95), Value::Int(high)),
        ],
    };
    assert_eq!(answer, [vec![stretch(0, 3, 41.5, 50), stretch(120_000, 1, 2.0, 2)]]);
    let text = &fake.lines()[1].1;
    assert!(
        text.starts_with("SELECT MEAN(\"value\") AS \"a0\", COUNT(\"value\") AS \"a1\", PERCENTILE(\"value\", 95) AS \"a2\" FROM"),
        "{text}"
    );
    assert!(text.ends_with(" GROUP BY time(60u) fill(none);"), "{text}");
    // one bucket over all begins where the question does
    let whole = history.aggregated(question(&["a"]), which, 0).await.unwrap();
    assert_eq!(whole[0][0].at, Timestamp(1000));
    assert!(!fake.lines()[2].1.contains("GROUP BY"));
}

#[tokio::test]
async fn errors_in_a_successful_answer_are_seen() {
    for (body, wanted) in [
        (r#"{"results":[{"statement_id":0,"error":"shard is broken"}]}"#, "shard is broken"),
        (r#"{"results":[{"statement_id":0,"series":[{"name":"x","partial":true}]}]}"#, "max-row-limit"),
        ("<html>", "expected InfluxQL's JSON"),
        (r#"{"error":"error parsing query"}"#, "error parsing query"),
    ] {
        let (_, history) = history(body).await;
        let error = history.values(question(&["a"])).await.unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[tokio::test]
async fn what_could_leave_its_quotes_is_not_asked() {
    let (fake, history) = history(FINE).await;
    let mut bad = question(&["a"]);
    bad.metric = "cpu\"; DROP DATABASE k8s".into();
    assert!(history.values(bad).await.unwrap_err().to_string().contains("illegal characters in metric"));
    let mut bad = question(&["a"]);
    bad.labels = vec![("resource_id".into(), "' OR 1=1".into())];
    assert!(history.values(bad).await.is_err());
    assert!(history.pods("ns' OR ''='".into()).await.is_err());
    assert!(history.system_containers("n;".into()).await.is_err());
    assert!(fake.lines().iter().all(|(_, text)| text.starts_with("SHOW RETENTION")));
}
