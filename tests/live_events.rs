//! What happens to containers: creation, OOM, the end, and what stays known afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use common::docker::{self, IMAGE};
use common::http::Stream;
use common::program::Plimsoll;
use common::{Need, close, eventually, kernel, number, text, unique};
use serde_json::Value;

fn program() -> Plimsoll {
    Plimsoll::start(&[&docker::shared().flag()])
}

/// All events about the container with that id, oldest first.
fn events(program: &Plimsoll, id: &str) -> Result<Vec<Value>, String> {
    let all = program.try_json("/api/v1.3/events?all_events=true&subcontainers=true&max_events=-1")?;
    let all = all.as_array().ok_or("not a list")?;
    Ok(all
        .iter()
        .filter(|one| one["container_name"].as_str().is_some_and(|name| name.contains(id)))
        .cloned()
        .collect())
}

#[track_caller]
fn event(program: &Plimsoll, id: &str, kind: &str) -> Value {
    eventually(&format!("a {kind} event of {id}"), 30.0, || {
        let all = events(program, id)?;
        all.iter().find(|one| one["event_type"] == kind).cloned().ok_or(format!("only {all:?}"))
    })
}

/// The entry in the list of those that ended lately.
#[track_caller]
fn ended(program: &Plimsoll, id: &str) -> Value {
    eventually("it is in the ended list", 30.0, || {
        let all = program.try_json("/api/plimsoll/v1/ended")?;
        let found = all.as_array().ok_or("not a list")?.iter().find(|one| one["id"] == id).cloned();
        found.ok_or(format!("not in {all}"))
    })
}

#[test]
fn creation_and_deletion_come_with_exit_codes() {
    require!(Need::Docker);
    let program = program();
    let docker = docker::shared();
    for code in [0, 3] {
        let name = unique("exit");
        let (id, done) = docker.job(&name, &[], &["workload", "do", "sleep 300", &format!("exit {code}")]);
        assert_eq!(done.code, Some(code));
        let created = event(&program, &id, "containerCreation");
        let deleted = event(&program, &id, "containerDeletion");
        assert_eq!(number(&deleted, "/event_data/container_deletion/exit_code"), f64::from(code));
        assert!(created["timestamp"].as_str() < deleted["timestamp"].as_str());
        assert_eq!(number(&ended(&program, &id), "/exit_code"), f64::from(code));
        docker.remove(&name);
    }
}

#[test]
fn a_container_of_100_ms_is_seen_and_its_totals_stay() {
    require!(Need::Docker);
    let program = program();
    let docker = docker::shared();
    for _ in 0..3 {
        let name = unique("short");
        let (id, done) = docker.job(&name, &[], &["workload", "do", "burn 100"]);
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let burnt: f64 = done.stdout.trim().strip_prefix("ok ").unwrap().parse().unwrap();
        event(&program, &id, "containerCreation");
        event(&program, &id, "containerDeletion");
        let entry = ended(&program, &id);
        let total = number(&entry, "/stats/cpu/usage/total");
        // runc's own start in the group comes on top; nothing of the work may be missing
        assert!(total >= burnt * 0.99, "{total} ns for a job that burnt {burnt}");
        assert!(
            total <= burnt + common::seconds(1.0).as_nanos() as f64,
            "{total} ns for a job that burnt {burnt}"
        );
        assert_eq!(entry["aliases"][0], name.as_str());
        docker.remove(&name);
    }
}

#[test]
fn an_oom_kill_names_the_victim() {
    require!(Need::Docker);
    let program = program();
    let docker = docker::shared();
    let name = unique("oom");
    let (id, done) =
        docker.job(&name, &["--memory", "32m", "--memory-swap", "32m"], &["workload", "do", "hold 200"]);
    assert_eq!(done.code, Some(137), "{}", done.stderr);
    let kill = event(&program, &id, "oomKill");
    assert_eq!(
        kill.pointer("/event_data/oom/process_name").and_then(Value::as_str),
        Some("workload"),
        "{kill}"
    );
    assert_eq!(
        kill.pointer("/event_data/oom/constraint").and_then(Value::as_str),
        Some("CONSTRAINT_MEMCG"),
        "{kill}"
    );
    assert!(number(&kill, "/event_data/oom/pid") > 1.0);
    event(&program, &id, "oom");
    let entry = ended(&program, &id);
    assert_eq!(entry["oom_killed"], true, "{entry}");
    // the kernel's log has a clock of its own: a kill lies within the container's life all the same
    let [created, killed, ended] = ["containerCreation", "oomKill", "containerDeletion"]
        .map(|kind| text(&event(&program, &id, kind), "/timestamp").parse::<jiff::Timestamp>().unwrap());
    assert!(created < killed && killed < ended, "{created} {killed} {ended}");
    assert_eq!(number(&entry, "/exit_code"), 137.0);
    docker.remove(&name);
}

#[test]
fn an_oom_kill_counts_while_the_container_lives_on() {
    require!(Need::Docker);
    let program = program();
    let container = docker::shared().container(&["--memory", "48m", "--memory-swap", "48m"]);
    // the shell's child is the largest and dies, the container's first process stays
    let done = docker::shared().try_run(&["exec", &container.id, "workload", "do", "hold 200"]);
    assert_ne!(done.code, Some(0));
    eventually("container_oom_events_total is 1", 30.0, || {
        let all = program.metrics();
        let found = all
            .iter()
            .find(|one| one.name == "container_oom_events_total" && one.label("id") == container.group);
        match found.map(|one| one.value) {
            Some(1.0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    if kernel::v2() {
        let truth = kernel::key(&kernel::file("", &container.group, "", "memory.events"), "max");
        let all = program.metrics_of("/metrics?max_age=0s");
        let told = all.iter().find(|one| {
            one.name == "container_memory_events_max_total" && one.label("id") == container.group
        });
        close("container_memory_events_max_total", told.unwrap().value, truth, 0.1);
    }
}

#[test]
fn a_stream_brings_events_as_they_happen() {
    require!(Need::Docker);
    let program = program();
    let mut stream = Stream::open(
        program.address,
        "/api/v1.3/events?stream=true&creation_events=true&deletion_events=true&subcontainers=true",
    )
    .unwrap();
    let docker = docker::shared();
    let name = unique("streamed");
    let (id, _) = docker.job(&name, &[], &["workload", "do", "sleep 200"]);
    docker.remove(&name);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let event = stream.next().unwrap();
        if event["container_name"].as_str().is_some_and(|name| name.ends_with(&id) || name.contains(&id)) {
            seen.push(event["event_type"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(seen, ["containerCreation", "containerDeletion"]);
}

#[test]
fn many_short_containers_are_all_seen() {
    require!(Need::Docker);
    let program = program();
    let docker = docker::shared();
    let names: Vec<_> = (0..8).map(|_| unique("many")).collect();
    std::thread::scope(|scope| {
        for half in names.chunks(4) {
            scope.spawn(move || {
                for name in half {
                    docker.run(&[
                        "run",
                        "--name",
                        name,
                        "--network",
                        "none",
                        IMAGE,
                        "workload",
                        "do",
                        "burn 20",
                    ]);
                }
            });
        }
    });
    for name in &names {
        let id = docker.run(&["inspect", "--format", "{{.Id}}", name]);
        event(&program, &id, "containerCreation");
        event(&program, &id, "containerDeletion");
        assert!(number(&ended(&program, &id), "/stats/cpu/usage/total") >= 19_000_000.0);
        docker.remove(name);
    }
}
