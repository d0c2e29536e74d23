//! Real applications in real containers, with labels that ask for metrics of their own: nginx' status page by
//! expressions, over TCP, TLS with a client's certificate and a Unix socket; Prometheus exporters; and hostile ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::disallowed_methods
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use common::docker::{self, IMAGE};
use common::exposition::Sample;
use common::program::{self, Plimsoll};
use common::{Need, close, eventually, number, text, unique};
use serde_json::{Value, json};

/// A container of Docker with a folder of its own at `/app`; removed when dropped.
struct App {
    name: String,
    id: String,
}

impl App {
    /// `words` run in the tests' image with this machine's programs.
    #[track_caller]
    fn start(folder: &Path, flags: &[&str], words: &[&str]) -> Self {
        let name = unique("app");
        let mount = format!("{}:/app", folder.display());
        // the image has nothing but busybox: the programs and their libraries are this machine's
        let mut all = vec!["run", "--detach", "--name", &name, "--volume", &mount];
        for programs in ["/usr:/usr:ro", "/lib:/lib:ro", "/lib64:/lib64:ro"] {
            all.extend(["--volume", programs]);
        }
        all.extend(flags);
        all.push(IMAGE);
        all.extend(words);
        let id = docker::shared().run(&all);
        Self { name, id }
    }

    fn address(&self) -> String {
        let inspected = docker::shared().inspect(&self.name);
        text(&inspected, "/NetworkSettings/Networks/bridge/IPAddress").to_owned()
    }

    fn is(&self, sample: &Sample) -> bool {
        sample.label("name") == self.name
    }
}

impl Drop for App {
    fn drop(&mut self) {
        docker::shared().remove(&self.name);
    }
}

fn write(folder: &Path, name: &str, contents: &str) {
    std::fs::write(folder.join(name), contents).unwrap();
}

fn label(collector: &str, path: &str) -> String {
    format!("--label=io.cadvisor.metric.{collector}={path}")
}

/// An nginx that listens as told and has its status page.
fn nginx(listen: &str, more: &str) -> String {
    format!(
        "daemon off; user root; pid /tmp/nginx.pid; error_log stderr;
        events {{}}
        http {{ access_log off; client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3;
            uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5; keepalive_timeout 600;
            server {{ listen {listen}; {more} location = /nginx_status {{ stub_status; }} }} }}"
    )
}

const NGINX: &[&str] = &["/usr/sbin/nginx", "-e", "stderr", "-c", "/app/nginx.conf"];

/// Reads three numbers of that page, two of them as whole ones.
fn status_config(endpoint: &Value) -> String {
    let metric = |name: &str, kind: &str, data: &str, units: &str, regex: &str| {
        json!({"name": name, "metric_type": kind, "data_type": data, "units": units,
            "polling_frequency": 10, "regex": regex})
    };
    json!({"endpoint": endpoint, "metrics_config": [
        metric("nginx_active", "gauge", "int", "connections", "Active connections: ([0-9]+)"),
        metric("nginx_requests", "cumulative", "float", "requests", r"\n \d+ \d+ (\d+)"),
        metric("nginx_waiting", "gauge", "int", "connections", ".*Waiting: ([0-9]+)"),
    ]})
    .to_string()
}

/// The value of a family for one container, and whether it is what is expected.
#[track_caller]
fn until(program: &Plimsoll, app: &App, family: &str, is: impl Fn(f64) -> bool) -> f64 {
    eventually(&format!("{family} of {}", app.name), 20.0, || {
        let found = program.metrics().into_iter().find(|sample| sample.name == family && app.is(sample));
        match found {
            Some(sample) if is(sample.value) => Ok(sample.value),
            Some(sample) => Err(format!("it is {}", sample.value)),
            None => Err(format!("none; {}", validate(program))),
        }
    })
}

fn validate(program: &Plimsoll) -> String {
    let page = program.get("/validate/").text();
    page.lines().skip_while(|line| !line.contains("Application")).take(4).collect::<Vec<_>>().join(" ")
}

fn start(flags: &[&str]) -> Plimsoll {
    let docker = docker::shared().flag();
    Plimsoll::start(&[&[docker.as_str()], flags].concat())
}

