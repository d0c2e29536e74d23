//! An agent that embeds Plimsoll, as a kubelet embeds cAdvisor: its own intervals, its own labels, its own
//! port, and questions asked in the process instead of over HTTP.
//!
//! `cargo run --example embed -- 4194` serves on that port too; 0 (the default) serves nothing.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use plimsoll::core::event::EventType;
use plimsoll::core::kinds::{Kind, Kinds};
use plimsoll::host::{Host, Options, Pace};
use plimsoll::serve::labels::LabelRules;
use plimsoll::serve::past::Window;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |port| port.parse())?;

    // what the kubelet asks for: 10 to 15 s, two minutes kept, no TCP and UDP, its own choice of labels
    let options = Options {
        pace: Pace { base: Duration::from_secs(10), longest: Duration::from_secs(15), ..Pace::default() },
        storage_duration: Duration::from_secs(120),
        kinds: Kinds::default().without(Kind::Tcp).without(Kind::Udp),
        label_rules: LabelRules {
            store_container_labels: false,
            whitelisted: vec!["io.kubernetes.pod.name".to_owned()],
            ..LabelRules::default()
        },
        ..Options::default()
    };
    let host = Host::new(options, tokio::runtime::Handle::current())?;
    host.start()?;
    host.ready().await;
    let past = host.past();

    let machine = past.machine();
    println!("{} cores, {} bytes of memory", machine.num_cores, machine.memory_capacity);
    for filesystem in past.storage() {
        println!("{}: {} of {} bytes used", filesystem.device, filesystem.usage, filesystem.capacity);
    }
    past.refresh(past.containers().iter().map(|c| c.reference.name.clone()).collect(), Duration::ZERO).await;
    for container in past.containers() {
        let newest = past.samples(&container.reference.name, Window { count: Some(1), ..Window::default() });
        let memory = newest.and_then(|samples| samples.into_iter().next()).and_then(|sample| sample.memory);
        println!("{}: {:?} bytes", container.reference.name, memory.and_then(|memory| memory.working_set));
    }

    // an agent's OOM watcher
    let mut events = past.watch_events();
    tokio::spawn(async move {
        while let Ok(event) = events.recv().await {
            if event.event_type == EventType::OomKill {
                println!("killed for want of memory in {}", event.container_name);
            }
        }
    });

    let app = Arc::new(host.app(plimsoll::serve::app::Options::default()));
    let stop = async {
        // without a signal handler there is nothing to wait for, so the example ends at once
        let _ = tokio::signal::ctrl_c().await;
    };
    plimsoll::server::export(app, IpAddr::V4(Ipv4Addr::LOCALHOST), port, stop).await;
    host.stop();
    Ok(())
}
