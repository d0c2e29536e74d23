//! What is measured, and how; one file a scenario.

pub(crate) mod appear;
pub(crate) mod churn;
pub(crate) mod cluster;
pub(crate) mod host;
pub(crate) mod kinds;
pub(crate) mod short;
pub(crate) mod soak;

use std::fs;

use crate::stats::Table;
use crate::subject::{Kind, size};
use crate::{Result, Settings};

/// Says on what machine this runs, and whether it is quiet.
pub(crate) fn machine(settings: &Settings) -> Result<()> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown");
    let cpus = std::thread::available_parallelism()?;
    let memory = read("/proc/meminfo");
    println!(
        "- machine: {cpus} CPUs, {}; {}",
        model.trim_start_matches([' ', '\t', ':']),
        memory.lines().next().unwrap_or("")
    );
    println!(
        "- kernel: {}; hierarchies: {}",
        read("/proc/sys/kernel/osrelease"),
        crate::groups::hierarchies()?.len()
    );
    println!("- load before: {}", read("/proc/loadavg"));
    let table = Table::new("Binaries", &["program", "MB"]);
    for kind in Kind::all(settings) {
        let path = if kind == Kind::Plimsoll { Some(&settings.program) } else { settings.peer.as_ref() };
        let path = path.ok_or("no peer")?;
        table.row(&[kind.name().to_owned(), format!("{:.1}", size(path)? as f64 / 1e6)]);
    }
    Ok(())
}
