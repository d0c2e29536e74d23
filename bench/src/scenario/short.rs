//! Containers that live 100 ms: are they seen, and is what they used kept to the nanosecond?
//!
//! What they used is asked of the kernel between the end of the process and the removal of the group. The group
//! goes 20 ms after its process, as a runtime does it at the soonest (it starts a program for that), and then, in a
//! second run, at once: nobody can be sure to read before that.

use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::groups::Groups;
use crate::stats::Table;
use crate::subject::{Kind, Subject};
use crate::{Result, Settings};

const LIVES: usize = 50;

pub(crate) fn run(settings: &Settings) -> Result<()> {
    let mut groups = Groups::new()?;
    groups.fill(10)?;
    let mut subjects = Vec::new();
    for kind in Kind::all(settings) {
        let mut subject = Subject::start(kind, settings, &groups)?;
        subject.complete(&groups, Duration::from_millis(100))?;
        subjects.push(subject);
    }
    for (pause, title) in [(20, "removed 20 ms after its process"), (0, "removed at once")] {
        one(&mut groups, &mut subjects, Duration::from_millis(pause), title)?;
    }
    Ok(())
}

fn one(groups: &mut Groups, subjects: &mut [Subject], pause: Duration, title: &str) -> Result<()> {
    let mut lives = Vec::new();
    for _ in 0..LIVES {
        let mut group = groups.make()?;
        group.start(&["burn", "20"])?;
        group.wait()?;
        sleep(pause);
        lives.push((group.name.clone(), group.cpu_nanos()?));
        drop(group);
        sleep(Duration::from_millis(50));
    }
    sleep(Duration::from_secs(3));
    let columns = ["program", "created", "deleted", "with totals", "totals exact", "largest loss"];
    let table = Table::new(&format!("{LIVES} lives of 100 ms with 20 ms of work, {title}"), &columns);
    for subject in subjects {
        let events = subject.client.get(
            "/api/v1.3/events/?creation_events=true&deletion_events=true&subcontainers=true&max_events=100000",
            false,
        )?;
        let events: Value = serde_json::from_slice(&events.body).unwrap_or_default();
        let told = |name: &str, kind: &str| {
            events.as_array().into_iter().flatten().any(|event| {
                let text = |key: &str| event.get(key).and_then(Value::as_str);
                text("container_name") == Some(name) && text("event_type") == Some(kind)
            })
        };
        let count = |kind: &str| lives.iter().filter(|(name, _)| told(name, kind)).count();
        let totals = totals(subject)?;
        let kept = |name: &str| totals.iter().find(|(other, _)| other == name).and_then(|(_, total)| *total);
        let found: Vec<(u64, u64)> =
            lives.iter().filter_map(|(name, truth)| Some((*truth, kept(name)?))).collect();
        let exact = found.iter().filter(|(truth, total)| truth == total).count();
        let loss = found
            .iter()
            .map(|(truth, total)| truth.abs_diff(*total) as f64 / *truth as f64)
            .fold(0.0, f64::max);
        table.row(&[
            subject.kind.name().to_owned(),
            count("containerCreation").to_string(),
            count("containerDeletion").to_string(),
            found.len().to_string(),
            exact.to_string(),
            format!("{:.3} %", loss * 100.0),
        ]);
    }
    Ok(())
}

/// The CPU totals of those that ended lately; the peer keeps none.
fn totals(subject: &mut Subject) -> Result<Vec<(String, Option<u64>)>> {
    if subject.kind == Kind::CAdvisor {
        return Ok(Vec::new());
    }
    let answer = subject.client.get("/api/plimsoll/v1/ended", false)?;
    let ended: Value = serde_json::from_slice(&answer.body)?;
    let one = |entry: &Value| {
        let name = entry.get("name")?.as_str()?.to_owned();
        Some((name, entry.pointer("/stats/cpu/usage/total").and_then(Value::as_u64)))
    };
    Ok(ended.as_array().into_iter().flatten().filter_map(one).collect())
}
