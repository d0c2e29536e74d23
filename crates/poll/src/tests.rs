//! Collectors of this very process, whose root is the machine's: files and sockets in a folder, servers on loopback.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use plimsoll_core::app::{AppMetrics, Value};
use plimsoll_core::time::Timestamp;

use crate::{Options, Poller, Tracked, Wanted};

const STATUS: &str = include_str!("testdata/nginx-status.txt");

fn poller(options: Options) -> Poller {
    Poller::new(options, || Timestamp(7)).unwrap()
}

fn track(poller: &Poller, collectors: &[(&str, &Path)]) -> Tracked {
    let named = |(name, path): &(&str, &Path)| ((*name).to_owned(), path.display().to_string());
    let collectors: BTreeMap<String, String> = collectors.iter().map(named).collect();
    poller.track(Wanted { pid: std::process::id(), group: "/".into(), collectors }).unwrap()
}

/// Until it is so, or a while is over.
fn until<T>(what: impl Fn() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "never");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A server that answers each request with these words, and counts nothing.
fn server(answer: impl Fn(&mut dyn Write) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            answer(&mut stream);
        }
    });
    port
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn values(metrics: &AppMetrics) -> Vec<(String, Value)> {
    metrics
        .newest
        .iter()
        .flat_map(|p| p.iter().map(|(s, v, _)| (s.name.to_string(), v)).collect::<Vec<_>>())
        .collect()
}

/// A folder with a configuration of one number and of an exposition, at the endpoint.
fn configured(endpoint: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let generic = format!(
        r#"{{"endpoint":{endpoint},"metrics_config":[{{"name":"active","metric_type":"gauge","data_type":"int",
            "units":"connections","regex":"Active connections: ([0-9]+)"}}]}}"#
    );
    std::fs::write(folder.path().join("generic.json"), generic).unwrap();
    std::fs::write(folder.path().join("prometheus.json"), format!(r#"{{"endpoint":{endpoint}}}"#)).unwrap();
    folder
}

#[test]
fn numbers_come_from_a_server_and_stay_as_a_past() {
    let port = server(|out| out.write_all(ok(STATUS).as_bytes()).unwrap());
    // this process shares its network with itself: it is asked on the loopback
    let folder = configured(&format!("{{\"port\":{port}}}"));
    let poller = poller(Options { own_address: true, ..Options::default() });
    let tracked = track(&poller, &[("nginx", &folder.path().join("generic.json"))]);
    let metrics = until(|| Some(tracked.metrics()).filter(|metrics| metrics.history.len() > 1));
    assert_eq!(values(&metrics), [("active".to_owned(), Value::Int(1))]);
    assert!(
        Arc::ptr_eq(&metrics.history[0].series, &metrics.history[1].series),
        "the same names are kept once"
    );
    let spec = &metrics.specs.0.as_ref().unwrap()[0];
    assert_eq!((&*spec.name, spec.format, &*spec.units), ("active", "int", "connections"));
    assert_eq!(tracked.trouble(), None);
    assert!(poller.meters().polls.load(Relaxed) > 1 && poller.meters().bytes.load(Relaxed) > 0);
}

#[test]
fn a_socket_inside_is_asked_for_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("app.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), [0; 4096]);
            let count = stream.read(&mut head).unwrap();
            assert!(head[..count].starts_with(b"GET /m?x=1 HTTP/1.1\r\n"));
            let _ = stream.write_all(ok("up{a=\"b\"} 1\n").as_bytes());
        }
    });
    let config = configured(&format!("\"unix://{}:/m?x=1\"", socket.display()));
    let poller = poller(Options::default());
    let tracked = track(&poller, &[("prometheus", &config.path().join("prometheus.json"))]);
    let metrics = until(|| Some(tracked.metrics()).filter(|metrics| !metrics.newest.is_empty()));
    assert_eq!(values(&metrics), [("up".to_owned(), Value::Float(1.0))]);
    assert_eq!(metrics.newest[0].series[0].labels().collect::<Vec<_>>(), [("a", "b")]);
}

