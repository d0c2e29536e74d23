//! How containers come and go, over a cgroup tree of plain files.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::container::Spec;
use plimsoll_core::event::{Event, EventType};
use plimsoll_core::time::Timestamp;
use plimsoll_discover::docker;
use plimsoll_discover::runtime::{self, told::Told};
use plimsoll_kernel::root::Root;
use plimsoll_measure::oom::Kill;
use plimsoll_serve::past::{EventQuery, Past, Window};

use super::container::Work;
use super::exits::Exit;
use super::followed::Followed;
use super::{Host, Inner, Options, Pace, lock};

const ID: &str = "4f1a6f0c7d5b0e6a1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7";

/// A v2 machine with a host on it.
struct Machine {
    folder: tempfile::TempDir,
    host: Host,
}

impl Machine {
    async fn start(docker: Option<docker::Config>) -> Self {
        let runtimes = docker.into_iter().map(runtime::Config::Docker).collect();
        Self::on(runtimes, Duration::from_millis(20), |root| {
            fs::create_dir_all(&root.cgroup).unwrap();
            fs::write(root.cgroup.join("cgroup.controllers"), "cpu cpuset memory\n").unwrap();
        })
        .await
    }

    /// On hierarchies that are made first.
    async fn on(runtimes: Vec<runtime::Config>, base: Duration, make: impl FnOnce(&Root)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        make(&root);
        let options = Options {
            root,
            runtimes,
            kernel_log: folder.path().join("kmsg"),
            pace: Pace { base, dynamic: false, ..Pace::default() },
            ..Options::default()
        };
        let host = Host::new(options, tokio::runtime::Handle::current()).unwrap();
        host.start().unwrap();
        host.ready().await;
        Self { folder, host }
    }

    fn inner(&self) -> &Arc<Inner> {
        &self.host.inner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("sys/fs/cgroup").join(name.trim_start_matches('/'))
    }

    fn create(&self, name: &str, usage: u64) {
        let dir = self.path(name);
        // as a cgroup comes: all its files at once
        let made = self.folder.path().join("made");
        fs::create_dir(&made).unwrap();
        fs::write(made.join("memory.current"), format!("{usage}\n")).unwrap();
        fs::write(made.join("cgroup.procs"), "").unwrap();
        fs::create_dir_all(dir.parent().unwrap()).unwrap();
        fs::rename(&made, &dir).unwrap();
    }

    /// A file with another text, which nobody sees half written, and no watch notices.
    fn write(&self, file: &str, text: &str) {
        let made = self.folder.path().join("text");
        fs::write(&made, text).unwrap();
        fs::rename(made, self.path(file)).unwrap();
    }

    fn frozen(&self, name: &str) -> Option<bool> {
        self.inner().container(name)?.spec.frozen
    }

    fn remove(&self, name: &str) {
        fs::remove_dir_all(self.path(name)).unwrap();
    }

    fn events(&self, name: &str) -> Vec<EventType> {
        let events: Vec<Event> = self.inner().events(&EventQuery {
            container: name.to_owned(),
            subcontainers: false,
            types: EventType::ALL.to_vec(),
            start: None,
            end: None,
            max: None,
        });
        events.into_iter().map(|event| event.event_type).collect()
    }

