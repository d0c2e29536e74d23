//! What to do about what is wrong: for each breach of a row what it means, who has a part in it, and a command that
//! mends it or shows more.
//!
//! Comes in: an [`Overview`]. Goes out: an [`Advice`] for each breach, in their order.
//! Cost:     nothing until somebody looks at one container; then one pass over the rows for a breach.
//!
//! A command holds only ids and names that need no quoting: what a container calls itself cannot become a shell's word.

use std::collections::HashSet;

use serde::Serialize;

use super::{Overview, Row, Word};
use crate::names;

/// So many of those who have a part are named.
const NAMED: usize = 4;
/// A part that is worth a word.
pub const LEAST_PART: f64 = 0.05;
/// A share of the memory limit from which on waits for memory are taken for the limit's.
const NEAR: f64 = 0.8;
const MIB: u64 = 1 << 20;

/// What to do about one breach.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Advice {
    /// As in [`Breach::kind`](super::Breach::kind).
    pub kind: Word,
    /// As in [`Breach::severity`](super::Breach::severity).
    pub severity: u8,
    /// What is wrong, in the breach's words.
    pub wrong: String,
    /// What that means for it.
    pub means: String,
    /// What helps.
    pub remedy: String,
    /// For a shell on its machine, or for kubectl; absent where none fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// What is short: `CPU`, `memory` or `disk`; absent where it is no matter of sharing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_of: Option<&'static str>,
    /// Who has how much of what is short now, the largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
}

/// Who has a part in what is short.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct User {
    /// Its cgroup's name.
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// Its share of what the machine uses of it now.
    pub share: f64,
}

/// Advice for each breach of a container, or of the machine (`/`); `None` if there is no such row.
pub fn advise(overview: &Overview, name: &str) -> Option<Vec<Advice>> {
    let row = overview.rows.iter().find(|row| row.name() == name)?;
    let advice = row.breaches.iter().map(|breach| {
        let said = of_kind(&breach.kind, row, overview);
        Advice { kind: breach.kind.clone(), severity: breach.severity, wrong: breach.text.clone(), ..said }
    });
    Some(advice.collect())
}

fn of_kind(kind: &str, row: &Row, overview: &Overview) -> Advice {
    match kind {
        "throttled" => throttled(row, overview),
        "oom" => killed(row, overview),
        "memory-limit" if row.name() == "/" => Advice {
            means: "Little is left for all: soon the kernel takes back what is in use, then it kills.".to_owned(),
            remedy: "Give the largest a memory limit, or move one of them to another machine.".to_owned(),
            ..sharing(Resource::Memory, row, overview)
        },
        "memory-limit" => full(
            "Little is left below its limit. What it needs beyond that is killed.",
            row,
            overview,
        ),
        "memory-reclaim" => full(
            "It is at its limit: the kernel takes memory back from it again and again, which makes it slow, and kills \
             when there is nothing to take.",
            row,
            overview,
        ),
        "pressure-memory" => waits_for_memory(row, overview),
        "pressure-io" => Advice {
            means: "It stands still until the disk has read or written for it.".to_owned(),
            remedy: "Slow down who uses the disk most, give it a disk of its own, or have it read less: more memory \
                     keeps more of its files."
                .to_owned(),
            ..sharing(Resource::Disk, row, overview)
        },
        "pressure-cpu" if row.name() == "/" => Advice {
            means: "More tasks are ready to work than there are CPUs: all that runs here is slower.".to_owned(),
            remedy: "Give who uses most a CPU limit, move one of them to another machine, or add CPUs.".to_owned(),
            ..sharing(Resource::Cpu, row, overview)
        },
        "pressure-cpu" => Advice {
            means: "It is ready to work, but others are on the CPUs.".to_owned(),
            remedy: "Give who uses most a CPU limit, give this one a larger weight, or add CPUs.".to_owned(),
            ..sharing(Resource::Cpu, row, overview)
        },
        "restarts" => Advice {
            means: "It ends and is started again. The last lines that it wrote mostly say why; its events tell with \
                    which code it ended."
                .to_owned(),
            remedy: "Read its log.".to_owned(),
            command: log(row),
            ..Advice::default()
        },
        "unhealthy" => Advice {
            means: "It runs, but the check that its image or its start asks for fails.".to_owned(),
            remedy: "See what the last checks answered.".to_owned(),
            command: checks(row),
            ..Advice::default()
        },
        "disk" => Advice {
            means: "When it is full, whoever writes there fails: databases first, then logs and new containers."
                .to_owned(),
            remedy: "See what is large, and remove images, volumes and logs that nobody needs.".to_owned(),
            command: Some(large(overview).to_owned()),
            ..Advice::default()
        },
        _ => Advice::default(),
    }
}