#[test]
fn numbers_of_nginx_are_those_of_its_connections() {
    require!(Need::Docker, Need::Program("nginx"));
    let folder = common::folder();
    write(folder.path(), "nginx.conf", &nginx("80", ""));
    write(folder.path(), "nginx.json", &status_config(&json!({"port": 80, "path": "/nginx_status"})));
    let app = App::start(folder.path(), &[&label("nginx", "/app/nginx.json")], NGINX);
    let program = start(&[]);
    // the connection that asks is the only one
    until(&program, &app, "nginx_active", |active| active == 1.0);
    let address: SocketAddr = format!("{}:80", app.address()).parse().unwrap();
    let held: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    until(&program, &app, "nginx_active", |active| active == 4.0);
    drop(held);
    until(&program, &app, "nginx_active", |active| active == 1.0);

    // it counts each poll, so that the numbers move by themselves
    let requests = until(&program, &app, "nginx_requests", |_| true);
    until(&program, &app, "nginx_requests", |later| later > requests);

    // what all of it costs is told as well
    let own = program.metrics();
    let told = |name: &str, key: &str, value: &str| {
        own.iter().find(|sample| sample.name == name && sample.label(key) == value).map_or(0.0, |s| s.value)
    };
    assert!(told("plimsoll_application_polls_total", "", "") >= 3.0);
    assert!(told("plimsoll_http_requests_total", "route", "metrics") >= 3.0);
    assert!(told("plimsoll_subject_files_total", "subject", "memory") > 0.0);

    let path = format!("/docker/{}", app.id);
    let info = || program.json(&format!("/api/v1.3/docker/{}", app.id))[&path].clone();
    let told = eventually("samples with application metrics", 20.0, || {
        let stats = info()["stats"].as_array().cloned().unwrap_or_default();
        let told: Vec<Value> =
            stats.iter().filter_map(|stats| stats.get("custom_metrics").cloned()).collect();
        if told.len() > 2 { Ok(told) } else { Err(format!("{told:?}")) }
    });
    let last = told.last().unwrap();
    assert_eq!(last["nginx_active"][0]["int_value"], 1, "{last}");
    // zero is written as nothing
    assert!(last["nginx_waiting"][0].get("int_value").is_none(), "{last}");
    let spec = &info()["spec"];
    assert_eq!(spec["has_custom_metrics"], true, "{spec}");
    assert_eq!(
        spec["custom_metrics"][1],
        json!({"name": "nginx_requests", "type": "cumulative", "format": "float", "units": "requests"})
    );

    let all = program.json(&format!("/api/v2.0/appmetrics/{}?type=docker", app.id));
    let values = all[format!("/{}", app.id)]["nginx_requests"][""].as_array().unwrap().clone();
    assert!(values.len() > 2);
    assert!(values.windows(2).all(|two| number(&two[0], "/float_value") < number(&two[1], "/float_value")));
    let spec = program.json(&format!("/api/v2.0/spec/{}?type=docker", app.id));
    assert_eq!(spec[&path]["has_custom_metrics"], true);
}

#[test]
fn a_server_that_asks_for_a_certificate_is_shown_the_collectors() {
    require!(Need::Docker, Need::Program("nginx"), Need::Program("openssl"));
    let folder = common::folder();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let openssl = |words: &[&str]| {
        let done = program::run(Command::new("openssl").args(words), 60.0);
        assert_eq!(done.code, Some(0), "openssl {words:?}: {}", done.stderr);
    };
    for name in ["server", "client"] {
        let (key, cert, subject) =
            (at(&format!("{name}.key")), at(&format!("{name}.pem")), format!("/CN={name}"));
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            &subject,
            "-keyout",
            &key,
            "-out",
            &cert,
        ]);
    }
    let tls = "ssl_certificate /app/server.pem; ssl_certificate_key /app/server.key;
        ssl_client_certificate /app/client.pem; ssl_verify_client on;";
    write(folder.path(), "nginx.conf", &nginx("443 ssl", tls));
    let endpoint = json!({"protocol": "https", "port": "443", "path": "/nginx_status"});
    write(folder.path(), "nginx.json", &status_config(&endpoint));
    let app = App::start(folder.path(), &[&label("nginx", "/app/nginx.json")], NGINX);
    let (cert, key) =
        (format!("--collector_cert={}", at("client.pem")), format!("--collector_key={}", at("client.key")));
    let with = start(&[&cert, &key]);
    until(&with, &app, "nginx_active", |active| active >= 1.0);
    // without it the page is an error, in which there are no such numbers
    let without = start(&[]);
    eventually("the refusal is told", 20.0, || {
        let said = validate(&without);
        if said.contains("no such number") { Ok(()) } else { Err(said) }
    });
    assert!(!without.metrics().iter().any(|sample| sample.name == "nginx_active" && app.is(sample)));
}

