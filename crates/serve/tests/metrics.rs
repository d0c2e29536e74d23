//! `/metrics` as a client sees it, over a host that is made up.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout)]
#![allow(clippy::disallowed_methods, reason = "promtool is another implementation")]

mod fake;
mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::BodyExt;
use plimsoll_core::app::{AppMetrics, Poll, Series, Value};
use plimsoll_core::container::{CpuSpec, Identity, Reference, Spec};
use plimsoll_core::family::{Emit, Type};
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::machine::Versions;
use plimsoll_core::time::Timestamp;
use plimsoll_serve::body::Body;
use plimsoll_serve::labels::{LabelRules, block};
use plimsoll_serve::metrics::{MetricsOptions, answer};
use plimsoll_serve::past::{Past, View};
use plimsoll_serve::text::{Format, Head, Lines, Seen, Stamp};
use proptest::prelude::*;

use fake::Fake;

fn options(kinds: Kinds) -> MetricsOptions {
    MetricsOptions::new(kinds, fake::ROWS, fake::MACHINE)
}

async fn ask(past: Fake, fields: &[(HeaderName, &'static str)]) -> Response<Body> {
    let headers = fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
    let past: Arc<dyn Past> = Arc::new(past);
    answer(&past, &options(Kinds::default()), None, None, &HeaderMap::from_iter(headers)).await
}

async fn bytes(response: Response<Body>) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

async fn text(past: Fake) -> String {
    String::from_utf8(bytes(ask(past, &[]).await).await).unwrap()
}

/// The root and one container.
fn two() -> Fake {
    let root = Reference::raw("/");
    let identity = Identity::default();
    let first = fake::container(1);
    let mut sample = (**first.latest.as_ref().unwrap()).clone();
    sample.network = None;
    let spec = Spec { has_cpu: true, has_memory: true, ..Spec::default() };
    let root = View {
        labels: block(&root, &identity, &LabelRules::default()),
        reference: Arc::new(root),
        identity: Arc::new(identity),
        spec: Arc::new(Spec { cpu: CpuSpec { limit: 1024, period: 100_000, ..CpuSpec::default() }, ..spec }),
        settled: true,
        latest: Some(Arc::new(sample)),
        oom_events: 2,
        app: None,
        runtime: "",
    };
    let versions = Versions {
        kernel: "6.18.44".to_owned(),
        os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        cadvisor: "0.60.5".to_owned(),
        revision: "abcdef".to_owned(),
        ..Versions::default()
    };
    Fake { versions, views: vec![root, first], ..fake::busy(0) }
}

/// Without what is not the same twice: the process, and what says when the scrape was.
fn steady(text: &str) -> String {
    let moves =
        ["process_", "go_", "container_last_seen", "plimsoll_metrics_", "plimsoll_labels_", "plimsoll_http_"];
    let family = |line: &str| {
        let name =
            line.strip_prefix("# ").map_or(line, |comment| comment.split_once(' ').unwrap_or(("", "")).1);
        !moves.iter().any(|start| name.starts_with(start))
    };
    text.lines().filter(|line| family(line)).map(|line| format!("{line}\n")).collect()
}

fn golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    for (number, (ours, theirs)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(ours, theirs, "{name}, line {}", number + 1);
    }
    assert_eq!(text, expected, "{name}");
}

#[tokio::test]
async fn prometheus_text_is_as_it_was() {
    let response = ask(two(), &[]).await;
    let content_type = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
    assert_eq!(response.headers()[CONTENT_TYPE], content_type);
    golden("metrics.txt", &steady(&String::from_utf8(bytes(response).await).unwrap()));
}

#[tokio::test]
async fn open_metrics_is_as_it_was() {
    let response = ask(two(), &[(ACCEPT, "application/openmetrics-text")]).await;
    let text = String::from_utf8(bytes(response).await).unwrap();
    assert!(text.ends_with("# EOF\n"));
    golden("openmetrics.txt", &steady(&text));
}

type Told<'a> = (&'a str, Vec<(&'a str, &'a str)>, Value);

fn poll(collector: usize, mut series: Vec<Told<'_>>) -> Arc<Poll> {
    series.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let values = series.iter().map(|(_, _, value)| *value).collect();
    let series = series.iter_mut().map(|(name, labels, _)| Series::new((*name).into(), labels)).collect();
    Arc::new(Poll { at: Timestamp::from_secs(7), collector, named: true, series, values, times: None })
}