fn throttled(row: &Row, overview: &Overview) -> Advice {
    let all = overview.machine.cores as f64;
    let means = match row.cpu_limit {
        Some(limit) => format!(
            "Its CPU limit, {} of {} cores, is used up early in a period of the kernel, and it stands still until the \
             next one. Answers are late even where the mean looks low.",
            trimmed(limit),
            overview.machine.cores
        ),
        None => "A group above it has a CPU limit, which is used up: it stands still until the next period."
            .to_owned(),
    };
    let remedy = "Raise its CPU limit, or have it use fewer threads at a time.".to_owned();
    let twice = row.cpu_limit.map(|limit| limit * 2.0).filter(|twice| *twice <= all);
    Advice { means, remedy, command: twice.and_then(|cores| cpu_limit(row, cores)), ..Advice::default() }
}

fn killed(row: &Row, overview: &Overview) -> Advice {
    let said = full(
        "The kernel ended a process of it because there was no memory left. Started again, it comes to the same end.",
        row,
        overview,
    );
    if row.memory_limit.is_some() {
        return said;
    }
    Advice {
        means: "It has no memory limit: a group above it, or the whole machine, ran out of memory, and the kernel ended \
                a process of it."
            .to_owned(),
        remedy: "Give the largest a memory limit, so that one that grows hurts itself alone.".to_owned(),
        ..sharing(Resource::Memory, row, overview)
    }
}

fn full(means: &str, row: &Row, overview: &Overview) -> Advice {
    let more = row.memory_limit.map(|limit| (limit / 2 * 3).div_ceil(MIB));
    let more = more.filter(|mib| *mib < overview.machine.memory / MIB);
    Advice {
        means: means.to_owned(),
        remedy: "Where anonymous memory grows without end, it leaks: mend that. Else raise its memory limit."
            .to_owned(),
        command: more.and_then(|mib| memory_limit(row, mib)),
        ..Advice::default()
    }
}

fn waits_for_memory(row: &Row, overview: &Overview) -> Advice {
    let share = row.memory.zip(row.memory_limit).map(|(used, limit)| used as f64 / limit.max(1) as f64);
    let means = "What it needs was taken out of memory and is read back, or has to be made free first.";
    if share.is_some_and(|share| share >= NEAR) {
        return full(means, row, overview);
    }
    Advice {
        means: means.to_owned(),
        remedy: "The machine is short of memory: give the largest a memory limit, or move one of them."
            .to_owned(),
        ..sharing(Resource::Memory, row, overview)
    }
}

// ---- who has how much -------------------------------------------------------------------

#[derive(Clone, Copy)]
enum Resource {
    Cpu,
    Memory,
    Disk,
}

impl Resource {
    fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }

    fn of(self, row: &Row) -> Option<f64> {
        match self {
            Self::Cpu => row.cpu,
            Self::Memory => row.memory.map(|bytes| bytes as f64),
            Self::Disk => match (row.read, row.write) {
                (None, None) => None,
                (read, write) => Some((read.unwrap_or(0) + write.unwrap_or(0)) as f64),
            },
        }
    }
}

fn sharing(resource: Resource, row: &Row, overview: &Overview) -> Advice {
    Advice { short_of: Some(resource.name()), users: users(resource, row, overview), ..Advice::default() }
}

