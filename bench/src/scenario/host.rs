//! CPU a container sample, memory, answers and start, with containers that idle and that work.
//!
//! CPU is taken in rounds: each subject in turn runs alone for a window while the others are stopped, so that
//! what one reads cannot be what another has just brought up to date.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::groups::Groups;
use crate::rest::Pages;
use crate::stats::{Table, at, median, short};
use crate::subject::{Kind, Subject, home, signal};
use crate::{Result, Settings, minimal};

const SCRAPES: usize = 50;
/// After having gone on, before a window begins: what fell due meanwhile is read in this time.
const SETTLE: Duration = Duration::from_millis(1600);
/// Seconds between two full readings of a group in which nothing has moved for a while.
const SELDOM: u64 = 30;
/// So many rounds at most, since each takes half a minute a subject.
const IDLE_ROUNDS: usize = 3;
/// That while.
const REST: Duration = Duration::from_secs(45);

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let mut groups = Groups::new()?;
    for &size in settings.sizes.as_deref().unwrap_or(&[1, 100, 1000]) {
        println!("\n## {size} containers");
        groups.fill(size)?;
        start_up(settings, &groups)?;
        let mut subjects = Vec::new();
        for kind in Kind::all(settings) {
            let mut subject = Subject::start(kind, settings, &groups)?;
            subject.complete(&groups, Duration::from_millis(100))?;
            subjects.push(subject);
        }
        groups.busy(true)?;
        // one container's memory is the program's own
        std::thread::sleep(Duration::from_secs(if size > 1 { settings.history } else { 10 }));
        memory(&subjects)?;
        answers(&mut subjects)?;
        cpu("busy", settings.rounds, settings.window, &groups, &mut subjects)?;
        groups.busy(false)?;
        std::thread::sleep(REST);
        // what is read seldom while nothing moves has its share in each window
        cpu("idle", settings.rounds.min(IDLE_ROUNDS), settings.window.max(SELDOM), &groups, &mut subjects)?;
    }
    Ok(())
}

/// From the start of the program until `/metrics` has all containers.
fn start_up(settings: &Settings, groups: &Groups) -> Result<()> {
    let table = Table::new("Start to the first complete /metrics", &["program", "median ms", "of", "max ms"]);
    for kind in Kind::all(settings) {
        let runs = if kind == Kind::Plimsoll { 7 } else { 3 };
        let mut took = Vec::new();
        // rarely where an answer is long: asking shall not be what takes the time
        let every = Duration::from_micros(2_000 + 50 * groups.members.len() as u64);
        for _ in 0..runs {
            let mut subject = Subject::start(kind, settings, groups)?;
            took.push(subject.complete(groups, every)?.as_secs_f64() * 1e3);
        }
        table.row(&[kind.name().to_owned(), short(median(&took)), runs.to_string(), short(at(1.0, &took))]);
    }
    Ok(())
}

fn memory(subjects: &[Subject]) -> Result<()> {
    let table = Table::new("Memory, MB", &["program", "RSS", "PSS", "kernel memory held for it"]);
    for subject in subjects {
        let [rss, pss, kernel] = subject.memory()?;
        table.row(&[subject.kind.name().to_owned(), short(rss), short(pss), short(kernel)]);
    }
    Ok(())
}

fn answers(subjects: &mut [Subject]) -> Result<()> {
    let table = Table::new("Answers", &["program", "route", "median ms", "p99 ms", "KB"]);
    let routes = [("/metrics", false), ("/metrics", true), ("/api/v1.3/subcontainers/", false)];
    for (route, gzip) in routes {
        for index in 0..subjects.len() {
            for (other, subject) in subjects.iter().enumerate() {
                if other == index { subject.go_on() } else { subject.pause() }
            }
            let Some(subject) = subjects.get_mut(index) else { continue };
            std::thread::sleep(SETTLE);
            let (took, bytes) = times(subject, route, gzip)?;
            let encoding = if gzip { " gzip" } else { "" };
            table.row(&[
                subject.kind.name().to_owned(),
                format!("{route}{encoding}"),
                short(median(&took)),
                short(at(0.99, &took)),
                short(bytes as f64 / 1e3),
            ]);
        }
    }
    subjects.iter().for_each(Subject::go_on);
    Ok(())
}