/// The host of two, whose container has an application.
fn with_application(newest: Vec<Arc<Poll>>) -> Fake {
    let mut host = two();
    host.views[1].app = Some(Arc::new(AppMetrics { newest, ..AppMetrics::default() }));
    host
}

#[tokio::test]
async fn application_metrics_are_gauges_with_the_containers_labels() {
    let metrics = vec![
        ("requests_total", vec![("code", "200"), ("path", "/\"a\"")], Value::Float(1027.5)),
        ("requests_total", vec![("code", "500")], Value::Float(f64::NAN)),
        ("below zero", vec![], Value::Int(-7)),
        ("9lives", vec![], Value::Int(i64::MAX)),
        ("zzz", vec![], Value::Int(0)),
        // ours stay ours
        ("container_last_seen", vec![], Value::Int(1)),
        ("machine_cpu_cores", vec![], Value::Int(1)),
        ("process_cpu_seconds_total", vec![], Value::Int(1)),
    ];
    let plain = text(two()).await;
    let host = with_application(vec![poll(0, metrics)]);
    let block = String::from_utf8(host.views[1].labels.to_vec()).unwrap();
    let all = text(host).await;
    let mut expected = Vec::new();
    for (name, lines) in [
        ("_9lives", vec!["} 9.223372036854776e+18"]),
        ("below_zero", vec!["} -7"]),
        ("requests_total", vec![r#",app_code="200",app_path="/\"a\""} 1027.5"#, r#",app_code="500"} NaN"#]),
        ("zzz", vec!["} 0"]),
    ] {
        expected.push(format!("# HELP {name} Custom application metric."));
        expected.push(format!("# TYPE {name} gauge"));
        expected.extend(lines.iter().map(|line| format!("{name}{{{block}{line}")));
    }
    let known: BTreeSet<String> = steady(&plain).lines().map(str::to_owned).collect();
    let added = steady(&all);
    let added: Vec<&str> = added.lines().filter(|line| !known.contains(*line)).collect();
    assert_eq!(added, expected);
    // whether the kind is off, and that others understand it
    let past: Arc<dyn Past> = Arc::new(with_application(vec![poll(0, vec![("zzz", vec![], Value::Int(1))])]));
    let off = options(Kinds::default().without(Kind::App));
    let without = bytes(answer(&past, &off, None, None, &HeaderMap::new()).await).await;
    assert!(!String::from_utf8(without).unwrap().contains("zzz"));
    parse::lines(&all).unwrap();
}

#[tokio::test]
async fn a_series_of_two_collectors_stands_once() {
    let first = poll(0, vec![("a", vec![("x", "1")], Value::Int(1)), ("a", vec![("x", "2")], Value::Int(2))]);
    let second =
        poll(1, vec![("a", vec![("x", "2")], Value::Int(3)), ("a", vec![("x", "3")], Value::Int(4))]);
    let all = text(with_application(vec![first, second])).await;
    let values: Vec<&str> = all
        .lines()
        .filter(|line| line.starts_with("a{"))
        .filter_map(|l| Some(l.rsplit_once("app_")?.1))
        .collect();
    assert_eq!(values, ["x=\"1\"} 1", "x=\"2\"} 2", "x=\"3\"} 4"]);
}

#[tokio::test]
async fn many_series_come_in_parts() {
    let paths: Vec<String> = (0..5000).map(|n| format!("{n:05}")).collect();
    let series = paths.iter().map(|path| ("a", vec![("path", path.as_str())], Value::Float(0.5))).collect();
    let all = text(with_application(vec![poll(0, series)])).await;
    assert_eq!(all.matches("app_path=").count(), 5000);
    assert_eq!(all.matches("# TYPE a gauge").count(), 1);
    assert!(all.contains("app_path=\"04999\"} 0.5\n"));
}

#[tokio::test]
async fn families_are_sorted_and_stand_once() {
    for accept in ["text/plain", "application/openmetrics-text"] {
        let text = String::from_utf8(bytes(ask(fake::busy(3), &[(ACCEPT, accept)]).await).await).unwrap();
        let types: Vec<&str> =
            text.lines().filter_map(|l| l.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let unique: BTreeSet<_> = types.iter().collect();
        assert_eq!(types.len(), unique.len());
        if accept == "text/plain" {
            assert!(types.is_sorted(), "{types:?}");
        }
        let mut current = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                current = rest.split(' ').next().unwrap();
            } else if !line.starts_with('#') {
                assert!(line.starts_with(current), "{line} in {current}");
            }
        }
    }
}

#[tokio::test]
async fn the_process_tells_of_itself() {
    let lines = parse::lines(&text(two()).await).unwrap();
    let value = |name: &str| lines.iter().find(|l| l.name == name).unwrap_or_else(|| panic!("{name}")).value;
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_open_fds") > 2.0 && value("process_open_fds") < value("process_max_fds"));
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
    assert!(value("process_virtual_memory_max_bytes") > 0.0);
    assert!((now - value("process_start_time_seconds")).abs() < 600.0);
    assert!(value("process_network_receive_bytes_total") >= 0.0);
    assert!(value("process_network_transmit_bytes_total") >= 0.0);
    assert!(value("go_threads") >= 1.0);
    assert!(value("go_goroutines") >= 0.0);
    assert_eq!(value("container_scrape_error"), 0.0);
    let seen = lines.iter().find(|l| l.name == "container_last_seen").unwrap();
    assert!((now - seen.value).abs() < 5.0);
    assert!(seen.time.as_ref().unwrap().parse::<f64>().unwrap() >= seen.value * 1000.0);
}

#[tokio::test]
async fn a_kind_that_is_off_has_no_families() {
    let past: Arc<dyn Past> = Arc::new(two());
    let off = options(Kinds::default().without(Kind::Memory).without(Kind::OomEvent));
    let text = bytes(answer(&past, &off, None, None, &HeaderMap::new()).await).await;
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains("container_memory_") && !text.contains("container_oom_"));
    assert!(text.contains("container_cpu_user_seconds_total{"));
}