/// Those whom a runtime knows, each with what is inside of it, and the row itself.
fn users(resource: Resource, row: &Row, overview: &Overview) -> Vec<User> {
    let known = |one: &&Row| one.name() != "/" && (!one.who.runtime.is_empty() || one.name() == row.name());
    let tops: HashSet<&str> = overview.rows.iter().filter(known).map(Row::name).collect();
    let inside = |one: &Row| {
        let above = std::iter::successors(names::parent(one.name()), |name| names::parent(name));
        above.take_while(|name| *name != "/").any(|name| tops.contains(name))
    };
    let outer = overview.rows.iter().filter(known).filter(|one| !inside(one));
    let mut uses: Vec<(&Row, f64)> = outer.filter_map(|one| Some((one, resource.of(one)?))).collect();
    let root = overview.rows.iter().find(|row| row.name() == "/").and_then(|root| resource.of(root));
    let all = uses.iter().map(|(_, used)| used).sum::<f64>().max(root.unwrap_or(0.0));
    if all <= 0.0 {
        return Vec::new();
    }
    uses.retain(|(_, used)| used / all >= LEAST_PART);
    uses.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let user = |(row, used): (&Row, f64)| User {
        name: row.name().to_owned(),
        title: row.who.title.clone(),
        share: (used / all * 1e4).round() / 1e4,
    };
    uses.into_iter().take(NAMED).map(user).collect()
}

// ---- commands ---------------------------------------------------------------------------

/// A word that no shell reads as anything but itself, and no program as an option.
fn plain(word: &str) -> Option<&str> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '@' | ':');
    Some(word).filter(|word| !word.is_empty() && !word.starts_with('-') && word.chars().all(fine))
}

/// Who obeys a command about it.
enum Owner<'a> {
    /// `docker` or `podman`, and the container's short id.
    Engine(&'a str, &'a str),
    /// A unit of the system's manager.
    Unit(&'a str),
    /// Namespace, pod and container.
    Pod(&'a str, &'a str, &'a str),
}

fn owner(row: &Row) -> Option<Owner<'_>> {
    let who = &row.who;
    if !who.pod.is_empty() {
        return Some(Owner::Pod(plain(&who.namespace)?, plain(&who.pod)?, plain(&who.title)?));
    }
    match who.runtime.as_ref() {
        engine @ ("docker" | "podman") => {
            let id = plain(&who.id)?;
            Some(Owner::Engine(engine, id.get(..12).unwrap_or(id)))
        }
        // those of a user have a manager of their own
        "systemd" if !who.name.contains("/user@") => plain(who.name.rsplit('/').next()?).map(Owner::Unit),
        _ => None,
    }
}

fn cpu_limit(row: &Row, cores: f64) -> Option<String> {
    match owner(row)? {
        Owner::Engine(engine, id) => Some(format!("{engine} update --cpus {} {id}", trimmed(cores))),
        Owner::Unit(unit) => Some(format!("systemctl set-property {unit} CPUQuota={:.0}%", cores * 100.0)),
        // it belongs to what makes the pod: a Deployment, a StatefulSet, ...
        Owner::Pod(..) => None,
    }
}

fn memory_limit(row: &Row, mib: u64) -> Option<String> {
    match owner(row)? {
        // the limit with swap has to be raised with it; twice is what these programs take by themselves
        Owner::Engine(engine, id) => {
            Some(format!("{engine} update --memory {mib}m --memory-swap {}m {id}", mib * 2))
        }
        Owner::Unit(unit) => Some(format!("systemctl set-property {unit} MemoryMax={mib}M")),
        Owner::Pod(..) => None,
    }
}

fn log(row: &Row) -> Option<String> {
    Some(match owner(row)? {
        Owner::Engine(engine, id) => format!("{engine} logs --tail 50 {id}"),
        Owner::Unit(unit) => format!("journalctl --unit {unit} --lines 50"),
        Owner::Pod(namespace, pod, container) => {
            format!("kubectl logs --previous --tail 50 --namespace {namespace} {pod} --container {container}")
        }
    })
}

fn checks(row: &Row) -> Option<String> {
    match owner(row)? {
        Owner::Engine(engine, id) => {
            Some(format!("{engine} inspect --format '{{{{json .State.Health.Log}}}}' {id}"))
        }
        Owner::Pod(namespace, pod, _) => Some(format!("kubectl describe pod --namespace {namespace} {pod}")),
        Owner::Unit(_) => None,
    }
}

fn large(overview: &Overview) -> &'static str {
    let up = |name: &str| overview.runtimes.iter().any(|one| one.name == name && one.state == "up");
    if up("docker") {
        "docker system df"
    } else if up("podman") {
        "podman system df"
    } else {
        "df -h"
    }
}

