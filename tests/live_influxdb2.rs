//! The sink `influxdb` with `version=2`, before a real InfluxDB 2. No registry of packages has one: put its server
//! into PATH as `influxd2`.
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
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::rounds::{AT, batch};
use common::{Need, eventually, http};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;
use plimsoll_core::cluster::uri::Uri;
use plimsoll_sinks::{Limits, Loss, Manager, SinkError, Turn};

const TOKEN: &str = "a-token-of-ours";

struct Influx {
    address: SocketAddr,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Influx {
    /// One with the organisation `my org` and its bucket `k8s`.
    #[track_caller]
    #[allow(clippy::disallowed_methods, reason = "a test starts programs")]
    fn start() -> Self {
        let folder = common::folder();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let path = |name: &str| folder.path().join(name);
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "influxd2", "--reporting-disabled"])
            .arg(format!("--http-bind-address={address}"))
            .arg(format!("--bolt-path={}", path("bolt").display()))
            .arg(format!("--sqlite-path={}", path("sqlite").display()))
            .arg(format!("--engine-path={}", path("engine").display()))
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(path("log")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let influx = Self { address, child, _folder: folder };
        eventually("influxd2 answers", 60.0, || match http::get(address, "/health") {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(answer.text()),
            Err(error) => Err(error),
        });
        let setup = format!(
            r#"{{"username":"me","password":"a-password","org":"my org","bucket":"k8s","token":"{TOKEN}"}}"#
        );
        let headers = [("Content-Type", "application/json")];
        let answer = http::request(address, "POST", "/api/v2/setup", &headers, setup.as_bytes()).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        influx
    }

    /// The last values of a measurement's field, by the type of the entity: in Flux, as annotated CSV.
    #[track_caller]
    fn ask(&self, measurement: &str, field: &str) -> BTreeMap<String, String> {
        let flux = format!(
            r#"from(bucket: "k8s") |> range(start: 0, stop: 2100-01-01T00:00:00Z)
               |> filter(fn: (r) => r._measurement == "{measurement}" and r._field == "{field}")
               |> last() |> group() |> keep(columns: ["type", "_value", "_time"])"#
        );
        let token = format!("Token {TOKEN}");
        let headers =
            [("Content-Type", "application/vnd.flux"), ("Authorization", &token), ("Accept", "text/csv")];
        let path = "/api/v2/query?org=my%20org";
        let answer = http::request(self.address, "POST", path, &headers, flux.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let mut rows = text.lines().map(|line| line.trim_end().split(',').collect::<Vec<_>>());
        let head = rows.next().unwrap_or_default();
        let place = |name: &str| head.iter().position(|column| *column == name);
        let Some((kind, value)) = place("type").zip(place("_value")) else { return BTreeMap::new() };
        rows.filter(|row| row.len() == head.len())
            .map(|row| (row[kind].to_owned(), row[value].to_owned()))
            .collect()
    }

    fn uri(&self, options: &str) -> Uri {
        let text = format!("influxdb:http://{}?version=2&org=my+org&{options}", self.address);
        Uri::parse(&text, |_| None).unwrap()
    }
}

impl Drop for Influx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_bucket_has_every_number() {
    require!(Need::Rare("influxd2"));
    let influx = Influx::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let batch = Arc::new(batch(AT, 100));
    for options in ["", "&withfields=true&gzip=true"] {
        let uri = influx.uri(&format!("bucket=k8s&token={TOKEN}{options}"));
        runtime.block_on(async {
            let manager = Manager::start(vec![plimsoll_sinks::build(&uri).unwrap().sink], Limits::default());
            manager.push(&batch);
            manager.stop(common::seconds(30.0)).await;
            let meters = manager.meters().remove(0);
            assert_eq!((meters.exports, meters.failures), (1, 0), "{meters:?}");
        });
    }
    let cluster = batch.get(&Key::Cluster).unwrap();
    let mut count = 0;
    for (metric, value) in cluster.values.iter() {
        let text = match metric.row().float {
            true => value.as_f64().to_string(),
            false => (value.as_f64() as i64).to_string(),
        };
        let (measurement, field) = metric.name().split_once('/').unwrap_or((metric.name(), "value"));
        for (measurement, field) in [(metric.name(), "value"), (measurement, field)] {
            let told = influx.ask(measurement, field);
            assert_eq!(told.get("cluster"), Some(&text), "{measurement} {field}: {told:?}");
            assert!(told.contains_key("pod_container") && told.contains_key("deployment"), "{told:?}");
        }
        count += 1;
    }
    assert!(count > 20, "{count}");
    let of_node = influx.ask("cpu", "node_capacity");
    assert_eq!(of_node.keys().collect::<Vec<_>>(), ["node"]);
    assert!(Metric::of_name("cpu/node_capacity").is_some());
}

#[test]
fn a_wrong_token_and_a_bucket_that_is_not_there_are_refused() {
    require!(Need::Rare("influxd2"));
    let influx = Influx::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let batch = Arc::new(batch(AT, 1));
    for (options, wanted) in [
        ("bucket=k8s&token=wrong".to_owned(), "401 Unauthorized: unauthorized access"),
        (format!("bucket=none&token={TOKEN}"), "404 Not Found: bucket \"none\" not found"),
    ] {
        let sink = plimsoll_sinks::build(&influx.uri(&options)).unwrap().sink;
        let turn = Turn::new(Duration::from_secs(10));
        let error = runtime.block_on(sink.export(Arc::clone(&batch), &turn)).unwrap_err();
        assert!(matches!(&error, SinkError::Refused(why) if why.ends_with(wanted)), "{error}");
        runtime.block_on(async {
            let manager = Manager::start(vec![sink], Limits::default());
            manager.push(&batch);
            manager.stop(common::seconds(30.0)).await;
            assert!(manager.meters()[0].drops.contains(&(Loss::Refused, 1)));
        });
    }
}