#[tokio::test]
async fn only_a_container_with_a_quota_is_throttled() {
    let lines = parse::lines(&text(two()).await).unwrap();
    let throttled: Vec<_> = lines.iter().filter(|l| l.name.starts_with("container_cpu_cfs_")).collect();
    assert_eq!(throttled.len(), 1);
    assert_ne!(throttled[0].labels["id"], "/");
}

#[tokio::test]
async fn a_container_without_a_sample_has_its_limits_only() {
    let mut view = fake::container(1);
    view.latest = None;
    let lines = parse::lines(&text(Fake { views: vec![view], ..fake::busy(0) }).await).unwrap();
    let names: BTreeSet<_> =
        lines.iter().filter(|l| l.labels.contains_key("id")).map(|l| l.name.as_str()).collect();
    assert!(names.contains("container_spec_cpu_quota") && names.contains("container_start_time_seconds"));
    assert!(names.iter().all(|name| name.contains("_spec_") || name.ends_with("_time_seconds")), "{names:?}");
}

#[tokio::test]
async fn a_namespace_leaves_its_own_and_max_age_refreshes_them() {
    let past = Arc::new(two());
    let docker = past.views[1].reference.name.clone();
    let dynamic: Arc<dyn Past> = Arc::clone(&past) as _;
    let second = Duration::from_secs(1);
    let all = options(Kinds::default());
    let response = answer(&dynamic, &all, Some("docker"), Some(second), &HeaderMap::new()).await;
    let lines = parse::lines(&String::from_utf8(bytes(response).await).unwrap()).unwrap();
    assert!(lines.iter().filter_map(|l| l.labels.get("id")).all(|id| *id == docker));
    assert!(lines.iter().any(|l| l.name == "machine_memory_bytes"));
    assert_eq!(*past.refreshed.lock().unwrap(), [(vec![docker], second)]);
}

#[tokio::test]
async fn compressed_answers_say_the_same() {
    let plain = text(fake::busy(200)).await;
    for encoding in ["gzip", "zstd"] {
        let response = ask(fake::busy(200), &[(ACCEPT_ENCODING, encoding)]).await;
        assert_eq!(response.headers()[CONTENT_ENCODING], encoding);
        let packed = bytes(response).await;
        let mut unpacked = String::new();
        match encoding {
            "gzip" => {
                flate2::read::GzDecoder::new(&*packed).read_to_string(&mut unpacked).map(|_| ()).unwrap()
            }
            _ => unpacked = String::from_utf8(zstd::decode_all(&*packed).unwrap()).unwrap(),
        }
        assert!(packed.len() * 5 < plain.len());
        assert_eq!(steady(&unpacked), steady(&plain), "{encoding}");
    }
}

#[tokio::test]
async fn a_large_answer_comes_in_parts() {
    for encoding in ["identity", "gzip", "zstd"] {
        let mut body = ask(fake::busy(1000), &[(ACCEPT_ENCODING, encoding)]).await.into_body();
        let mut parts = 0;
        while let Some(part) = body.frame().await {
            let part = part.unwrap().into_data().unwrap();
            assert!(!part.is_empty() && part.len() < 256 * 1024, "{}", part.len());
            parts += 1;
        }
        assert!(parts > 3, "{encoding}: {parts}");
    }
}

