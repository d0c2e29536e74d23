//! The names that mean the same on every machine: the kernel's generic events, as libpfm4 and `perf list` call them.

use plimsoll_kernel::perf::Event;

/// What a name stands for, in upper or lower case, with `-` or `_`: `cycles`, `CPU-CYCLES`,
/// `PERF_COUNT_HW_CPU_CYCLES`, `perf::cycles`, `LLC-load-misses`, `PERF_COUNT_HW_CACHE_LL:READ:MISS`.
pub(super) fn generic(name: &str) -> Option<Event> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let name = name.strip_prefix("perf::").unwrap_or(&name);
    if let Some(name) = name.strip_prefix("perf-count-hw-cache-")
        && let Some(event) = cache_by_words(name)
    {
        return Some(event);
    }
    let (name, kind) = if let Some(name) = name.strip_prefix("perf-count-hw-") {
        (name, Some(Event::HARDWARE))
    } else if let Some(name) = name.strip_prefix("perf-count-sw-") {
        (name, Some(Event::SOFTWARE))
    } else {
        (name, None)
    };
    let found = EVENTS.iter().find(|(known, event)| *known == name && kind.is_none_or(|k| k == event.kind));
    found.map(|(_, event)| *event).or_else(|| cache(name).filter(|_| kind.is_none()))
}

const fn hardware(config: u64) -> Event {
    Event::new(Event::HARDWARE, config)
}

const fn software(config: u64) -> Event {
    Event::new(Event::SOFTWARE, config)
}

/// `enum perf_hw_id` and `enum perf_sw_ids` of include/uapi/linux/perf_event.h.
static EVENTS: &[(&str, Event)] = &[
    ("cpu-cycles", hardware(0)),
    ("cycles", hardware(0)),
    ("instructions", hardware(1)),
    ("cache-references", hardware(2)),
    ("cache-misses", hardware(3)),
    ("branch-instructions", hardware(4)),
    ("branches", hardware(4)),
    ("branch-misses", hardware(5)),
    ("bus-cycles", hardware(6)),
    ("stalled-cycles-frontend", hardware(7)),
    ("idle-cycles-frontend", hardware(7)),
    ("stalled-cycles-backend", hardware(8)),
    ("idle-cycles-backend", hardware(8)),
    ("ref-cpu-cycles", hardware(9)),
    ("ref-cycles", hardware(9)),
    ("cpu-clock", software(0)),
    ("task-clock", software(1)),
    ("page-faults", software(2)),
    ("faults", software(2)),
    ("context-switches", software(3)),
    ("cs", software(3)),
    ("cpu-migrations", software(4)),
    ("migrations", software(4)),
    ("minor-faults", software(5)),
    ("page-faults-min", software(5)),
    ("major-faults", software(6)),
    ("page-faults-maj", software(6)),
    ("alignment-faults", software(7)),
    ("emulation-faults", software(8)),
    ("dummy", software(9)),
    ("bpf-output", software(10)),
    ("cgroup-switches", software(11)),
];

/// `enum perf_hw_cache_id`, by the words of `perf list` and of libpfm4.
static CACHES: &[(&str, u64)] = &[
    ("l1-dcache", 0),
    ("l1d", 0),
    ("l1-icache", 1),
    ("l1i", 1),
    ("llc", 2),
    ("ll", 2),
    ("dtlb", 3),
    ("itlb", 4),
    ("branch", 5),
    ("bpu", 5),
    ("node", 6),
];

/// What happens in a cache: the operation, then whether it missed.
static OPERATIONS: &[(&str, u64, u64)] = &[
    ("loads", 0, 0),
    ("load-misses", 0, 1),
    ("stores", 1, 0),
    ("store-misses", 1, 1),
    ("prefetches", 2, 0),
    ("prefetch-misses", 2, 1),
];

fn cache_event(cache: u64, operation: u64, missed: u64) -> Event {
    Event::new(Event::HW_CACHE, cache | operation << 8 | missed << 16)
}

/// `llc-load-misses`.
fn cache(name: &str) -> Option<Event> {
    CACHES.iter().find_map(|(cache, id)| {
        let what = name.strip_prefix(cache)?.strip_prefix('-')?;
        let (_, operation, missed) = OPERATIONS.iter().find(|(word, ..)| *word == what)?;
        Some(cache_event(*id, *operation, *missed))
    })
}

/// `ll:read:miss`, as libpfm4 writes the event with its masks.
fn cache_by_words(name: &str) -> Option<Event> {
    let mut words = name.split(':');
    let (cache, operation, result) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let (_, id) = CACHES.iter().find(|(known, _)| *known == cache)?;
    let operation = match operation {
        "read" => 0,
        "write" => 1,
        "prefetch" => 2,
        _ => return None,
    };
    let missed = match result {
        "access" => 0,
        "miss" => 1,
        _ => return None,
    };
    Some(cache_event(*id, operation, missed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_have_the_kernels_numbers() {
        let f = |name, kind, config| assert_eq!(generic(name), Some(Event::new(kind, config)), "{name}");
        f("cycles", 0, 0);
        f("CPU_CYCLES", 0, 0);
        f("PERF_COUNT_HW_CPU_CYCLES", 0, 0);
        f("perf::INSTRUCTIONS", 0, 1);
        f("PERF_COUNT_HW_CACHE_MISSES", 0, 3);
        f("cache-misses", 0, 3);
        f("ref-cycles", 0, 9);
        f("context-switches", 1, 3);
        f("cs", 1, 3);
        f("PERF_COUNT_SW_PAGE_FAULTS_MAJ", 1, 6);
        f("page-faults", 1, 2);
        f("L1-dcache-loads", 3, 0);
        f("L1-icache-load-misses", 3, 0x1_0001);
        f("LLC-stores", 3, 0x102);
        f("dTLB-store-misses", 3, 0x1_0103);
        f("node-prefetch-misses", 3, 0x1_0206);
        f("branch-loads", 3, 5);
        f("PERF_COUNT_HW_CACHE_L1D:READ:MISS", 3, 0x1_0000);
        f("PERF_COUNT_HW_CACHE_LL:PREFETCH:ACCESS", 3, 0x202);
    }

    #[test]
    fn other_names_are_unknown() {
        for name in [
            "",
            "-",
            "cycles2",
            "INST_RETIRED:ANY",
            "llc-",
            "llc-eats",
            "perf-count-sw-cycles",
            "PERF_COUNT_HW_CACHE_L1D:READ",
            "PERF_COUNT_HW_CACHE_L1D:READ:MISS:u",
            "perf-count-hw-llc-loads",
        ] {
            assert_eq!(generic(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(name in "\\PC{0,40}|(perf_count_hw_cache_)?(l1d|ll)[-:a-z]{0,20}") {
            let _ = generic(&name);
        }
    }
}
