//! A collector that is measured: the program, or metrics-server.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use plimsoll_client::{Client, Tls};

use super::fetch::once;
use super::{Generator, cpu_seconds};
use crate::subject::{free_port, status};
use crate::{Result, Settings};

/// From round to round.
pub(crate) const EVERY: Duration = Duration::from_secs(15);

/// Which one.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// The program, asking for this route.
    Plimsoll(&'static str),
    MetricsServer,
}

impl Kind {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Plimsoll(route) => format!("plimsoll, {route}"),
            Self::MetricsServer => "metrics-server, resource".to_owned(),
        }
    }
}

/// A running one. Ended when dropped.
pub(crate) struct Collector {
    pub(crate) kind: Kind,
    child: Child,
    secure: u16,
    plain: u16,
    client: Client,
    runtime: tokio::runtime::Runtime,
}

/// The command line, all of it.
fn command(
    kind: Kind,
    settings: &Settings,
    generator: &Generator,
    secure: u16,
    plain: u16,
) -> Result<Command> {
    let config = generator.kubeconfig.display();
    let both = [
        format!("--kubeconfig={config}"),
        format!("--authentication-kubeconfig={config}"),
        format!("--authorization-kubeconfig={config}"),
        "--kubelet-use-node-status-port".to_owned(),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        "--deprecated-kubelet-completely-insecure".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={secure}"),
    ];
    let seconds = EVERY.as_secs();
    Ok(match kind {
        Kind::Plimsoll(route) => {
            let mut command = Command::new(&settings.program);
            command.arg("cluster").args(both);
            command.args([format!("--metric_resolution={seconds}s"), format!("--route={route}")]);
            command.args(["--listen_ip=127.0.0.1".to_owned(), format!("--heapster-port={plain}")]);
            command
        }
        Kind::MetricsServer => {
            let mut command = Command::new(settings.cluster_peer.as_deref().ok_or("no peer")?);
            command.args(both).arg(format!("--metric-resolution={seconds}s"));
            command.arg("--cert-dir").arg(generator.dir.join("certificates"));
            command
        }
    })
}

impl Collector {
    pub(crate) fn start(kind: Kind, settings: &Settings, generator: &Generator) -> Result<Self> {
        let (secure, plain) = (free_port()?, free_port()?);
        let log = std::env::temp_dir().join("plimsoll-bench-cluster.log");
        let child = command(kind, settings, generator, secure, plain)?
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .spawn()?;
        let client = Client::new(&Tls { insecure: true, ..Tls::default() })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { kind, child, secure, plain, client, runtime })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until all pods have numbers; gives the time.
    pub(crate) fn complete(&mut self, pods: usize) -> Result<Duration> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!(
                    "{} ended: {status}; see plimsoll-bench-cluster.log in the temporary folder",
                    self.kind.name()
                )
                .into());
            }
            let ready = self.get("/readyz").is_ok();
            let told = if ready { self.get(PODS).map(|body| count(&body)).unwrap_or(0) } else { 0 };
            if told >= pods {
                return Ok(begin.elapsed());
            }
            if begin.elapsed() > Duration::from_secs(180) {
                return Err(format!("{} tells of {told} pods and not of {pods}", self.kind.name()).into());
            }
            // not often: an answer about all pods costs
            sleep(Duration::from_secs(3));
        }
    }

    fn get(&self, path: &str) -> Result<bytes::Bytes> {
        once(&self.client, &self.runtime, &format!("https://127.0.0.1:{}{path}", self.secure))
    }

    /// The same over HTTP, from Heapster's port.
    fn get_plain(&self, path: &str) -> Result<bytes::Bytes> {
        once(&self.client, &self.runtime, &format!("http://127.0.0.1:{}{path}", self.plain))
    }

    /// Milliseconds of some answers, and the bytes of the last one; `None` where there is no such route.
    pub(crate) fn answers(&self, path: &str, times: usize) -> Result<Option<(Vec<f64>, usize)>> {
        let plain = !path.starts_with("/apis");
        if plain && self.kind == Kind::MetricsServer {
            return Ok(None);
        }
        let (mut took, mut size) = (Vec::new(), 0);
        for _ in 0..times {
            let begin = Instant::now();
            size = if plain { self.get_plain(path)? } else { self.get(path)? }.len();
            took.push(begin.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Some((took, size)))
    }

    /// Seconds of all rounds together and their count, as it tells them itself.
    pub(crate) fn rounds(&self) -> Option<(f64, f64)> {
        let body = self.get("/metrics").or_else(|_| self.get_plain("/metrics")).ok()?;
        let text = String::from_utf8_lossy(&body);
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
            line.split(' ').next()?.parse::<f64>().ok()
        };
        let name = "metrics_server_manager_tick_duration_seconds";
        Some((number(&format!("{name}_sum"))?, number(&format!("{name}_count"))?))
    }

    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        cpu_seconds(self.pid())
    }

    /// Resident and proportional memory, in bytes.
    pub(crate) fn memory(&self) -> Result<[u64; 2]> {
        memory(self.pid())
    }
}

/// The route of all pods.
pub(crate) const PODS: &str = "/apis/metrics.k8s.io/v1beta1/pods";

/// How many pods an answer tells of.
fn count(body: &[u8]) -> usize {
    let needle = b"\"window\":";
    body.windows(needle.len()).filter(|part| part == needle).count()
}

/// Resident and proportional memory of a process, in bytes.
pub(crate) fn memory(pid: u32) -> Result<[u64; 2]> {
    let rss = status(pid, "VmRSS:")? * 1024;
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let pss = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse::<u64>().ok());
    Ok([rss, pss.unwrap_or(0) * 1024])
}

/// Those that are measured: the peer where it is there.
pub(crate) fn kinds(settings: &Settings) -> Vec<Kind> {
    let mut kinds = vec![Kind::Plimsoll("resource"), Kind::Plimsoll("summary")];
    if settings.cluster_peer.as_deref().is_some_and(Path::is_file) {
        kinds.push(Kind::MetricsServer);
    }
    kinds
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
