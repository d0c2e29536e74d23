//! From names to numbers: what the kernel is asked to count for each event of the configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use plimsoll_kernel::dir::read_path;
use plimsoll_kernel::format;
use plimsoll_kernel::perf::Event;

use super::config::{Config, Custom, Events};
use super::names;
use super::pmu::{self, Pmu, is_file_name};

/// What is counted on this machine.
#[derive(Debug, Default)]
pub struct Plan {
    /// On the CPUs; counted together by group.
    pub(super) core: Vec<Vec<Planned>>,
    pub(super) uncore: Vec<UncoreGroup>,
    /// Why events of the configuration are left out, a sentence each.
    pub(super) unknown: Vec<String>,
}

/// Events of one PMU beside the CPUs that are counted together.
#[derive(Debug)]
pub(super) struct UncoreGroup {
    pub(super) pmu: String,
    pub(super) cpus: Vec<u32>,
    pub(super) events: Vec<Planned>,
}

/// One event.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) name: String,
    /// By sort of CPU where a machine has several, each with its CPUs; `None` is all.
    ways: Vec<(Event, Option<Vec<u32>>)>,
    /// Why the kernel does not count it; it is not asked again.
    pub(super) refused: OnceLock<String>,
}

impl Planned {
    fn new(name: &str, event: Event) -> Self {
        Self { name: name.to_owned(), ways: vec![(event, None)], refused: OnceLock::new() }
    }

    /// What is counted on this CPU; `None` where nothing is.
    pub(super) fn on(&self, cpu: u32) -> Option<&Event> {
        if self.refused.get().is_some() {
            return None;
        }
        let mut ways = self.ways.iter();
        ways.find(|(_, cpus)| cpus.as_ref().is_none_or(|cpus| cpus.contains(&cpu))).map(|(event, _)| event)
    }
}

impl Plan {
    /// Looks the names up in the kernel's lists below `sys`.
    pub fn new(config: &Config, sys: &Path) -> Self {
        let machine = Machine { pmus: pmu::list(sys), sys };
        let mut plan = Self::default();
        for group in &config.core.groups {
            let mut events = Vec::new();
            for name in group {
                match machine.core(name, &config.core) {
                    Ok(ways) => {
                        events.push(Planned { name: name.clone(), ways, ..Planned::default() });
                    }
                    Err(why) => plan.unknown.push(format!("perf event {name:?}: {why}")),
                }
            }
            if !events.is_empty() {
                plan.core.push(events);
            }
        }
        for group in &config.uncore.groups {
            // a PMU cannot count together with another, so a group is one on each
            let mut by_pmu: BTreeMap<&str, UncoreGroup> = BTreeMap::new();
            for name in group {
                match machine.uncore(name, &config.uncore) {
                    Ok((short, ways)) => {
                        for (pmu, event) in ways {
                            let cpus = pmu.cpumask.clone().unwrap_or_default();
                            by_pmu
                                .entry(&pmu.name)
                                .or_insert_with(|| UncoreGroup {
                                    pmu: pmu.name.clone(),
                                    cpus,
                                    events: Vec::new(),
                                })
                                .events
                                .push(Planned::new(short, event));
                        }
                    }
                    Err(why) => plan.unknown.push(format!("uncore perf event {name:?}: {why}")),
                }
            }
            plan.uncore.extend(by_pmu.into_values());
        }
        plan
    }

    /// Whether a container but `/` has anything to count.
    pub(super) fn has_core(&self) -> bool {
        !self.core.is_empty()
    }

    /// Why events are left out, a sentence each: they are not known, or the kernel does not count them.
    pub fn left_out(&self) -> Vec<String> {
        let uncore = self.uncore.iter().flat_map(|group| &group.events);
        let refused = self.core.iter().flatten().chain(uncore).filter_map(|event| event.refused.get());
        let mut all: Vec<String> = self.unknown.iter().chain(refused).cloned().collect();
        all.dedup();
        all
    }

