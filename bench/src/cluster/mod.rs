//! A cluster that is not there, and who collects from it.

pub(crate) mod collector;
pub(crate) mod fetch;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::Result;

/// Whoever shows this token may ask for everything: the generator's TokenReview says so.
pub(crate) const TOKEN: &str = "bench";

/// The generator (`testbed/cluster`), as a process of its own. Ended when dropped.
pub(crate) struct Generator {
    pub(crate) child: Child,
    pub(crate) nodes: usize,
    pub(crate) pods: usize,
    pub(crate) kubeconfig: PathBuf,
    /// `ADDRESS:PORT` of each kubelet.
    pub(crate) kubelets: Vec<String>,
    pub(crate) dir: PathBuf,
}

impl Generator {
    /// Starts it with 30 pods of two containers on each node.
    pub(crate) fn start(program: &Path, nodes: usize, churn: usize) -> Result<Self> {
        let pods = 30;
        let dir = std::env::temp_dir().join(format!("plimsoll-bench-cluster-{}", std::process::id()));
        std::fs::create_dir_all(&dir)?;
        let mut child = Command::new(program)
            .args(["--nodes", &nodes.to_string(), "--pods", &pods.to_string(), "--containers", "2"])
            .args(["--churn", &churn.to_string(), "--user", &format!("{TOKEN}=bench,system:masters")])
            .arg("--dir")
            .arg(&dir)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let mut line = String::new();
        let told = child.stdout.take().ok_or("no pipe")?;
        BufReader::new(told).read_line(&mut line)?;
        let place: Value = serde_json::from_str(&line)
            .map_err(|_| format!("{} did not start; its reason stands above", program.display()))?;
        let port = place["kubelet_port"].as_u64().ok_or("no port of the kubelets")?;
        let addresses = place["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let kubelets = addresses.map(|address| format!("{address}:{port}")).collect();
        let kubeconfig = place["kubeconfig"].as_str().ok_or("no kubeconfig")?.into();
        Ok(Self { child, nodes, pods, kubeconfig, kubelets, dir })
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// CPU seconds of a process since its start, user and system.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // the name may have spaces and brackets of its own
    let rest = text.rsplit_once(") ").map(|(_, rest)| rest).ok_or("no /proc/PID/stat")?;
    let ticks: u64 = rest.split(' ').skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}