#[test]
fn a_socket_in_a_container_without_network_is_asked() {
    require!(Need::Docker, Need::Program("nginx"));
    let folder = common::folder();
    write(folder.path(), "nginx.conf", &nginx("unix:/tmp/nginx.sock", ""));
    write(folder.path(), "nginx.json", &status_config(&json!("unix:///tmp/nginx.sock:/nginx_status")));
    let app = App::start(folder.path(), &["--network=none", &label("nginx", "/app/nginx.json")], NGINX);
    let program = start(&["--application_metrics_own_address"]);
    until(&program, &app, "nginx_active", |active| active == 1.0);
}

#[test]
fn a_container_in_the_hosts_network_is_asked_on_the_loopback() {
    require!(Need::Docker, Need::Program("nginx"));
    let folder = common::folder();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    write(folder.path(), "nginx.conf", &nginx(&format!("127.0.0.1:{port}"), ""));
    write(folder.path(), "nginx.json", &status_config(&json!({"port": port, "path": "/nginx_status"})));
    let app = App::start(folder.path(), &["--network=host", &label("nginx", "/app/nginx.json")], NGINX);
    let program = start(&["--application_metrics_own_address"]);
    until(&program, &app, "nginx_active", |active| active == 1.0);
}

#[test]
fn an_exporters_numbers_and_labels_are_its_own() {
    require!(Need::Docker, Need::Program("prometheus-node-exporter"));
    let folder = common::folder();
    let config = json!({"endpoint": {"port": 9100, "path": "/metrics"}, "polling_frequency": 1_000_000_000,
        "metrics_config": ["node_boot_time_seconds", "node_uname_info", "promhttp_metric_handler_requests_total"]});
    write(folder.path(), "prometheus.json", &config.to_string());
    let flags = ["--hostname=exporter", &label("prometheus", "/app/prometheus.json")];
    let app = App::start(folder.path(), &flags, &["/usr/bin/prometheus-node-exporter"]);
    let program = start(&[]);
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")).unwrap().parse::<f64>().unwrap();
    let told = until(&program, &app, "node_boot_time_seconds", |_| true);
    close("node_boot_time_seconds", told, boot, 0.001);
    let all = program.metrics();
    let mine: Vec<&Sample> = all.iter().filter(|sample| app.is(sample)).collect();
    let uname = mine.iter().find(|sample| sample.name == "node_uname_info").unwrap();
    assert_eq!(
        (uname.label("app_nodename"), uname.label("app_sysname"), uname.value),
        ("exporter", "Linux", 1.0)
    );
    assert_eq!((uname.label("id"), uname.at_millis), (format!("/docker/{}", app.id).as_str(), None));
    assert!(!mine.iter().any(|sample| sample.name.starts_with("node_cpu")), "what is not wanted is left out");
    // each poll is a request that it counts
    let handled = |sample: &&&Sample| {
        sample.name == "promhttp_metric_handler_requests_total" && sample.label("app_code") == "200"
    };
    let before = mine.iter().find(handled).unwrap().value;
    let after = until(&program, &app, "promhttp_metric_handler_requests_total", |now| now >= before + 2.0);
    assert!(after < before + 30.0);

    // all of them are more than the limit, and then there are none
    write(folder.path(), "all.json", r#"{"endpoint": {"port": 9100, "path": "/metrics"}}"#);
    let flags = [label("prometheus_all", "/app/all.json")];
    let many = App::start(folder.path(), &[&flags[0]], &["/usr/bin/prometheus-node-exporter"]);
    eventually("the limit is told", 20.0, || {
        let said = validate(&program);
        if said.contains("more than 100 metrics") { Ok(()) } else { Err(said) }
    });
    assert!(!program.metrics().iter().any(|sample| many.is(sample) && sample.name.starts_with("node_")));
    let unlimited = start(&["--application_metrics_count_limit=2000"]);
    until(&unlimited, &many, "node_boot_time_seconds", |told| told == boot);
    // what a scrape shows is the same as the exporter's own page, but for what is ours
    let page = common::http::get(format!("{}:9100", many.address()).parse().unwrap(), "/metrics").unwrap();
    let theirs = common::exposition::parse(&page.text());
    let ours = unlimited.metrics();
    let missing: Vec<&str> = theirs
        .iter()
        .filter(|theirs| !theirs.name.starts_with("process_") && !theirs.name.starts_with("go_"))
        .filter(|theirs| !ours.iter().any(|ours| many.is(ours) && ours.name == theirs.name))
        .map(|theirs| theirs.name.as_str())
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let series = |name: &str| theirs.iter().filter(|sample| sample.name == name).count();
    let shown = |name: &str| ours.iter().filter(|sample| many.is(sample) && sample.name == name).count();
    assert_eq!(shown("node_cpu_seconds_total"), series("node_cpu_seconds_total"));
}

#[test]
fn hostile_containers_cost_nobody_else_anything() {
    require!(Need::Docker, Need::Program("nginx"));
    let (good, bad) = (common::folder(), common::folder());
    write(good.path(), "nginx.conf", &nginx("80", ""));
    write(good.path(), "nginx.json", &status_config(&json!({"port": 80, "path": "/nginx_status"})));
    let app = App::start(good.path(), &[&label("nginx", "/app/nginx.json")], NGINX);
    let secret = common::folder();
    write(secret.path(), "secret", r#"{"endpoint": "http://127.0.0.1:1/", "metrics_config": ["secret"]}"#);
    std::os::unix::fs::symlink(secret.path().join("secret"), bad.path().join("link")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        bad.path().join("pipe"),
        fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    write(bad.path(), "endless.json", r#"{"endpoint": {"port": 8000}}"#);
    write(bad.path(), "silent.json", r#"{"endpoint": {"port": 8001}}"#);
    let labels = [
        label("prometheus_link", "/app/link"),
        label("prometheus_pipe", "/app/pipe"),
        label("prometheus_device", "/dev/zero"),
        label("prometheus_kernel", "/proc/kmsg"),
        label("prometheus_endless", "/app/endless.json"),
        label("prometheus_silent", "/app/silent.json"),
    ];
    let flags: Vec<&str> = labels.iter().map(String::as_str).collect();
    let script = "while :; do (printf 'HTTP/1.1 200 OK\\r\\n\\r\\n'; yes) | nc -l -p 8000; done & \
        while :; do nc -l -p 8001 -e sleep 1000; done";
    let hostile = App::start(bad.path(), &flags, &["sh", "-c", script]);
    let program = start(&["--allow_dynamic_housekeeping=false"]);
    until(&program, &app, "nginx_active", |active| active == 1.0);
    let stats = |app: &App| {
        let path = format!("/docker/{}", app.id);
        program.json(&format!("/api/v1.3/docker/{}", app.id))[&path]["stats"].as_array().unwrap().clone()
    };
    eventually("ten samples of both", 40.0, || {
        let (good, bad) = (stats(&app).len(), stats(&hostile).len());
        if good >= 10 && bad >= 10 { Ok(()) } else { Err(format!("{good} and {bad}")) }
    });
    // at least as many samples with application metrics as a poll a second gives within the intervals
    let told = stats(&app).iter().filter(|stats| stats.get("custom_metrics").is_some()).count();
    assert!(told >= 5, "{told}");
    assert!(stats(&hostile).iter().all(|stats| stats.get("custom_metrics").is_none()));
    let said = program.log();
    for (collector, why) in [
        ("prometheus_link", &["No such file"][..]),
        ("prometheus_pipe", &["expected an ordinary file"]),
        ("prometheus_device", &["expected an ordinary file"]),
        // it answers one at a time, and other tests' programs ask as well
        ("prometheus_endless", &["longer than", "refused", "broke off"]),
        ("prometheus_silent", &["no whole answer", "refused", "broke off"]),
    ] {
        let line = said.lines().find(|line| line.contains(&format!("{collector} of"))).unwrap_or_default();
        assert!(why.iter().any(|why| line.contains(why)), "{collector}: {line}");
    }
    assert!(!said.contains("secret"));
    let line = said.lines().find(|line| line.contains("prometheus_kernel")).unwrap_or_default();
    assert!(line.contains("one of the kernel's") || line.contains("ordinary file"), "{line}");
}
