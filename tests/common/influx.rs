//! An InfluxDB 1 of a test's own, on free ports, in a folder that goes with it.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal};
use serde_json::Value;

use super::{eventually, http};

pub struct Influx {
    pub address: SocketAddr,
    folder: tempfile::TempDir,
    child: Option<Child>,
}

impl Influx {
    /// One that lets everybody in.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With more lines in the section `[http]` of its configuration.
    #[track_caller]
    pub fn start_with(lines: &str) -> Self {
        let (folder, address, other) = (super::folder(), free(), free());
        let path = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "reporting-disabled = true\nbind-address = \"{other}\"\n[meta]\ndir = \"{}\"\n[data]\ndir = \"{}\"\n\
             wal-dir = \"{}\"\n[monitor]\nstore-enabled = false\n[http]\nbind-address = \"{address}\"\n\
             log-enabled = false\n{lines}\n",
            path("meta"),
            path("data"),
            path("wal")
        );
        std::fs::write(path("influxdb.conf"), text).unwrap();
        let mut influx = Self { address, folder, child: None };
        influx.start_again();
        influx
    }

    #[track_caller]
    pub fn start_again(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        // the kernel ends it when the thread of the test ends, even if the test is killed
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "influxd", "-config"])
            .arg(self.folder.path().join("influxdb.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
        // one with HTTPS answers too, with a refusal
        let ready = || {
            let answer = http::get(self.address, "/ping").map_err(|error| {
                format!("{error}\n{}", std::fs::read_to_string(self.log()).unwrap_or_default())
            })?;
            if matches!(answer.status, 204 | 400) { Ok(()) } else { Err(format!("status {}", answer.status)) }
        };
        // a busy machine takes its time to open the store
        eventually("influxd answers", 90.0, ready);
    }

    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let _ = rustix::process::kill_process(Pid::from_child(&child), Signal::TERM);
        if super::program::wait(&mut child, 20.0).is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn log(&self) -> std::path::PathBuf {
        self.folder.path().join("log")
    }

    /// The answer to InfluxQL, as its own client gets it.
    #[track_caller]
    pub fn ask(&self, database: &str, text: &str) -> Value {
        self.ask_as("", database, text)
    }

    /// With `&u=USER&p=PASSWORD`.
    #[track_caller]
    pub fn ask_as(&self, user: &str, database: &str, text: &str) -> Value {
        let path = format!("/query?epoch=ns&db={database}&q={}{user}", encoded(text));
        let answer = http::request(self.address, "POST", &path, &[], b"").unwrap().json();
        assert!(answer.pointer("/results/0/error").is_none(), "{text}: {answer}");
        answer
    }

    /// A column of the first table of an answer.
    #[track_caller]
    pub fn column(&self, database: &str, text: &str, column: &str) -> Vec<Value> {
        let answer = self.ask(database, text);
        let Some(series) = answer.pointer("/results/0/series/0") else { return Vec::new() };
        let columns = series["columns"].as_array().unwrap();
        let place = columns.iter().position(|name| name == column);
        let place = place.unwrap_or_else(|| panic!("no column {column} in {answer}"));
        series["values"].as_array().unwrap().iter().map(|row| row[place].clone()).collect()
    }

    #[track_caller]
    pub fn write(&self, database: &str, lines: &str) {
        let path = format!("/write?db={database}");
        let answer = http::request(self.address, "POST", &path, &[], lines.as_bytes()).unwrap();
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
}

impl Drop for Influx {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
