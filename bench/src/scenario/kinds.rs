//! What each kind of metric that is off by default adds to the CPU of a container sample, and all of them together.
//!
//! Every container has a network namespace of its own with a listening socket in it, and works a little each second.
//! One program a kind, in turns as in [`super::host`]; what a kind costs is the difference to the program without it.

use std::time::Duration;

use super::host::{micros, rounds};
use crate::groups::Groups;
use crate::stats::{Table, at, median, short};
use crate::subject::{Kind, Subject, home};
use crate::{Result, Settings, minimal};

/// What is off by default.
const OFF: &[&str] = &[
    "advtcp",
    "cpu_topology",
    "cpuset",
    "hugetlb",
    "memory_numa",
    "process",
    "referenced_memory",
    "sched",
    "tcp",
    "udp",
];

/// The kernel's software events, which every machine has.
const EVENTS: &str =
    r#"{"core": {"events": ["context-switches", "cpu-migrations", "page-faults", "cpu-clock"]}}"#;

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let size = settings.sizes.iter().flatten().copied().max().unwrap_or(300).min(300);
    let mut groups = Groups::new()?;
    groups.fill_apart(size)?;
    groups.busy(true)?;

    let events = std::env::temp_dir().join(format!("plimsoll-bench-{}.json", std::process::id()));
    std::fs::write(&events, EVENTS)?;
    let events = format!("--perf_events_config={}", events.display());
    let mut programs: Vec<(&str, Vec<String>)> = vec![("by default", Vec::new())];
    programs.extend(OFF.iter().map(|kind| (*kind, vec![without(&[kind])])));
    programs.push(("load reader", vec!["--enable_load_reader".to_owned()]));
    programs.push(("perf_event, 4 software events", vec![events.clone()]));
    programs.push(("all of these", vec![without(OFF), "--enable_load_reader".to_owned(), events.clone()]));

    println!("\n## {size} containers, kinds that are off by default");
    let mut subjects = Vec::new();
    for (_, args) in &programs {
        let mut subject = Subject::start_with(Kind::Plimsoll, settings, &groups, args)?;
        subject.complete(&groups, Duration::from_millis(100))?;
        subjects.push(subject);
    }
    std::thread::sleep(Duration::from_secs(20));
    let reader_home = home("minimal")?;
    let first = subjects.first().ok_or("no program")?;
    let (mut reader, _) = minimal::start(&groups, &reader_home, first.pid)?;
    // slow kinds have a pace of their own, of ten seconds and more
    let window = settings.window.max(20);
    let measured = rounds(settings.rounds.min(3), window, &groups, &mut subjects, &reader_home, reader.id());
    let _ = reader.kill();
    let _ = reader.wait();
    let (_, costs) = measured?;
    let costs: Vec<Vec<f64>> = costs.iter().map(micros).collect();
    let _ = std::fs::remove_file(events.trim_start_matches("--perf_events_config="));

    let table = Table::new(
        "CPU a container sample, busy",
        &["kind", "median µs", "least", "most", "more than by default"],
    );
    let base = costs.first().map(|costs| median(costs)).unwrap_or_default();
    for ((name, _), costs) in programs.iter().zip(&costs) {
        let more = format!("{:+.1}", median(costs) - base);
        let range = [short(at(0.0, costs)), short(at(1.0, costs))];
        table.row(&[(*name).to_owned(), short(median(costs)), range[0].clone(), range[1].clone(), more]);
    }
    Ok(())
}

/// Leaves out what is off by default, but for these.
fn without(on: &[&str]) -> String {
    let left: Vec<&str> = OFF.iter().copied().chain(["resctrl"]).filter(|kind| !on.contains(kind)).collect();
    format!("--disable_metrics={}", left.join(","))
}