    /// What was found, an event a line: for tests and for who writes a configuration.
    pub fn describe(&self) -> String {
        let way = |(event, cpus): &(Event, Option<Vec<u32>>)| {
            let [config, config1, config2] = event.config;
            let more = if (config1, config2) == (0, 0) {
                String::new()
            } else {
                format!(",{config1:#x},{config2:#x}")
            };
            let cpus = cpus.as_ref().map(|cpus| format!(" on {cpus:?}")).unwrap_or_default();
            format!("{}:{config:#x}{more}{cpus}", event.kind)
        };
        let events = |events: &[Planned]| {
            let all = events.iter().map(|event| {
                let ways: Vec<String> = event.ways.iter().map(way).collect();
                format!("{} = {}", event.name, ways.join(" | "))
            });
            all.collect::<Vec<_>>().join("; ")
        };
        let core = self.core.iter().map(|group| format!("core: {}\n", events(group)));
        let uncore = self
            .uncore
            .iter()
            .map(|group| format!("uncore {} on {:?}: {}\n", group.pmu, group.cpus, events(&group.events)));
        let unknown = self.unknown.iter().map(|why| format!("left out: {why}\n"));
        core.chain(uncore).chain(unknown).collect()
    }
}

struct Machine<'a> {
    pmus: Vec<Pmu>,
    sys: &'a Path,
}

/// An outward name, and what each PMU counts for it.
type Uncore<'p, 'n> = (&'n str, Vec<(&'p Pmu, Event)>);
type Ways = Vec<(Event, Option<Vec<u32>>)>;

fn custom<'a>(events: &'a Events, name: &str) -> Option<&'a Custom> {
    events.custom.iter().find(|custom| custom.name == name)
}

