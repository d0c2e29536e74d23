//! Our answers beside the machine's own files, read here in another way than the product reads them, and beside
//! Docker's own words: so that no wrong answer can be blessed.

use serde_json::Value;

use super::archive::Archive;
use super::machine::{Container, Machine};

/// A captured machine's files, as this check reads them.
struct Files<'a> {
    archive: &'a Archive,
    v2: bool,
}

impl<'a> Files<'a> {
    fn path(&self, controller: &str, group: &str, file: &str) -> String {
        let hierarchy = if self.v2 { String::new() } else { format!("/{controller}") };
        format!("sys/fs/cgroup{hierarchy}{group}/{file}")
    }

    fn text(&self, controller: &str, group: &str, file: &str) -> &'a str {
        self.archive.text(&self.path(controller, group, file))
    }

    /// A file of one number; what v1 prints for no limit and v2's `max` are the same.
    fn number(&self, controller: &str, group: &str, file: &str) -> u64 {
        let text = self.text(controller, group, file).trim();
        match text {
            "max" | "9223372036854771712" => u64::MAX,
            _ => text.parse().unwrap_or_else(|_| panic!("{file}: {text}")),
        }
    }

    fn key(&self, controller: &str, group: &str, file: &str, key: &str) -> u64 {
        let text = self.text(controller, group, file);
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {key} in {file}")).parse().unwrap()
    }
}

/// Where an answer differs from what it shall be.
struct Wrong(Vec<String>);

impl Wrong {
    #[track_caller]
    fn same(&mut self, what: &str, ours: &Value, truth: impl Into<Value>) {
        let truth = truth.into();
        if *ours != truth {
            self.0.push(format!("{what}: {ours}, but it is {truth}"));
        }
    }
}

