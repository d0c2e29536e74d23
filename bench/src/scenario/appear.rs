//! How long it takes from the making of a cgroup to its first sample in the API.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::groups::Groups;
use crate::stats::{Table, at, median, short};
use crate::subject::{Kind, Subject};
use crate::{Result, Settings};

const TIMES: usize = 25;

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let mut groups = Groups::new()?;
    groups.fill(100)?;
    let columns = ["program", "known, median ms", "max", "with a sample, median ms", "max"];
    let table = Table::new("From mkdir to /api/v1.3/containers/NAME, beside 100 containers", &columns);
    for kind in Kind::all(settings) {
        let mut subject = Subject::start(kind, settings, &groups)?;
        subject.complete(&groups, Duration::from_millis(100))?;
        let (mut known, mut sampled) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            sleep(Duration::from_millis(100));
            let path = format!("/api/v1.3/containers{}?num_stats=1", groups.next_name());
            let begin = Instant::now();
            // dropped, and so removed, at the end of the turn
            let _group = groups.make()?;
            let mut seen = None;
            while begin.elapsed() < Duration::from_secs(10) {
                let answer = subject.client.get(&path, false)?;
                if answer.status == 200 {
                    seen.get_or_insert(begin.elapsed());
                    let body: serde_json::Value = serde_json::from_slice(&answer.body)?;
                    if body
                        .get("stats")
                        .and_then(|stats| stats.as_array())
                        .is_some_and(|stats| !stats.is_empty())
                    {
                        sampled.push(begin.elapsed().as_secs_f64() * 1e3);
                        break;
                    }
                }
                sleep(Duration::from_micros(500));
            }
            known.extend(seen.map(|seen| seen.as_secs_f64() * 1e3));
        }
        table.row(&[
            kind.name().to_owned(),
            short(median(&known)),
            short(at(1.0, &known)),
            short(median(&sampled)),
            format!("{} ({} of {TIMES})", short(at(1.0, &sampled)), sampled.len()),
        ]);
    }
    Ok(())
}
