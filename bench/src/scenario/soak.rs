//! Containers that come and go as fast as they can: does anything stay behind? Unlike the other scenarios this one
//! judges: it fails when memory or descriptors grow once the lists of what ended are full.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::groups::Groups;
use crate::stats::{Table, short};
use crate::subject::{Kind, Subject};
use crate::{Result, Settings};

/// As many of the ended are kept (`-ended_containers`); until then memory grows.
const KEPT: usize = 1000;
/// MB by which resident memory may grow after that: the allocator's own unrest.
const UNREST: f64 = 1.5;
/// Descriptors by which it may be off: a scrape's own.
const SPARE: usize = 8;

struct Row {
    cycles: usize,
    rss: f64,
    kernel: f64,
    descriptors: usize,
}

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let mut groups = Groups::new()?;
    groups.fill(20)?;
    let mut subject = Subject::start(Kind::Plimsoll, settings, &groups)?;
    subject.complete(&groups, Duration::from_millis(100))?;
    sleep(Duration::from_secs(5));
    let cycles = settings.cycles;
    let title = format!("{cycles} containers come and go beside 20 that stay");
    let table = Table::new(
        &title,
        &["containers that ended", "RSS MB", "kernel memory held for it MB", "descriptors", "seconds"],
    );
    let begin = Instant::now();
    let mut rows = Vec::new();
    let mut take = |cycles: usize, subject: &Subject| -> Result<()> {
        // what is still being read and freed
        sleep(Duration::from_secs(4));
        let [rss, _, kernel] = subject.memory()?;
        let descriptors = fs::read_dir(format!("/proc/{}/fd", subject.pid))?.count();
        let row = Row { cycles, rss, kernel, descriptors };
        table.row(&[
            cycles.to_string(),
            short(row.rss),
            short(row.kernel),
            row.descriptors.to_string(),
            short(begin.elapsed().as_secs_f64()),
        ]);
        rows.push(row);
        Ok(())
    };
    take(0, &subject)?;
    let step = (cycles / 8).max(1);
    for cycle in 1..=cycles {
        let mut group = groups.make()?;
        group.sleeper()?;
        // one in ten lives long enough to be read by its own schedule
        sleep(Duration::from_millis(if cycle % 10 == 0 { 150 } else { 2 }));
        group.end();
        // no runtime removes a group sooner
        sleep(Duration::from_millis(20));
        drop(group);
        if cycle % step == 0 || cycle == cycles {
            // who scrapes has a part in what is kept
            subject.client.get("/metrics", true)?;
            take(cycle, &subject)?;
        }
    }
    judge(&rows)
}

/// Compares the end with the first row that has the lists of the ended full.
fn judge(rows: &[Row]) -> Result<()> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
    if last.descriptors > first.descriptors + SPARE {
        return Err(
            format!("{} descriptors at the end, {} at first", last.descriptors, first.descriptors).into()
        );
    }
    let Some(full) = rows.iter().find(|row| row.cycles > KEPT) else { return Ok(()) };
    let (rss, kernel) = (last.rss - full.rss, last.kernel - full.kernel);
    let per = |mb: f64| mb * 1e6 / (last.cycles - full.cycles).max(1) as f64;
    println!(
        "\nFrom {} to {} ended containers: RSS {rss:+.2} MB ({:+.0} bytes each), kernel memory {kernel:+.2} MB.",
        full.cycles,
        last.cycles,
        per(rss)
    );
    if rss > UNREST || kernel > UNREST {
        return Err("memory grows with the containers that ended".into());
    }
    Ok(())
}