pub async fn check(machine: &Machine) {
    let archive = &machine.archive;
    let files = Files { archive, v2: archive.file("sys/fs/cgroup/cgroup.controllers").is_some() };
    let mut wrong = Wrong(Vec::new());
    for container in &machine.containers {
        let answer = machine
            .ask("POST", &format!("/api/v1.3/containers{}", container.group), r#"{"num_stats":1}"#)
            .await
            .json();
        identity(&answer, container, &mut wrong);
        limits(&answer["spec"], container, &mut wrong);
        let stats = &answer["stats"][0];
        cpu(stats, &files, container, &mut wrong);
        memory(stats, &files, container, &mut wrong);
        disk(stats, &files, container, &mut wrong);
        network(stats, archive, container, &mut wrong);
        let processes = files.number("pids", &container.group, "pids.current");
        wrong.same(
            &format!("{}: threads", container.name),
            &stats["processes"]["threads_current"],
            processes,
        );
    }
    scrape(machine, &files, &mut wrong).await;
    described(machine, &mut wrong).await;
    assert!(wrong.0.is_empty(), "{}", wrong.0.join("\n"));
}

fn identity(answer: &Value, Container { name, group, id, inspect }: &Container, wrong: &mut Wrong) {
    wrong.same(&format!("{name}: id"), &answer["id"], id.as_str());
    wrong.same(&format!("{name}: name"), &answer["name"], group.as_str());
    wrong.same(&format!("{name}: aliases"), &answer["aliases"], vec![name.as_str(), id.as_str()]);
    wrong.same(&format!("{name}: namespace"), &answer["namespace"], "docker");
    let spec = &answer["spec"];
    wrong.same(&format!("{name}: image"), &spec["image"], inspect["Config"]["Image"].clone());
    let instant = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(instant(&spec["creation_time"]), instant(&inspect["Created"]), "{name}");
    for (label, value) in inspect["Config"]["Labels"].as_object().unwrap() {
        wrong.same(&format!("{name}: label {label}"), &spec["labels"][label], value.clone());
    }
}

/// The kernel's limits are those that Docker was asked for.
fn limits(spec: &Value, Container { name, inspect, .. }: &Container, wrong: &mut Wrong) {
    let asked = |key: &str| inspect["HostConfig"][key].as_u64().unwrap_or(0);
    let mut limit = |what: &str, ours: &Value, asked: u64| {
        if asked != 0 {
            wrong.same(&format!("{name}: {what}"), ours, asked);
        }
    };
    limit("memory limit", &spec["memory"]["limit"], asked("Memory"));
    limit("pids limit", &spec["processes"]["limit"], asked("PidsLimit"));
    let period = spec["cpu"]["period"].as_u64().unwrap_or(100_000);
    limit("quota", &spec["cpu"]["quota"], asked("NanoCpus") * period / 1_000_000_000);
    if let Some("0") = inspect["HostConfig"]["CpusetCpus"].as_str() {
        wrong.same(&format!("{name}: cpus"), &spec["cpu"]["mask"], "0");
    }
}

fn cpu(stats: &Value, files: &Files<'_>, Container { name, group, .. }: &Container, wrong: &mut Wrong) {
    let ours = &stats["cpu"];
    let mut same =
        |what: &str, ours: &Value, truth: u64| wrong.same(&format!("{name}: cpu {what}"), ours, truth);
    let throttled = |key| files.key("cpu", group, "cpu.stat", key);
    if files.v2 {
        for (key, file) in [("total", "usage_usec"), ("user", "user_usec"), ("system", "system_usec")] {
            same(key, &ours["usage"][key], throttled(file) * 1000);
        }
        if ours["cfs"]["periods"] != 0 {
            same("throttled time", &ours["cfs"]["throttled_time"], throttled("throttled_usec") * 1000);
        }
    } else {
        same("total", &ours["usage"]["total"], files.number("cpuacct", group, "cpuacct.usage"));
        for (key, file) in [("user", "user"), ("system", "system")] {
            let ticks = files.key("cpuacct", group, "cpuacct.stat", file);
            same(key, &ours["usage"][key], ticks * 10_000_000);
        }
        let each = files.text("cpuacct", group, "cpuacct.usage_percpu").split_whitespace();
        for (nth, truth) in each.enumerate() {
            same("of one CPU", &ours["usage"]["per_cpu_usage"][nth], truth.parse().unwrap());
        }
        same("throttled time", &ours["cfs"]["throttled_time"], throttled("throttled_time"));
    }
    if ours["cfs"]["periods"] != 0 || !files.v2 {
        same("periods", &ours["cfs"]["periods"], throttled("nr_periods"));
        same("throttled periods", &ours["cfs"]["throttled_periods"], throttled("nr_throttled"));
    }
}

fn memory(stats: &Value, files: &Files<'_>, Container { name, group, .. }: &Container, wrong: &mut Wrong) {
    let ours = &stats["memory"];
    let mut same = |what: &str, truth: u64| wrong.same(&format!("{name}: memory {what}"), &ours[what], truth);
    let stat = |key| files.key("memory", group, "memory.stat", key);
    let (usage, inactive) = if files.v2 {
        same("cache", stat("file"));
        same("rss", stat("anon"));
        same("failcnt", files.key("memory", group, "memory.events", "max"));
        same("swap", files.number("memory", group, "memory.swap.current"));
        (files.number("memory", group, "memory.current"), stat("inactive_file"))
    } else {
        same("cache", stat("total_cache"));
        same("rss", stat("total_rss"));
        same("failcnt", files.number("memory", group, "memory.failcnt"));
        same("max_usage", files.number("memory", group, "memory.max_usage_in_bytes"));
        same("swap", stat("total_swap"));
        (files.number("memory", group, "memory.usage_in_bytes"), stat("total_inactive_file"))
    };
    same("usage", usage);
    same("working_set", usage.saturating_sub(inactive));
    let pgfault = stat(if files.v2 { "pgfault" } else { "total_pgfault" });
    wrong.same(&format!("{name}: page faults"), &ours["hierarchical_data"]["pgfault"], pgfault);
}

/// Bytes read and written on the machine's one disk.
fn disk(stats: &Value, files: &Files<'_>, Container { name, group, .. }: &Container, wrong: &mut Wrong) {
    let file = if files.v2 { "io.stat" } else { "blkio.throttle.io_service_bytes_recursive" };
    let text = files.text("blkio", group, file);
    let number = |operation: &str, key: &str| -> Option<u64> {
        if files.v2 {
            let line = text.lines().find(|line| line.starts_with("254:0 "))?;
            line.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
        } else {
            let head = format!("254:0 {operation} ");
            text.lines().find_map(|line| line.strip_prefix(&head)?.parse().ok())
        }
    };
    for (operation, key) in [("Read", "rbytes"), ("Write", "wbytes")] {
        let Some(truth) = number(operation, key) else { continue };
        let list = stats["diskio"]["io_service_bytes"].as_array().into_iter().flatten();
        let ours = list.clone().find(|disk| disk["major"] == 254 && disk["minor"] == 0);
        let ours = ours.map_or(&Value::Null, |disk| &disk["stats"][operation]);
        wrong.same(&format!("{name}: bytes, {operation}"), ours, truth);
    }
}

fn network(stats: &Value, archive: &Archive, container: &Container, wrong: &mut Wrong) {
    let Container { name, inspect, .. } = container;
    let text = archive.text(&format!("proc/{}/net/dev", inspect["State"]["Pid"]));
    let truth = text.lines().find_map(|line| line.trim().strip_prefix("eth0:"));
    let Some(truth) = truth else {
        // without a network there is none but `lo`
        assert_eq!(inspect["HostConfig"]["NetworkMode"], "none", "{name}");
        return;
    };
    let numbers: Vec<u64> = truth.split_whitespace().map(|number| number.parse().unwrap()).collect();
    for (key, nth) in [("rx_bytes", 0), ("rx_packets", 1), ("tx_bytes", 8), ("tx_packets", 9)] {
        wrong.same(&format!("{name}: {key}"), &stats["network"][key], numbers[nth]);
    }
}

/// The scrape has the same numbers.
async fn scrape(machine: &Machine, files: &Files<'_>, wrong: &mut Wrong) {
    let text = machine.get("/metrics").await.text;
    for Container { name, group, .. } in &machine.containers {
        let label = format!("id=\"{group}\"");
        let series = |family: &str| {
            let lines =
                text.lines().filter(|line| line.starts_with(&format!("{family}{{")) && line.contains(&label));
            let values =
                lines.map(|line| line.rsplit_once('}').unwrap().1.split_whitespace().next().unwrap());
            values.map(|value| value.parse::<f64>().unwrap()).sum::<f64>()
        };
        let file = if files.v2 { "memory.current" } else { "memory.usage_in_bytes" };
        let usage = files.number("memory", group, file) as f64;
        wrong.same(
            &format!("{name}: scraped memory"),
            &Value::from(series("container_memory_usage_bytes")),
            usage,
        );
        let total = if files.v2 {
            files.key("cpu", group, "cpu.stat", "usage_usec") as f64 / 1e6
        } else {
            files.number("cpuacct", group, "cpuacct.usage") as f64 / 1e9
        };
        let ours = series("container_cpu_usage_seconds_total");
        assert!((ours - total).abs() < 1e-6 * total, "{name}: scraped cpu {ours}, but it is {total}");
        assert!(text.contains(&format!("name=\"{name}\"")), "{name} has no series");
    }
}

/// The machine, and Docker's words about itself.
async fn described(machine: &Machine, wrong: &mut Wrong) {
    let archive = &machine.archive;
    let ours = machine.get("/api/v1.3/machine").await.json();
    let cpuinfo = archive.text("proc/cpuinfo");
    let cpus = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    wrong.same("CPUs", &ours["num_cores"], cpus);
    let total = archive.text("proc/meminfo").lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total: u64 = total.unwrap().trim().strip_suffix(" kB").unwrap().parse().unwrap();
    wrong.same("memory", &ours["memory_capacity"], total * 1024);
    let cards = |card: &&Value| archive.has_dir(&format!("sys/class/net/{}", card["name"].as_str().unwrap()));
    assert!(ours["network_devices"].as_array().unwrap().iter().all(|card| cards(&card)));
    let ours = machine.get("/api/v2.0/attributes").await.json();
    wrong.same("kernel", &ours["kernel_version"], archive.text("proc/sys/kernel/osrelease").trim());
    wrong.same("Docker", &ours["docker_version"], archive.json("docker/version.json")["Version"].clone());
}