/// A number of cores without zeros at its end: 0.6, 1.5, 2.
fn trimmed(cores: f64) -> String {
    let text = format!("{cores:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::{Breach, Machine, Runtime, Who};
    use super::*;

    fn row(name: &str, runtime: &'static str) -> Row {
        let title = name.rsplit('/').next().unwrap().to_owned();
        let id = "0123456789abcdef".repeat(4);
        let who = Who { name: name.to_owned(), title, runtime: runtime.into(), id, ..Who::default() };
        Row { who: Arc::new(who), ..Row::default() }
    }

    fn ill(row: Row, kind: &'static str) -> Row {
        let breach = Breach { kind: kind.into(), severity: 2, text: format!("it is {kind}") };
        Row { breaches: vec![breach], ..row }
    }

    fn host(rows: Vec<Row>) -> Overview {
        let machine = Machine { cores: 4, memory: 1 << 30, ..Machine::default() };
        Overview { machine, rows, ..Overview::default() }
    }

    fn one(row: Row) -> Advice {
        let name = row.name().to_owned();
        advise(&host(vec![row]), &name).unwrap().remove(0)
    }

    fn command(row: Row) -> Option<String> {
        one(row).command
    }

    #[test]
    fn each_kind_of_breach_has_its_advice() {
        use super::super::verdict::{Facts, judge};
        let facts = Facts {
            memory: Some(0.98),
            throttled: Some(0.6),
            kills: 2,
            pressure: super::super::Pressure { cpu: Some(90.0), memory: Some(90.0), io: Some(90.0) },
            restarts: 3,
            started_lately: true,
            health: "unhealthy",
            disks: vec![("/dev/vda", 0.99)],
            ..Facts::default()
        };
        let without_quota = Facts { throttled: None, reclaiming: true, ..facts.clone() };
        let mut breaches = judge(&facts);
        breaches.extend(judge(&without_quota));
        let kinds: HashSet<_> = breaches.iter().map(|breach| breach.kind.clone()).collect();
        assert_eq!(kinds.len(), 10, "all that can be wrong: {kinds:?}");
        let row = Row { breaches, ..row("/docker/x", "docker") };
        for advice in advise(&host(vec![row]), "/docker/x").unwrap() {
            assert!(!advice.means.is_empty() && !advice.remedy.is_empty(), "{}", advice.kind);
        }
    }

    #[test]
    fn throttled_is_told_the_limit_and_how_to_raise_it() {
        let limited = |limit| ill(Row { cpu_limit: Some(limit), ..row("/docker/x", "docker") }, "throttled");
        let said = one(limited(0.3));
        assert!(said.means.contains("0.3 of 4 cores"), "{}", said.means);
        assert_eq!(said.command.unwrap(), "docker update --cpus 0.6 0123456789ab");
        assert_eq!((said.wrong.as_str(), said.severity), ("it is throttled", 2));
        assert_eq!(command(limited(3.0)), None, "the machine has no six");
        let unit = row("/system.slice/db.service", "systemd");
        let unit = ill(Row { cpu_limit: Some(0.5), ..unit }, "throttled");
        assert_eq!(command(unit).unwrap(), "systemctl set-property db.service CPUQuota=100%");
        let above = one(ill(row("/docker/x", "docker"), "throttled"));
        assert!(above.means.starts_with("A group above it") && above.command.is_none());
    }

    #[test]
    fn memory_is_raised_by_half_while_the_machine_has_it() {
        let at = |limit, kind| ill(Row { memory_limit: Some(limit), ..row("/docker/x", "podman") }, kind);
        for kind in ["memory-limit", "memory-reclaim", "oom"] {
            let told = command(at(96 * MIB, kind)).unwrap();
            assert_eq!(told, "podman update --memory 144m --memory-swap 288m 0123456789ab");
        }
        assert_eq!(command(at(800 * MIB, "oom")), None);
        let waits = Row { memory: Some(95 * MIB), ..at(96 * MIB, "pressure-memory") };
        assert!(command(waits.clone()).is_some());
        let roomy = one(Row { memory: Some(MIB), ..waits });
        assert_eq!((roomy.command, roomy.short_of), (None, Some("memory")));
    }

    #[test]
    fn who_has_most_of_what_is_short() {
        let uses =
            |name: &str, runtime, bytes| Row { read: Some(bytes), write: Some(0), ..row(name, runtime) };
        let rows = vec![
            uses("/", "", 1000),
            uses("/docker", "", 900),
            uses("/docker/a", "docker", 100),
            uses("/docker/b", "docker", 600),
            uses("/docker/b/inner", "docker", 600),
            row("/docker/c", "docker"),
            uses("/docker/d", "docker", 1),
        ];
        let rows =
            rows.into_iter().map(|row| if row.name() == "/docker/a" { ill(row, "pressure-io") } else { row });
        let said = advise(&host(rows.collect()), "/docker/a").unwrap().remove(0);
        let users: Vec<(&str, f64)> =
            said.users.iter().map(|user| (user.title.as_str(), user.share)).collect();
        assert_eq!(
            users,
            [("b", 0.6), ("a", 0.1)],
            "neither the group above, nor what is inside, nor the idle"
        );
        assert_eq!(said.short_of, Some("disk"));
        let idle = one(ill(row("/docker/x", "docker"), "pressure-io"));
        assert_eq!(idle.users, [], "nobody is known to use it");
    }

    #[test]
    fn logs_and_checks_are_asked_where_they_are() {
        let of = |runtime, kind| command(ill(row("/x/db", runtime), kind));
        assert_eq!(of("docker", "restarts").unwrap(), "docker logs --tail 50 0123456789ab");
        assert_eq!(of("systemd", "restarts").unwrap(), "journalctl --unit db --lines 50");
        assert_eq!(
            of("podman", "unhealthy").unwrap(),
            "podman inspect --format '{{json .State.Health.Log}}' 0123456789ab"
        );
        assert_eq!(of("containerd", "restarts"), None, "nobody to ask");
        let mut pod = ill(row("/kubepods/x/web", "containerd"), "restarts");
        let who = Who { pod: "shop-1".into(), namespace: "default".into(), ..(*pod.who).clone() };
        pod.who = Arc::new(who);
        let logs = "kubectl logs --previous --tail 50 --namespace default shop-1 --container web";
        assert_eq!(command(pod.clone()).unwrap(), logs);
        let pod = Row { cpu_limit: Some(0.5), ..ill(pod, "throttled") };
        assert_eq!(command(pod), None, "what makes the pod would undo it");
        let user = row("/user.slice/user-1.slice/user@1.service/app.slice/x.service", "systemd");
        assert_eq!(command(ill(user, "restarts")), None);
    }

    #[test]
    fn a_full_disk_is_looked_at_by_who_fills_it() {
        let root = ill(row("/", ""), "disk");
        assert_eq!(command(root.clone()).unwrap(), "df -h");
        let docker = Runtime { name: "docker".into(), state: "up".into(), ..Runtime::default() };
        let overview = Overview { runtimes: vec![docker], ..host(vec![root]) };
        assert_eq!(advise(&overview, "/").unwrap()[0].command.as_deref(), Some("docker system df"));
        assert_eq!(advise(&overview, "/gone"), None);
    }

    proptest! {
        #[test]
        fn no_name_becomes_a_word_of_the_shell(
            texts in prop::array::uniform5("[\\PC\n]{0,20}"),
            kind in prop::sample::select(vec!["throttled", "oom", "restarts", "unhealthy", "disk", "pressure-io", "?"]),
            runtime in prop::sample::select(vec!["docker", "podman", "systemd", "containerd"]),
            in_pod: bool,
        ) {
            let [name, title, id, pod, namespace] = texts;
            let pod = if in_pod { pod } else { String::new() };
            let who = Who { name: format!("/{name}"), title, runtime: runtime.into(), id, pod, namespace, ..Who::default() };
            let row = Row { who: Arc::new(who), cpu_limit: Some(1.0), memory_limit: Some(MIB), ..Row::default() };
            let told = command(ill(row, kind)).unwrap_or_default();
            let told = told.replace("'{{json .State.Health.Log}}'", "");
            prop_assert!(told.chars().all(|c| c.is_ascii_alphanumeric() || " _.-@:=%".contains(c)), "{told}");
        }
    }
}
