//! What a container uses now, from its last two samples, and how that went over the last sixty.

use plimsoll_measure::filesystem::FsStats;
use plimsoll_measure::network::Interface;
use plimsoll_measure::sample::Sample;

use super::chart;
use super::html::{Html, bytes};
use crate::past::{Past, View, Window};

/// Samples in a chart, as cAdvisor's page.
const CHARTED: usize = 60;

/// Appends the section.
pub fn section(main: &mut Html, past: &dyn Past, view: &View) {
    let window = Window { count: Some(CHARTED), ..Window::default() };
    let samples = past.samples(&view.reference.name, window).unwrap_or_default();
    main.raw("<section><h2>Usage</h2>\n");
    let Some(now) = samples.last() else {
        main.raw("<p>There is no sample yet.</p></section>\n");
        return;
    };
    let before = samples.len().checked_sub(2).and_then(|at| samples.get(at));
    main.raw("<p>At <time>").show(now.at).raw("</time></p>\n<table>\n");
    cpu(main, before, now, past.machine().num_cores);
    memory(main, view, now, past.machine().memory_capacity);
    main.raw("</table>\n");
    charts(main, &samples);
    network(main, before, now);
    filesystems(main, &now.filesystem);
    main.raw("</section>\n");
}

/// A counter's growth a second between two samples; absent where it went back or time stood still.
fn rate(before: Option<&Sample>, now: &Sample, counter: impl Fn(&Sample) -> Option<u64>) -> Option<f64> {
    let before = before?;
    let span = now.at.since(before.at);
    let grown = counter(now)?.checked_sub(counter(before)?)?;
    (span > 0).then(|| grown as f64 * 1e9 / span as f64)
}

fn cpu(main: &mut Html, before: Option<&Sample>, now: &Sample, cores: u64) {
    let total = |sample: &Sample| sample.cpu.as_ref()?.usage.total;
    let Some(nanos) = rate(before, now, total) else { return };
    let used = nanos / 1e9;
    main.raw("<tr><th scope=\"row\">CPU</th><td>");
    main.bar((used * 1000.0) as u64, cores.saturating_mul(1000));
    main.raw(" (").show(format_args!("{used:.3} of {cores} cores")).raw(")</td></tr>\n");
    for (what, part) in [
        ("User", rate(before, now, |sample| sample.cpu.as_ref()?.usage.user)),
        ("System", rate(before, now, |sample| sample.cpu.as_ref()?.usage.system)),
    ] {
        if let Some(nanos) = part {
            main.row(what, format_args!("{:.3} cores", nanos / 1e9));
        }
    }
}

/// CPU and memory over the samples.
fn charts(main: &mut Html, samples: &[Sample]) {
    let total = |sample: &Sample| sample.cpu.as_ref()?.usage.total;
    let pairs = samples.iter().zip(samples.iter().skip(1));
    let cores: Vec<(f64, f64)> = pairs
        .filter_map(|(before, now)| Some((now.at.secs_f64(), rate(Some(before), now, total)? / 1e9)))
        .collect();
    chart::line(main, "CPU", &cores, |most| format!("{most:.3} cores"));
    let used: Vec<(f64, f64)> = samples
        .iter()
        .filter_map(|sample| Some((sample.at.secs_f64(), sample.memory.as_ref()?.usage? as f64)))
        .collect();
    chart::line(main, "Memory", &used, |most| bytes(most as u64));
}

fn memory(main: &mut Html, view: &View, now: &Sample, capacity: u64) {
    let Some(memory) = &now.memory else { return };
    let limit = match view.spec.memory.limit {
        0 => capacity,
        limit => limit.min(capacity),
    };
    for (what, used) in [("Memory", memory.usage), ("Working set", memory.working_set)] {
        let Some(used) = used else { continue };
        main.raw("<tr><th scope=\"row\">").raw(what).raw("</th><td>").bar(used, limit).raw(" (");
        main.show(bytes(used)).raw(" of ").show(bytes(limit)).raw(")</td></tr>\n");
    }
    for (what, used) in [("Anonymous", memory.rss), ("Page cache", memory.cache), ("Swap", memory.swap)] {
        if let Some(used) = used {
            main.row(what, bytes(used));
        }
    }
}

fn network(main: &mut Html, before: Option<&Sample>, now: &Sample) {
    let Some(network) = now.network.as_ref().filter(|network| !network.interfaces.is_empty()) else { return };
    main.raw("<h3>Network</h3>\n<div class=\"wide\"><table>\n");
    main.head(&["Interface", "Received", "a second", "Sent", "a second", "Errors", "Dropped"]);
    main.raw("<tbody>\n");
    for interface in &network.interfaces {
        let growth = |counter: fn(&Interface) -> u64| {
            let of = |sample: &Sample| {
                let mut all = sample.network.as_ref()?.interfaces.iter();
                all.find(|other| other.name == interface.name).map(counter)
            };
            rate(before, now, of).map_or_else(|| "-".to_owned(), |rate| bytes(rate as u64))
        };
        main.raw("<tr>").cell(&interface.name);
        main.number(bytes(interface.rx_bytes)).number(growth(|interface| interface.rx_bytes));
        main.number(bytes(interface.tx_bytes)).number(growth(|interface| interface.tx_bytes));
        main.number(interface.rx_errors.saturating_add(interface.tx_errors));
        main.number(interface.rx_dropped.saturating_add(interface.tx_dropped)).raw("</tr>\n");
    }
    main.raw("</tbody></table></div>\n");
}

fn filesystems(main: &mut Html, filesystems: &[FsStats]) {
    if filesystems.is_empty() {
        return;
    }
    main.raw("<h3>Filesystems</h3>\n<div class=\"wide\"><table>\n").head(&["Device", "Type", "Used"]);
    main.raw("<tbody>\n");
    for fs in filesystems {
        main.raw("<tr>").cell(&fs.device).cell(&fs.r#type).raw("<td>").bar(fs.usage, fs.capacity);
        main.raw(" (").show(bytes(fs.usage)).raw(" of ").show(bytes(fs.capacity)).raw(")</td></tr>\n");
    }
    main.raw("</tbody></table></div>\n");
}