impl Machine<'_> {
    fn pmu(&self, name: &str) -> Option<&Pmu> {
        self.pmus.iter().find(|pmu| pmu.name == name)
    }

    fn core(&self, name: &str, events: &Events) -> Result<Ways, String> {
        if let Some(custom) = custom(events, name) {
            return Ok(vec![(Event { kind: custom.kind, config: custom.config }, None)]);
        }
        // `pmu/event/`, `pmu/event=0x3c,umask=1/` as perf writes it
        if let Some((pmu, what)) = name.split_once('/') {
            let pmu = self.pmu(pmu).ok_or_else(|| format!("this machine has no PMU {pmu:?}"))?;
            if pmu.cpumask.is_some() {
                return Err(format!(
                    "{} counts for a whole socket; its events belong under \"uncore\"",
                    pmu.name
                ));
            }
            let what = what.trim_end_matches('/');
            let event = pmu.named(what).unwrap_or_else(|| pmu.encode(what))?;
            return Ok(vec![(event, pmu.cpus.clone())]);
        }
        if let Some(event) = names::generic(name) {
            return Ok(self.by_sort_of_cpu(event));
        }
        if let Some((subsystem, event)) = name.split_once(':')
            && let Some(event) = self.tracepoint(subsystem, event)
        {
            return Ok(vec![(event, None)]);
        }
        let of_cpus = self.pmus.iter().filter(|pmu| pmu.is_of_cpus());
        let mut ways = Vec::new();
        for (pmu, event) in of_cpus.filter_map(|pmu| Some((pmu, pmu.named(name)?))) {
            ways.push((event?, pmu.cpus.clone()));
        }
        if !ways.is_empty() {
            return Ok(ways);
        }
        let others = self.pmus.iter().filter(|pmu| !pmu.is_of_cpus() && pmu.cpumask.is_none());
        match { others }.find_map(|pmu| pmu.named(name)) {
            Some(event) => Ok(vec![(event?, None)]),
            None => Err("this kernel has no such name; expected a generic one (cycles, context-switches, \
                         LLC-load-misses), subsystem:tracepoint, pmu/event/ as in /sys/bus/event_source/devices, or \
                         the name of a custom event with type and config"
                .to_owned()),
        }
    }

    /// A hardware event on a machine with several sorts of CPU: each sort's PMU counts it on its own CPUs.
    fn by_sort_of_cpu(&self, event: Event) -> Ways {
        let sorts: Vec<&Pmu> = self.pmus.iter().filter(|pmu| pmu.cpus.is_some()).collect();
        if sorts.len() < 2 || ![Event::HARDWARE, Event::HW_CACHE].contains(&event.kind) {
            return vec![(event, None)];
        }
        let [config, ..] = event.config;
        let way = |pmu: &Pmu| (Event::new(event.kind, config | u64::from(pmu.kind) << 32), pmu.cpus.clone());
        sorts.into_iter().map(way).collect()
    }

    fn tracepoint(&self, subsystem: &str, event: &str) -> Option<Event> {
        if !is_file_name(subsystem) || !is_file_name(event) {
            return None;
        }
        let mut buffer = Vec::new();
        let id = ["kernel/tracing", "kernel/debug/tracing"].into_iter().find_map(|place| {
            let file = self.sys.join(place).join("events").join(subsystem).join(event).join("id");
            read_path(&file, &mut buffer).ok()?;
            format::number(buffer.trim_ascii())
        })?;
        Some(Event::new(Event::TRACEPOINT, id))
    }

    /// The event's outward name, and the PMUs that count it.
    fn uncore<'a>(&self, name: &'a str, events: &Events) -> Result<Uncore<'_, 'a>, String> {
        let custom = custom(events, name);
        let (prefix, short) = name.split_once('/').unwrap_or(("", name));
        let short = short.trim_end_matches('/');
        let masked = || self.pmus.iter().filter(|pmu| pmu.cpumask.is_some());
        let known = || masked().map(|pmu| pmu.name.as_str()).collect::<Vec<_>>().join(", ");
        if let Some(custom) = custom.filter(|custom| custom.kind != 0) {
            let pmu = masked().find(|pmu| pmu.kind == custom.kind).ok_or_else(|| {
                format!("no PMU with a cpumask has the type {}; there are: {}", custom.kind, known())
            })?;
            return Ok((name, vec![(pmu, Event { kind: pmu.kind, config: custom.config })]));
        }
        if prefix.is_empty() {
            return Err(
                "expected the beginning of a PMU's name in front, as in \"uncore_imc/cas_count_read\", or a \
                        custom event with the type of a PMU"
                    .to_owned(),
            );
        }
        // a whole name is that PMU's: `uncore_imc_1` is not `uncore_imc_10`
        let pmus: Vec<&Pmu> = match masked().find(|pmu| pmu.name == prefix) {
            Some(pmu) => vec![pmu],
            None => masked().filter(|pmu| pmu.name.starts_with(prefix)).collect(),
        };
        if pmus.is_empty() {
            return Err(format!(
                "no PMU with a cpumask has a name that begins with {prefix:?}; there are: {}",
                known()
            ));
        }
        if let Some(custom) = custom {
            let way = |pmu: &&'_ Pmu| Event { kind: pmu.kind, config: custom.config };
            return Ok((name, pmus.iter().map(|pmu| (*pmu, way(pmu))).collect()));
        }
        let by_name: Result<Vec<(&Pmu, Event)>, String> =
            pmus.iter().filter_map(|pmu| Some(pmu.named(short)?.map(|event| (*pmu, event)))).collect();
        let by_name = by_name?;
        if !by_name.is_empty() {
            return Ok((short, by_name));
        }
        if short.contains('=') {
            let all: Result<Vec<_>, String> = pmus.iter().map(|pmu| Ok((*pmu, pmu.encode(short)?))).collect();
            return Ok((short, all?));
        }
        let names = pmus.first().map(|pmu| pmu.event_names().join(", ")).unwrap_or_default();
        Err(format!(
            "this kernel has no such name; the PMU has: {names}. Others are custom events with a config"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A machine's lists, by hand: a folder a PMU, with its files.
    pub(crate) struct Sys(tempfile::TempDir);

    impl Sys {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, path: &str, text: &str) -> &Self {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
            self
        }

        fn pmu(&self, name: &str, kind: u32, files: &[(&str, &str)]) -> &Self {
            let dir = format!("bus/event_source/devices/{name}");
            self.write(&format!("{dir}/type"), &kind.to_string());
            files.iter().for_each(|(file, text)| _ = self.write(&format!("{dir}/{file}"), text));
            self
        }

        fn plan(&self, config: &str) -> String {
            Plan::new(&Config::parse(config.as_bytes()).unwrap(), self.0.path()).describe()
        }

        fn core(&self, name: &str) -> String {
            self.plan(&serde_json::json!({"core": {"events": [name]}}).to_string())
        }

        fn uncore(&self, name: &str) -> String {
            self.plan(&serde_json::json!({"uncore": {"events": [name]}}).to_string())
        }
    }

    /// A Xeon with two sockets and three memory channels, as Linux 6.1 lists it (shortened).
    fn xeon() -> Sys {
        let sys = Sys::new();
        let format =
            [("format/event", "config:0-7"), ("format/umask", "config:8-15"), ("format/inv", "config:23")];
        let imc = [
            ("cpumask", "0,20"),
            ("events/cas_count_read", "event=0x04,umask=0x03"),
            ("events/cas_count_read.scale", "6.103515625e-5"),
            ("events/cas_count_read.unit", "MiB"),
            ("events/cas_count_write", "event=0x04,umask=0x0c"),
        ];
        let with = |files: &[(&'static str, &'static str)]| [files, &format].concat();
        sys.pmu(
            "cpu",
            4,
            &with(&[
                ("events/mem-loads", "event=0xcd,umask=0x1,ldlat=3"),
                ("events/topdown", "event=0x0,umask=0x4"),
                ("events/broken", "event=0x1ff"),
                ("format/ldlat", "config1:0-15"),
                ("format/odd", "config3:0-15"),
            ]),
        )
        .pmu("software", 1, &[])
        .pmu("msr", 9, &[("events/tsc", "event=0x00"), ("format/event", "config:0-63")])
        .pmu("uncore_imc_0", 18, &with(&imc))
        .pmu("uncore_imc_1", 19, &with(&imc))
        .pmu("uncore_imc_10", 20, &with(&imc[..3]))
        .pmu("uncore_ubox", 25, &with(&[("cpumask", "0-1")]))
        .write("kernel/tracing/events/sched/sched_switch/id", "317");
        sys
    }

    #[test]
    fn core_names_are_looked_up_in_every_list() {
        let sys = xeon();
        let f =
            |name: &str, expected: &str| assert_eq!(sys.core(name), format!("core: {name} = {expected}\n"));
        f("cycles", "0:0x0");
        f("context-switches", "1:0x3");
        f("LLC-load-misses", "3:0x10002");
        f("mem-loads", "4:0x1cd,0x3,0x0");
        f("MEM-LOADS", "4:0x1cd,0x3,0x0");
        f("tsc", "9:0x0");
        f("sched:sched_switch", "2:0x13d");
        f("cpu/mem-loads/", "4:0x1cd,0x3,0x0");
        f("cpu/event=0x3c,umask=0x1,inv/", "4:0x80013c");
        f("cpu/config=0x5300c0", "4:0x5300c0");
        f("msr/tsc/", "9:0x0");
    }

    #[test]
    fn a_name_that_is_not_known_says_what_would_be() {
        let sys = xeon();
        let f = |name: &str, said: &str| {
            let plan = sys.core(name);
            assert!(
                plan.starts_with(&format!("left out: perf event {name:?}: ")) && plan.contains(said),
                "{plan}"
            );
        };
        f("INST_RETIRED:ANY", "the name of a custom event");
        f("no:such_tracepoint", "the name of a custom event");
        f("../../type", "no PMU \"..\"");
        f("sched:../sched_switch", "no PMU");
        f("nopmu/x/", "no PMU \"nopmu\"");
        f("cpu/nothing/", "cpu has no term \"nothing\"");
        f("cpu/odd=1/", "is not understood");
        f("broken", "0x1ff is too large for cpu's term \"event\"");
        f("uncore_imc_0/cas_count_read/", "belong under \"uncore\"");
    }

    #[test]
    fn custom_events_go_before_names_and_cost_only_themselves() {
        let plan = xeon().plan(
            r#"{"core":{"events":[["cycles","nonsense","raw"],"nonsense"],
                "custom_events":[{"type":4,"config":["0x5300c0"],"name":"raw"},
                                 {"type":1,"config":["4"],"name":"cycles"}]}}"#,
        );
        let mut lines = plan.lines();
        assert_eq!(lines.next(), Some("core: cycles = 1:0x4; raw = 4:0x5300c0"));
        assert_eq!(lines.filter(|line| line.starts_with("left out: perf event \"nonsense\"")).count(), 2);
    }

    #[test]
    fn a_machine_with_two_sorts_of_cpu_counts_on_each() {
        let sys = Sys::new();
        let files = |cpus| {
            [
                ("cpus", cpus),
                ("events/mem-stores", "event=0xd0,umask=0x6"),
                ("format/event", "config:0-7"),
                ("format/umask", "config:8-15"),
            ]
        };
        sys.pmu("cpu_atom", 10, &files("2-3")).pmu("cpu_core", 4, &files("0-1"));
        assert_eq!(
            sys.core("instructions"),
            "core: instructions = 0:0xa00000001 on [2, 3] | 0:0x400000001 on [0, 1]\n"
        );
        assert_eq!(sys.core("cs"), "core: cs = 1:0x3\n");
        assert_eq!(sys.core("mem-stores"), "core: mem-stores = 10:0x6d0 on [2, 3] | 4:0x6d0 on [0, 1]\n");
        assert_eq!(sys.core("cpu_core/mem-stores/"), "core: cpu_core/mem-stores/ = 4:0x6d0 on [0, 1]\n");
        let config = Config::parse(br#"{"core":{"events":["instructions"]}}"#).unwrap();
        let plan = Plan::new(&config, sys.0.path());
        let event = &plan.core[0][0];
        assert_eq!(event.on(1).unwrap().config[0], 0x4_0000_0001);
        assert_eq!(event.on(3).unwrap().config[0], 0xa_0000_0001);
        assert_eq!(event.on(4), None);
    }

    #[test]
    fn uncore_events_are_counted_on_every_pmu_of_the_prefix() {
        let sys = xeon();
        let group = |n, kind| format!("uncore uncore_imc_{n} on [0, 20]: cas_count_read = {kind}:0x304\n");
        assert_eq!(sys.uncore("uncore_imc_0/cas_count_read"), group(0, 18));
        assert_eq!(
            sys.uncore("uncore_imc/cas_count_read"),
            [group(0, 18), group(1, 19), group(10, 20)].concat()
        );
        // the kernel's cpumask has ranges
        assert_eq!(
            sys.uncore("uncore_ubox/event=0x42"),
            "uncore uncore_ubox on [0, 1]: event=0x42 = 25:0x42\n"
        );
        let plan = sys.uncore("uncore_imc/UNC_M_CAS_COUNT:RD");
        assert!(plan.contains("the PMU has: cas_count_read, cas_count_write. Others are custom"), "{plan}");
        let plan = sys.uncore("cas_count_read");
        assert!(plan.contains("the beginning of a PMU's name in front"), "{plan}");
        let plan = sys.uncore("uncore_qpi/x");
        assert!(plan.contains("there are: uncore_imc_0, uncore_imc_1, uncore_imc_10, uncore_ubox"), "{plan}");
    }

    #[test]
    fn uncore_groups_are_one_a_pmu() {
        let plan = xeon().plan(
            r#"{"uncore":{"events":[["uncore_imc/cas_count_read","uncore_imc/cas_count_write","uncore_imc_1/own"],"typed"],
                "custom_events":[{"config":["0x5"],"name":"uncore_imc_1/own"},{"type":25,"config":["0x42"],"name":"typed"},
                                 {"type":99,"config":["0x42"],"name":"unused"}]}}"#,
        );
        assert_eq!(
            plan,
            "uncore uncore_imc_0 on [0, 20]: cas_count_read = 18:0x304; cas_count_write = 18:0xc04\n\
             uncore uncore_imc_1 on [0, 20]: cas_count_read = 19:0x304; cas_count_write = 19:0xc04; uncore_imc_1/own = 19:0x5\n\
             uncore uncore_imc_10 on [0, 20]: cas_count_read = 20:0x304\n\
             uncore uncore_ubox on [0, 1]: typed = 25:0x42\n"
        );
        let plan = xeon().plan(
            r#"{"uncore":{"events":["a"],"custom_events":[{"type":99,"config":["0x42"],"name":"a"}]}}"#,
        );
        assert!(
            plan.starts_with("left out: uncore perf event \"a\": no PMU with a cpumask has the type 99"),
            "{plan}"
        );
    }

    #[test]
    fn a_machine_without_lists_has_the_generic_names() {
        let sys = Sys::new();
        assert_eq!(sys.core("page-faults"), "core: page-faults = 1:0x2\n");
        assert!(sys.uncore("uncore_imc/x").starts_with("left out"));
    }
}