#[test]
fn a_configuration_that_comes_late_is_read_then() {
    let port = server(|out| out.write_all(ok("up 1\n").as_bytes()).unwrap());
    let folder = configured("1");
    let path = folder.path().join("late.json");
    let poller = poller(Options::default());
    let tracked = track(&poller, &[("prometheus", &path)]);
    let said = until(|| tracked.trouble());
    assert!(
        said.starts_with(&format!("prometheus: {}: cannot be read: No such file", path.display())),
        "{said}"
    );
    std::fs::write(&path, format!(r#"{{"endpoint":"http://127.0.0.1:{port}/"}}"#)).unwrap();
    until(|| (!tracked.metrics().newest.is_empty()).then_some(()));
    assert_eq!(tracked.trouble(), None);
}

/// Each hostile neighbour with the sentence that tells of it, beside a good one that is not held up.
#[test]
fn hostile_applications_cost_their_own_metrics_alone() {
    let endless = |out: &mut dyn Write| {
        let _ = out.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while out.write_all(&[b'x'; 4096]).is_ok() {}
    };
    let silent = |_: &mut dyn Write| std::thread::sleep(Duration::from_secs(3600));
    let headers = |out: &mut dyn Write| {
        let _ = out.write_all(b"HTTP/1.1 200 OK\r\n");
        while out.write_all(b"x: y\r\n").is_ok() {}
    };
    let trickle = |out: &mut dyn Write| {
        let _ = out.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while out.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let answers = |text: String| move |out: &mut dyn Write| drop(out.write_all(text.as_bytes()));
    let million: String = (0..20_000).map(|n| format!("a{{n=\"{n}\"}} 1\n")).collect();
    let names: String = (0..200).map(|n| format!("a{n} 1\n")).collect();
    let folder = configured("1");
    let pipe = folder.path().join("pipe");
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, fifo, rustix::fs::Mode::from_raw_mode(0o600), 0).unwrap();
    std::fs::write(folder.path().join("huge"), vec![b' '; crate::CONFIG_LIMIT + 1]).unwrap();

    let poller = poller(Options { within: Duration::from_secs(1), ..Options::default() });
    let mut cases = vec![
        (track(&poller, &[("x", &pipe)]), "expected an ordinary file"),
        (track(&poller, &[("x", Path::new("/dev/zero"))]), "expected an ordinary file"),
        (track(&poller, &[("x", &folder.path().join("huge"))]), "is longer than"),
        (track(&poller, &[("x", &folder.path().join("prometheus.json"))]), "expected endpoint"),
        (
            poller
                .track(Wanted { pid: u32::MAX, group: "/".into(), collectors: [Default::default()].into() })
                .unwrap(),
            "cannot be reached",
        ),
        (
            poller
                .track(Wanted {
                    pid: std::process::id(),
                    group: "/another".into(),
                    collectors: [("prometheus".to_owned(), "/etc/hostname".to_owned())].into(),
                })
                .unwrap(),
            "cannot be reached",
        ),
    ];
    let mut folders = Vec::new();
    let mut serve = |port: u16, said| {
        let folder = configured(&format!("\"http://127.0.0.1:{port}/\""));
        cases.push((track(&poller, &[("prometheus", &folder.path().join("prometheus.json"))]), said));
        folders.push(folder);
    };
    serve(server(endless), "is longer than");
    serve(server(silent), "no whole answer");
    serve(server(headers), "broke off");
    serve(server(trickle), "no whole answer");
    serve(server(|_| ()), "broke off");
    serve(server(answers(ok(&million))), "more than 10000 series");
    serve(server(answers(ok(&names))), "more than 100 metrics");
    serve(server(answers(ok("<html>"))), "has no metrics");
    serve(
        server(answers(
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_owned(),
        )),
        "status is 302",
    );
    serve(
        server(answers("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx".to_owned())),
        "encoded as gzip",
    );
    serve(1, "refused");

    let port = server(|out| out.write_all(ok("up 1\n").as_bytes()).unwrap());
    let good = configured(&format!("\"http://localhost:{port}/\""));
    let tracked = track(&poller, &[("prometheus", &good.path().join("prometheus.json"))]);
    until(|| (tracked.metrics().history.len() >= 3).then_some(()));
    for (case, said) in &cases {
        let trouble = until(|| case.trouble());
        assert!(trouble.contains(said), "expected {said:?}, got {trouble:?}");
        assert!(case.metrics().newest.is_empty());
    }
}

#[test]
fn others_than_the_container_are_not_asked_where_that_is_forbidden() {
    // an address that this machine has not
    let folder = configured("\"http://192.0.2.1:80/\"");
    let poller = poller(Options { own_address: true, ..Options::default() });
    let tracked = track(&poller, &[("prometheus", &folder.path().join("prometheus.json"))]);
    let said = until(|| tracked.trouble());
    assert!(said.contains("192.0.2.1 is not the container's own address"), "{said}");
}

#[test]
fn metrics_go_when_the_application_does() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let port = server(move |out| {
        let body =
            if first.swap(false, Relaxed) { ok("up 1\n") } else { "HTTP/1.1 500 x\r\n\r\n".to_owned() };
        let _ = out.write_all(body.as_bytes());
    });
    let folder = configured(&format!("\"http://127.0.0.1:{port}/\""));
    let poller = poller(Options::default());
    let tracked = track(&poller, &[("prometheus", &folder.path().join("prometheus.json"))]);
    until(|| (!tracked.metrics().newest.is_empty()).then_some(()));
    until(|| tracked.metrics().newest.is_empty().then_some(()));
    assert_eq!(tracked.metrics().history.len(), 1, "what was true stays in the past");
    assert!(tracked.trouble().unwrap().contains("status is 500"));
}

#[test]
fn one_line_that_is_no_metric_is_told_and_costs_itself_alone() {
    let port = server(|out| out.write_all(ok("up 1\ndown\n").as_bytes()).unwrap());
    let folder = configured(&format!("\"http://127.0.0.1:{port}/\""));
    let poller = poller(Options::default());
    let tracked = track(&poller, &[("prometheus", &folder.path().join("prometheus.json"))]);
    let metrics = until(|| Some(tracked.metrics()).filter(|metrics| !metrics.newest.is_empty()));
    assert_eq!(values(&metrics), [("up".to_owned(), Value::Float(1.0))]);
    assert!(tracked.trouble().unwrap().contains("\"down\""));
}

#[test]
fn what_is_dropped_is_asked_no_more() {
    let port = server(|out| out.write_all(ok("up 1\n").as_bytes()).unwrap());
    let folder = configured(&format!("\"http://127.0.0.1:{port}/\""));
    let poller = poller(Options::default());
    let tracked = track(&poller, &[("prometheus", &folder.path().join("prometheus.json"))]);
    until(|| (!tracked.metrics().newest.is_empty()).then_some(()));
    drop(tracked);
    std::thread::sleep(Duration::from_millis(100));
    let before = poller.meters().polls.load(Relaxed);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(poller.meters().polls.load(Relaxed), before);
}