/// Asks again and again, for at most half a minute.
fn times(subject: &mut Subject, route: &str, gzip: bool) -> Result<(Vec<f64>, usize)> {
    let (mut took, mut bytes, begin) = (Vec::new(), 0, Instant::now());
    while took.len() < SCRAPES && begin.elapsed() < Duration::from_secs(30) {
        let asked = Instant::now();
        let answer = subject.client.get(route, gzip)?;
        took.push(asked.elapsed().as_secs_f64() * 1e3);
        if answer.status != 200 {
            return Err(
                format!("{route}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into()
            );
        }
        bytes = answer.body.len();
        // so that a sample is taken now and then between two scrapes
        std::thread::sleep(Duration::from_millis(23));
    }
    Ok((took, bytes))
}

/// CPU a container sample, in turns with the minimal reader.
fn cpu(title: &str, turns: usize, window: u64, groups: &Groups, subjects: &mut [Subject]) -> Result<()> {
    let reader_home = home("minimal")?;
    let plimsoll = subjects.iter().find(|subject| subject.kind == Kind::Plimsoll).ok_or("no program")?;
    let (mut reader, files) = minimal::start(groups, &reader_home, plimsoll.pid)?;
    let measured = rounds(turns, window, groups, subjects, &reader_home, reader.id());
    let _ = reader.kill();
    let _ = reader.wait();
    let (least, costs) = measured?;

    let title = format!("CPU a container sample, {title}");
    let table = Table::new(&title, &["program", "median µs", "least", "most", "ratio to minimal"]);
    let row = |name: String, windows: &[Window]| {
        let costs = micros(windows);
        let ratio = median(&costs) / median(&micros(&least));
        table.row(&[
            name,
            short(median(&costs)),
            short(at(0.0, &costs)),
            short(at(1.0, &costs)),
            short(ratio),
        ]);
    };
    row(format!("minimal, {files} files"), &least);
    for (subject, windows) in subjects.iter().zip(&costs) {
        row(subject.kind.name().to_owned(), windows);
    }
    let pages: Vec<f64> = costs.iter().chain([&least]).flatten().map(|window| window.page).collect();
    println!(
        "\nTouching a page that rested for a second: {} µs, {} to {} in all windows.",
        short(median(&pages)),
        short(at(0.0, &pages)),
        short(at(1.0, &pages))
    );
    Ok(())
}

/// What a subject took in its turn.
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Microseconds of CPU a container sample.
    pub(super) micros: f64,
    /// Microseconds for a page that rested for a second, meanwhile.
    page: f64,
}

/// Of each window.
pub(super) fn micros<'a>(windows: impl IntoIterator<Item = &'a Window>) -> Vec<f64> {
    windows.into_iter().map(|window| window.micros).collect()
}

/// The windows of the minimal reader, those of each subject.
pub(super) fn rounds(
    rounds: usize,
    window: u64,
    groups: &Groups,
    subjects: &mut [Subject],
    reader_home: &crate::groups::Group,
    reader: u32,
) -> Result<(Vec<Window>, Vec<Vec<Window>>)> {
    let (mut least, mut costs) = (Vec::new(), vec![Vec::new(); subjects.len()]);
    let mut pages = Pages::new();
    subjects.iter().for_each(Subject::pause);
    let window = Duration::from_secs(window);
    for _ in 0..rounds {
        signal(reader, Signal::CONT);
        std::thread::sleep(SETTLE);
        let before = (reader_home.cpu_nanos()?, minimal::passes(reader)?);
        let page = pages.sleep(window);
        let after = (reader_home.cpu_nanos()?, minimal::passes(reader)?);
        signal(reader, Signal::STOP);
        // with the group above and the root, as the subjects
        let samples = (after.1 - before.1).max(1) * (groups.members.len() as u64 + 2);
        least.push(Window { micros: (after.0 - before.0) as f64 / 1e3 / samples as f64, page });

        for (subject, costs) in subjects.iter_mut().zip(&mut costs) {
            subject.go_on();
            std::thread::sleep(SETTLE);
            // the scrapes that count lie outside what is counted
            let samples = subject.samples()?;
            let (cpu, begin) = (subject.cpu_nanos()?, Instant::now());
            let page = pages.sleep(window);
            let (cpu, time) = (subject.cpu_nanos()? - cpu, begin.elapsed());
            let samples = match (samples, subject.samples()?) {
                (Some(before), Some(after)) => (after - before) as f64,
                // one a second of each, its parent and the root
                _ => time.as_secs_f64() * (groups.members.len() + 2) as f64,
            };
            subject.pause();
            costs.push(Window { micros: cpu as f64 / 1e3 / samples.max(1.0), page });
        }
    }
    subjects.iter().for_each(Subject::go_on);
    Ok((least, costs))
}
