//! A cluster that is not there: kubelets and an API server over loopback, with known numbers and faults.
//!
//! Comes in: how large it shall be, what shall be wrong with it, changes while it runs. Goes out: what kubelets and an
//! API server of Kubernetes 1.32 answer, and what the numbers are to be.
//! Refuses to know: the program that reads it. Nothing here is shared with it, so that neither hides the other's faults.
//!
//! Each node listens on an address of its own (127.16.0.1 and on), all of them on one port, so that a collector finds
//! and asks them by its real rules. Numbers follow straight lines ([`load`](mod@load)); `/expected` tells them.

mod changes;
mod load;
mod node;
mod object;
mod people;
mod seed;
mod text;
mod world;

pub mod fault;
pub mod options;

pub mod api;
mod control;
mod kubelet;
mod life;
mod reply;
mod serve;
#[cfg(test)]
mod tests;
mod tls;

use std::net::{Ipv4Addr, TcpListener as Probe};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::world::World;

pub use crate::options::Options;

/// What went wrong, in words.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// Something, or what went wrong.
pub type Result<T> = std::result::Result<T, Error>;

/// A cluster that runs. It ends when this is dropped.
pub struct Running {
    /// Where the API server is: `http://127.0.0.1:4711`.
    pub api: String,
    /// Where the control routes are.
    pub control: String,
    /// On which port each kubelet listens.
    pub kubelet_port: u16,
    /// The nodes' addresses, in the order of their names.
    pub addresses: Vec<Ipv4Addr>,
    /// A kubeconfig that leads to the API server.
    pub kubeconfig: std::path::PathBuf,
    kubelets: kubelet::Kubelets,
    _tasks: JoinSet<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kubelets.end_all();
    }
}

impl Running {
    /// The addresses as one line of JSON.
    pub fn line(&self) -> String {
        serde_json::json!({
            "api": self.api,
            "control": self.control,
            "kubelet_port": self.kubelet_port,
            "addresses": self.addresses.iter().map(Ipv4Addr::to_string).collect::<Vec<_>>(),
            "kubeconfig": self.kubeconfig,
        })
        .to_string()
    }
}

/// Starts a cluster; all of it listens when this is done.
///
/// # Errors
/// An address is taken, a file cannot be written, a fault names a node that is not there.
pub async fn start(options: Options) -> Result<Running> {
    let kubelet_port = match options.kubelet_port {
        0 => Probe::bind((options.first, 0))?.local_addr()?.port(),
        port => port,
    };
    std::fs::create_dir_all(&options.dir).map_err(|error| format!("{}: {error}", options.dir.display()))?;
    let world = Arc::new(World::new(options));
    people::settle(&mut world.write(), &world.options, kubelet_port, world.moment());
    for (nodes, word) in &world.options.faults {
        for node in world.nodes(nodes)? {
            node.trouble.send_modify(|trouble| {
                // the words were looked at when they were read
                if let Ok(changed) = fault::change(trouble.clone(), word) {
                    *trouble = changed;
                }
            });
        }
    }

    let authority = tls::Authority::new()?;
    let api_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, world.options.api_port)).await?;
    let control_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, world.options.control_port)).await?;
    let (api_at, control_at) = (api_listener.local_addr()?, control_listener.local_addr()?);
    authority.tell(&world)?;
    let tls = authority.server(&world.options, Ipv4Addr::LOCALHOST, "kubernetes")?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let api = format!("{scheme}://{api_at}");
    let kubeconfig = authority.write(&world.options, &api)?;
    let kubelets = kubelet::Kubelets::new(Arc::clone(&world), kubelet_port, authority)?;
    let nodes: Vec<_> = world.read().nodes.values().cloned().collect();
    for node in nodes.iter().cloned() {
        kubelets.listen(node).await?;
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(api::run(Arc::clone(&world), api_listener, tls));
    tasks.spawn(life::run(Arc::clone(&world)));
    tasks.spawn(control::run(Arc::clone(&world), kubelets.clone(), control_listener));
    let addresses = nodes.iter().map(|node| node.address).collect();
    let control = format!("http://{}", control_at);
    Ok(Running { api, control, kubelet_port, addresses, kubeconfig, kubelets, _tasks: tasks })
}
