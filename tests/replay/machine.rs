//! A captured machine with the host agent on it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use jiff::Timestamp;
use plimsoll::core::kinds::{Kind, Kinds};
use plimsoll::host::{Host, Options, Pace};
use plimsoll::measure::sample::Sample;
use plimsoll::serve::app::{self, App};
use plimsoll_discover::{docker, runtime};
use plimsoll_kernel::root::Root;

use super::archive::Archive;
use super::engine;
use super::golden::{self, Now};

pub struct Machine {
    pub archive: Archive,
    /// Name, cgroup, id of each container, as Docker told.
    pub containers: Vec<Container>,
    /// The folder in the repository.
    home: PathBuf,
    start: Timestamp,
    host: Host,
    app: App,
    folder: tempfile::TempDir,
}

pub struct Container {
    pub name: String,
    pub group: String,
    pub id: String,
    pub inspect: serde_json::Value,
}

/// An answer, whole.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Machine {
    /// Unpacks it, starts the agent on it, and waits until that knows all containers by name.
    pub async fn start(name: &str) -> Self {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts").join(name);
        let archive = Archive::read(&home.join("host.txt"));
        let folder = tempfile::Builder::new().prefix("plimsoll-replay-").tempdir().unwrap();
        let start = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
        archive.unpack(folder.path());
        let socket = engine::start(folder.path(), &archive);
        let kinds = Kinds::all().without(Kind::Disk);
        let options = Options {
            root: Root::at(folder.path()),
            kinds,
            // once at the start, then when asked
            pace: Pace { base: Duration::from_secs(3600), ..Pace::default() },
            runtimes: vec![runtime::Config::Docker(docker::Config {
                endpoint: format!("unix://{}", socket.display()),
                ..docker::Config::default()
            })],
            kernel_log: folder.path().join("dev/kmsg"),
            ..Options::default()
        };
        let host = Host::new(options, tokio::runtime::Handle::current()).unwrap();
        let app = host.app(app::Options { kinds, ..app::Options::default() });
        host.start().unwrap();
        host.ready().await;
        let containers = containers(&archive);
        let machine = Self { archive, containers, home, start, host, app, folder };
        machine.known().await;
        machine
    }

    async fn known(&self) {
        for _ in 0..6000 {
            let past = self.host.past();
            let known = |container: &&Container| {
                past.container(&container.group).is_some_and(|view| {
                    // a sample from before its first process was told has no network
                    let whole = |sample: &Sample| sample.network.is_some() || !view.identity.has_network;
                    view.reference.id == container.id && view.latest.as_deref().is_some_and(whole)
                })
            };
            let up = !past.versions().docker.is_empty();
            if up && self.containers.iter().all(|container| known(&container)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the containers were not known within a minute");
    }

    pub async fn ask(&self, method: &str, uri: &str, body: &str) -> Answer {
        let body = Full::<Bytes>::from(body.to_owned());
        let request = Request::builder().method(method).uri(uri).body(body).unwrap();
        let (parts, body) = self.app.answer(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, uri: &str) -> Answer {
        self.ask("GET", uri, "").await
    }

    /// Compares every answer with the file beside the machine.
    pub async fn compare(&self) {
        let mut wrong = Vec::new();
        let fresh = r#"{"num_stats":1}"#;
        for Container { name, group, .. } in &self.containers {
            let file = format!("api/v1.3/containers/{name}.json");
            let answer = self.ask("POST", &format!("/api/v1.3/containers{group}"), fresh).await;
            wrong.extend(self.json(&file, &answer));
        }
        let root = self.ask("POST", "/api/v1.3/containers/", fresh).await;
        wrong.extend(self.json("api/v1.3/containers/root.json", &root));
        let docker = self.ask("POST", "/api/v1.3/docker/", fresh).await;
        wrong.extend(self.json("api/v1.3/docker.json", &docker));
        for (file, uri) in [
            ("api/v1.3/machine.json", "/api/v1.3/machine"),
            ("api/v2.0/attributes.json", "/api/v2.0/attributes"),
            ("api/v2.0/spec.json", "/api/v2.0/spec/?type=docker&recursive=true"),
            ("api/v2.1/stats.json", "/api/v2.1/stats/?type=docker&recursive=true&count=1"),
            ("api/v2.0/ps-fx-web.json", "/api/v2.0/ps/fx-web?type=docker"),
        ] {
            wrong.extend(self.json(file, &self.get(uri).await));
        }
        let metrics = self.get("/metrics").await;
        assert_eq!(metrics.status, 200, "{}", metrics.text);
        let text = golden::metrics(&metrics.text, self.now());
        wrong.extend(golden::check(&self.home.join("metrics.txt"), &text));
        assert!(wrong.is_empty(), "{}\n(BLESS=1 rewrites them)", wrong.join("\n"));
    }

    fn json(&self, file: &str, answer: &Answer) -> Option<String> {
        assert_eq!(answer.status, 200, "{file}: {}", answer.text);
        // where it was unpacked is of this run
        let text = answer.text.replace(&*self.folder.path().to_string_lossy(), "<root>");
        let mut text = golden::without(&golden::json(&text, self.now()), "filesystems");
        if file.contains("/ps-") {
            // a clock time or a date, as today's date wants it
            text = golden::without(&text, "start_time");
        }
        golden::check(&self.home.join(file), &text)
    }

    fn now(&self) -> Now {
        Now { start: self.start, end: Timestamp::now() }
    }

    pub async fn stop(self) {
        let host = self.host;
        tokio::task::spawn_blocking(move || host.stop()).await.unwrap();
    }
}

/// What Docker told of each, and the group that the kernel has for it.
fn containers(archive: &Archive) -> Vec<Container> {
    let inspects = archive.paths().filter_map(|path| path.strip_prefix("docker/inspect-"));
    let containers: Vec<Container> = inspects
        .map(|file| {
            let inspect = archive.json(&format!("docker/inspect-{file}"));
            let id = inspect["Id"].as_str().unwrap().to_owned();
            let pid = inspect["State"]["Pid"].as_u64().unwrap();
            let groups = archive.text(&format!("proc/{pid}/cgroup"));
            let group = groups.lines().next().unwrap().splitn(3, ':').nth(2).unwrap().to_owned();
            let name = file.strip_suffix(".json").unwrap().to_owned();
            Container { name, group, id, inspect }
        })
        .collect();
    assert!(containers.len() >= 5);
    containers
}
