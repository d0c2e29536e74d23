//! Containers that come and go, 100 a minute, each for 5 s: does memory come back?

use std::collections::VecDeque;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::groups::Groups;
use crate::stats::{Table, short};
use crate::subject::{Kind, Subject};
use crate::{Result, Settings};

const EVERY: Duration = Duration::from_millis(600);
const LIFE: usize = 8;

pub(crate) fn run(settings: &Settings, seconds: f64) -> Result<()> {
    let mut groups = Groups::new()?;
    groups.fill(100)?;
    let mut subjects = Vec::new();
    for kind in Kind::all(settings) {
        let mut subject = Subject::start(kind, settings, &groups)?;
        subject.complete(&groups, Duration::from_millis(100))?;
        subjects.push(subject);
    }
    // what is opened and kept at first has been
    sleep(Duration::from_secs(20));
    let title = format!("100 containers a minute come and go beside 100 that stay, for {seconds:.0} s");
    let table = Table::new(&title, &["program", "minute", "containers so far", "RSS MB", "CPU % of a core"]);
    let mut cpu: Vec<u64> = subjects.iter().map(Subject::cpu_nanos).collect::<Result<_>>()?;
    let (begin, mut turn, mut minute, mut count) = (Instant::now(), Instant::now(), 0, 0);
    let mut alive = VecDeque::new();
    // a line a minute for the first ten, then every ten minutes
    let mut next = 0.0;
    loop {
        let elapsed = begin.elapsed().as_secs_f64();
        if elapsed >= next {
            for (subject, cpu) in subjects.iter().zip(&mut cpu) {
                let now = subject.cpu_nanos()?;
                let share = (now - *cpu) as f64 / 1e7 / turn.elapsed().as_secs_f64().max(1e-3);
                *cpu = now;
                let [rss, ..] = subject.memory()?;
                table.row(&[
                    subject.kind.name().to_owned(),
                    minute.to_string(),
                    count.to_string(),
                    short(rss),
                    if next == 0.0 { String::new() } else { short(share) },
                ]);
            }
            turn = Instant::now();
            let step = if minute < 10 { 1 } else { 10 };
            minute += step;
            next += step as f64 * 60.0;
            if elapsed >= seconds {
                return Ok(());
            }
        }
        let mut group = groups.make()?;
        group.sleeper()?;
        alive.push_back(group);
        count += 1;
        if alive.len() > LIFE {
            alive.pop_front();
        }
        sleep((EVERY * count).saturating_sub(begin.elapsed()));
    }
}