    fn usage(&self, name: &str) -> Option<u64> {
        self.inner().container(name)?.latest?.memory.as_ref()?.usage
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.host.stop();
    }
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A Docker that is asked and never answers.
fn silent() -> Option<docker::Config> {
    Some(docker::Config { endpoint: "unix:///nowhere/docker.sock".to_owned(), ..docker::Config::default() })
}

/// It has been found silent, and answers from now on.
async fn up(inner: &Inner) -> Arc<Followed> {
    let docker = inner.followed(docker::NAMESPACE).unwrap().clone();
    until("silent", || docker.is_down()).await;
    docker.up(&plimsoll_core::runtime::Status::default());
    docker
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_a_runtime_has_a_creation_event_while_it_lives() {
    let machine = Machine::start(None).await;
    machine.create("/a", 1);
    until("created", || machine.events("/a") == [EventType::Creation]).await;
    machine.remove("/a");
    until("deleted", || machine.events("/a").len() == 2).await;
    let ended = machine.inner().ended();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended.first().unwrap().last.as_ref().unwrap().memory.as_ref().unwrap().usage, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_group_ends_at_once_where_no_runtime_will_tell() {
    for docker in [None, silent()] {
        let machine = Machine::start(docker).await;
        let name = format!("/docker/{ID}");
        machine.create(&name, 1);
        until("seen", || machine.usage(&name).is_some()).await;
        machine.remove(&name);
        until("gone", || machine.inner().container(&name).is_none()).await;
        // nobody is waited for: the end is told by the thread that saw it
        until("told", || machine.events(&name) == [EventType::Creation, EventType::Deletion]).await;
        assert!(lock(&machine.inner().ending).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cpuset_that_is_written_is_read_again_in_the_groups_below() {
    let machine = Machine::start(None).await;
    let mask = |name| machine.inner().container(name).map(|view| view.spec.cpu.mask.clone());
    // a rename is nobody's writing, as where the kernel changes the file
    let becomes = |name: &str, cpus: &str| {
        let made = machine.folder.path().join("made");
        fs::write(&made, cpus).unwrap();
        fs::rename(&made, machine.path(name).join("cpuset.cpus.effective")).unwrap();
    };
    for name in ["/pod", "/pod/web"] {
        machine.create(name, 1);
        until("seen", || machine.usage(name).is_some()).await;
    }
    becomes("/pod/web", "0-3\n");
    fs::write(machine.path("/pod/web").join("cpu.max"), "max 100000\n").unwrap();
    until("read", || mask("/pod/web").as_deref() == Some("0-3")).await;
    becomes("/pod/web", "0-1\n");
    fs::write(machine.path("/pod").join("cpuset.cpus"), "0-1\n").unwrap();
    until("read again", || mask("/pod/web").as_deref() == Some("0-1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_changed_is_kept_over_its_time() {
    let machine = Machine::start(None).await;
    machine.create("/a", 1);
    let limit = |bytes: &str| fs::write(machine.path("/a").join("memory.max"), bytes).unwrap();
    let now = || machine.inner().container("/a").map(|view| view.spec.memory.limit);
    limit("1048576\n");
    until("read", || now() == Some(1 << 20)).await;
    let first = machine.inner().samples("/a", Window::default()).unwrap().len();
    until("sampled", || machine.inner().samples("/a", Window::default()).unwrap().len() > first).await;
    limit("4194304\n");
    until("read again", || now() == Some(4 << 20)).await;
    let former = machine.inner().former_limits("/a");
    let last = former.last().unwrap();
    assert_eq!(last.limits.memory, 1 << 20);
    let samples = machine.inner().samples("/a", Window::default()).unwrap();
    assert!(samples.iter().any(|sample| sample.at < last.until), "the old one was in force for a while");
    // another file that is written changes no limit
    let count = former.len();
    fs::write(machine.path("/a").join("cpuset.cpus.effective"), "0\n").unwrap();
    fs::write(machine.path("/a").join("memory.max"), "4194304\n").unwrap();
    until("sampled on", || {
        machine.inner().samples("/a", Window::default()).unwrap().len() > samples.len() + 1
    })
    .await;
    assert_eq!(machine.inner().former_limits("/a").len(), count);
    assert!(machine.inner().former_limits("/none").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_back_under_its_name_is_another() {
    let machine = Machine::start(None).await;
    let mut told = machine.inner().watch_events();
    machine.create("/a", 5);
    until("first", || machine.usage("/a") == Some(5)).await;
    machine.remove("/a");
    machine.create("/a", 7);
    until("second", || machine.usage("/a") == Some(7)).await;
    let samples = machine.inner().samples("/a", Window::default()).unwrap();
    assert!(samples.iter().all(|sample| sample.memory.as_ref().unwrap().usage == Some(7)));
    until("events", || machine.events("/a").len() == 3).await;
    let mut seen = Vec::new();
    while let Ok(event) = told.try_recv() {
        seen.extend(Some(event.event_type).filter(|_| event.container_name == "/a"));
    }
    assert_eq!(seen, [EventType::Creation, EventType::Deletion, EventType::Creation]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_that_is_told_after_the_end_counts_for_the_one_that_ended() {
    let machine = Machine::start(silent()).await;
    up(machine.inner()).await;
    let name = format!("/docker/{ID}");
    machine.create(&name, 1);
    until("seen", || machine.usage(&name).is_some()).await;
    machine.remove(&name);
    until("gone", || machine.inner().container(&name).is_none()).await;
    // it waits for its exit code, and the next one is there already
    machine.create(&name, 2);
    let at = lock(&machine.inner().ending).first().unwrap().seen;
    until("next", || machine.usage(&name) == Some(2)).await;
    machine.inner().killed(kill(Timestamp(at.nanos() + 1), &name, &name));
    machine.inner().exits.told(ID.to_owned(), Exit { code: Some(137), oom_killed: false }, false);
    until("ended", || !machine.inner().ended().is_empty()).await;
    let ended = machine.inner().ended();
    let first = ended.first().unwrap();
    assert_eq!((first.exit_code, first.oom_killed, first.oom_events), (Some(137), true, 1));
    assert_eq!(machine.inner().container(&name).unwrap().oom_events, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_whose_group_is_gone_is_not_taken_in_again_when_its_runtime_answers() {
    let machine = Machine::start(silent()).await;
    let inner = machine.inner();
    let docker = up(inner).await;
    let name = format!("/docker/{ID}");
    // its end was told while it was being passed over
    lock(&inner.passed_over).insert(name.clone());
    inner.told(&docker, Told::Up { status: Default::default() });
    assert!(inner.container(&name).is_none());
    machine.create(&name, 1);
    until("one that is there", || machine.usage(&name) == Some(1)).await;
}

/// The kernel's word that it killed a process.
fn kill(at: Timestamp, killed: &str, limit: &str) -> Kill {
    Kill {
        at,
        constraint: "CONSTRAINT_MEMCG".to_owned(),
        killed_cgroup: killed.to_owned(),
        limit_cgroup: limit.to_owned(),
        pid: 1,
        process_name: "sh".to_owned(),
        replayed: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_counts_for_the_tasks_container_and_for_the_one_whose_limit_it_was() {
    let machine = Machine::start(None).await;
    for name in ["/a", "/a/b", "/c"] {
        machine.create(name, 1);
        until("seen", || machine.usage(name).is_some()).await;
    }
    let inner = machine.inner();
    let now = inner.stages.now();
    let counts = || ["/a", "/a/b", "/c", "/"].map(|name| inner.container(name).map(|view| view.oom_events));
    inner.killed(kill(now, "/a/b", "/a"));
    assert_eq!(counts(), [Some(1), Some(1), Some(0), Some(0)]);
    // a group of the container's own that is shown to nobody
    inner.killed(kill(now, "/a/b/container", "/a/b"));
    assert_eq!(counts(), [Some(1), Some(2), Some(0), Some(0)]);
    // the whole machine had too little
    inner.killed(kill(now, "/c/x/y", "/"));
    assert_eq!(counts(), [Some(1), Some(2), Some(1), Some(0)]);
    inner.killed(kill(now, "/unknown", "/"));
    inner.killed(Kill { replayed: true, ..kill(now, "/c", "/c") });
    assert_eq!(counts(), [Some(1), Some(2), Some(1), Some(0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_that_the_log_tells_late_is_found_among_the_ended() {
    let machine = Machine::start(None).await;
    machine.create("/a", 1);
    until("seen", || machine.usage("/a").is_some()).await;
    machine.remove("/a");
    until("ended", || !machine.inner().ended().is_empty()).await;
    let ended =
        || machine.inner().ended().iter().map(|one| (one.oom_killed, one.oom_events)).collect::<Vec<_>>();
    assert_eq!(ended(), [(false, 0)]);
    machine.inner().killed(kill(machine.inner().stages.now(), "/a", "/a"));
    assert_eq!(ended(), [(true, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_kernels_log_the_groups_own_file_counts() {
    // the machine of these tests has no log
    let machine = Machine::start(None).await;
    machine.create("/a", 1);
    until("seen", || machine.usage("/a").is_some()).await;
    let counts = || machine.inner().container("/a").map(|view| view.oom_events);
    assert_eq!(counts(), Some(0));
    let events = |kills: u64| {
        fs::write(machine.path("/a").join("memory.events"), format!("oom_kill {kills}\n")).unwrap()
    };
    events(2);
    // another usage, else what has not moved is not read again
    fs::write(machine.path("/a").join("memory.current"), "2\n").unwrap();
    machine.inner().registry.get("/a").unwrap().grown(machine.inner().stages.now());
    until("counted", || counts() == Some(2)).await;
    machine.remove("/a");
    until("ended", || machine.inner().ended().first().is_some_and(|one| one.oom_events == 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_its_runtime_does_not_know_stays_as_a_plain_group() {
    let machine = Machine::start(silent()).await;
    let docker = up(machine.inner()).await;
    let name = format!("/other/{ID}");
    machine.create(&name, 1);
    until("seen", || machine.usage(&name).is_some()).await;
    machine.inner().told(&docker, Told::Unknown { id: ID.to_owned() });
    until("told", || machine.events(&name) == [EventType::Creation]).await;
    machine.remove(&name);
    until("ended", || machine.events(&name).len() == 2).await;
    assert!(lock(&machine.inner().ending).is_empty(), "an exit code was waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_and_went_leaves_nothing_but_its_bounded_record() {
    let machine = Machine::start(None).await;
    for number in 0..500 {
        let name = format!("/docker/{number:064x}");
        machine.create(&name, 1);
        machine.remove(&name);
    }
    machine.create("/last", 1);
    until("last", || machine.usage("/last").is_some()).await;
    let names: Vec<String> =
        machine.inner().registry.all().iter().map(|container| container.name.to_string()).collect();
    assert_eq!(names, ["/", "/docker", "/last"]);
    assert!((0..500).all(|number| machine.inner().registry.of_id(&format!("{number:064x}")).is_empty()));
    assert!(lock(&machine.inner().ending).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_sample_waits_for_directories_that_are_being_made() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::at(folder.path());
    for controller in ["cpu", "cpuacct", "memory"] {
        fs::create_dir_all(root.cgroup.join(controller)).unwrap();
    }
    let options = Options {
        root: root.clone(),
        runtimes: Vec::new(),
        kernel_log: folder.path().join("kmsg"),
        ..Options::default()
    };
    let host = Host::new(options, tokio::runtime::Handle::current()).unwrap();
    host.start().unwrap();
    host.ready().await;
    let make = |controller: &str, file: &str| {
        let made = folder.path().join("made");
        fs::create_dir(&made).unwrap();
        fs::write(made.join(file), "7\n").unwrap();
        fs::write(made.join("cgroup.procs"), "").unwrap();
        fs::rename(&made, root.cgroup.join(controller).join("a")).unwrap();
    };
    // one by one, as a runtime makes them
    make("memory", "memory.usage_in_bytes");
    tokio::time::sleep(Duration::from_millis(5)).await;
    make("cpuacct", "cpuacct.usage");
    until("read", || host.inner.container("/a").is_some_and(|view| view.latest.is_some())).await;
    let samples = host.inner.samples("/a", Window::default()).unwrap();
    let first = samples.first().unwrap();
    assert_eq!(first.memory.as_ref().and_then(|memory| memory.usage), Some(7));
    assert_eq!(first.cpu.as_ref().and_then(|cpu| cpu.usage.total), Some(7));
    host.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_dropped_ends_its_threads() {
    let machine = Machine::start(None).await;
    let stages = Arc::downgrade(&machine.inner().stages);
    let host = machine.host.clone();
    drop(machine);
    drop(host);
    until("threads ended", || stages.strong_count() == 0).await;
}

/// A machine whose hierarchies are of v1.
const V1: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
";

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_stopped_before_the_freezer_was_watched_is_shown_as_stopped() {
    // no second sample tells it
    let machine = Machine::on(Vec::new(), Duration::from_secs(3600), |root| {
        for dir in ["memory", "freezer"] {
            fs::create_dir_all(root.cgroup.join(dir)).unwrap();
        }
        fs::create_dir_all(root.proc.join("self")).unwrap();
        fs::write(root.proc.join("self/mountinfo"), V1).unwrap();
    })
    .await;
    machine.create("/memory/a", 1);
    until("seen", || machine.inner().container("/a").is_some_and(|view| view.latest.is_some())).await;
    assert_eq!(machine.frozen("/a"), None);
    let made = machine.folder.path().join("frozen");
    fs::create_dir(&made).unwrap();
    fs::write(made.join("freezer.state"), "FROZEN\n").unwrap();
    fs::rename(made, machine.path("/freezer/a")).unwrap();
    until("stopped", || machine.frozen("/a") == Some(true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spec_that_is_just_being_read_does_not_unsay_what_the_freezer_does() {
    let machine = Machine::start(None).await;
    machine.create("/a", 1);
    machine.write("/a/cgroup.events", "populated 1\nfrozen 0\n");
    machine.write("/a/cgroup.freeze", "0\n");
    until("seen", || machine.usage("/a").is_some()).await;
    let stages = &machine.inner().stages;
    let container = machine.inner().registry.get("/a").unwrap();
    // read now, kept after the group was stopped
    let looks = container.freezer_looks();
    let read = Spec { frozen: Some(false), ..Spec::default() };
    machine.write("/a/cgroup.freeze", "1\n");
    container.follow_freezer(stages, &mut Work::default());
    assert_eq!(machine.frozen("/a"), Some(true));
    container.keep_spec(stages, &read, looks, None);
    assert_eq!(machine.frozen("/a"), Some(true));
    // one that was read after that is believed
    container.keep_spec(stages, &read, container.freezer_looks(), None);
    assert_eq!(machine.frozen("/a"), Some(false));
}