#[tokio::test]
async fn promtool_can_read_it() {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else { return println!("skipped: no promtool here") };
    promtool.stdin.take().unwrap().write_all(text(two()).await.as_bytes()).unwrap();
    let done = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    // 3: it could be read, but names are not as they would be chosen today; they are cAdvisor's
    assert!(matches!(done.status.code(), Some(0 | 3)), "{said}");
    let ours: Vec<_> =
        said.lines().filter(|l| l.starts_with("plimsoll_") || l.starts_with("process_")).collect();
    assert!(ours.is_empty(), "{ours:?}");
}

proptest! {
    #[test]
    fn any_labels_read_back(
        labels in proptest::collection::btree_map("\\PC{0,8}|[-._/a-z]{1,4}", any::<String>(), 0..6),
        (image, name, alias) in any::<(String, String, String)>(),
    ) {
        let reference = Reference { aliases: vec![alias.clone()], ..Reference::raw(name.clone()) };
        let identity = Identity { labels: labels.clone(), image: image.clone(), ..Identity::default() };
        let view = View {
            labels: block(&reference, &identity, &LabelRules::default()),
            reference: Arc::new(reference),
            identity: Arc::new(identity),
            ..fake::container(1)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let text = runtime.block_on(text(Fake { views: vec![view], ..fake::busy(0) }));
        let lines = parse::lines(&text).unwrap();
        let line = lines.iter().find(|l| l.name == "container_network_receive_bytes_total").unwrap();
        prop_assert_eq!(&line.labels["id"], &name);
        prop_assert_eq!(&line.labels["image"], &image);
        prop_assert_eq!(&line.labels["name"], &alias);
        prop_assert_eq!(&line.labels["interface"], "eth0");
        let mut expected = BTreeMap::new();
        for (key, value) in &labels {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            let key: String = key.chars().map(plain).collect();
            expected.entry(format!("container_label_{key}")).or_insert(value);
        }
        let shown: BTreeMap<_, _> =
            line.labels.iter().filter(|(k, _)| k.starts_with("container_")).map(|(k, v)| (k.clone(), v)).collect();
        prop_assert_eq!(shown, expected);
    }
}

/// Every line of real texts, written again from what it means, is the same line.
#[test]
fn real_lines_are_written_as_they_were() {
    for path in [
        "recorded/cadvisor-0.36-hybrid/metrics.txt",
        "cadvisor/data/prometheus/prometheus_metrics",
        "cadvisor/data/prometheus/prometheus_metrics_perf_aggregated",
        "cadvisor/data/prometheus/prometheus_metrics_whitelist_filtered",
        "cadvisor/data/prometheus/prometheus_machine_metrics",
    ] {
        let Some(text) = parse::reference(path) else { continue };
        let mut heads: BTreeMap<&str, &str> = BTreeMap::new();
        let mut written = 0;
        for line in text.lines() {
            if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
                heads.insert(name, help);
            } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' ')) {
                let kind = match kind {
                    "counter" => Type::Counter,
                    "gauge" => Type::Gauge,
                    _ => continue,
                };
                let head = Head::new(name, heads[name], kind);
                let expected = format!("# HELP {name} {}\n{line}\n", heads[name]);
                assert_eq!(String::from_utf8_lossy(head.bytes(Format::Text)), expected);
            } else {
                assert_eq!(again(&parse::line(line).unwrap()), format!("{line}\n"), "{path}");
                written += 1;
            }
        }
        assert!(written > 10, "{path}");
    }
}

fn again(line: &parse::Line) -> String {
    let (mut out, mut seen) = (Vec::new(), Seen::default());
    let labels: Vec<&str> = line.labels.keys().map(String::as_str).collect();
    let values: Vec<&str> = line.labels.values().map(String::as_str).collect();
    let stamp = line.time.as_ref().map_or(Stamp::NONE, |millis| {
        Stamp::at(Timestamp(millis.parse::<i64>().unwrap() * 1_000_000), Format::Text)
    });
    Lines {
        out: &mut out,
        name: &line.name,
        block: b"",
        labels: &labels,
        stamp: &stamp,
        seen: &mut seen,
        repeated: 0,
    }
    .begin()
    .float(&values, line.value);
    String::from_utf8(out).unwrap()
}
