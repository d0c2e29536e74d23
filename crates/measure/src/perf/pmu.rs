//! The counting units that the kernel knows: their numbers, their events' names, the CPUs that count for them.
//!
//! Reads: `<sys>/bus/event_source/devices/<pmu>/`: `type`; `cpus` (a sort of CPU of its own), `cpumask` (one CPU counts
//!        for its socket); `events/<name>` and `format/<term>` when a name is looked up
//! Cost:  once at start, where there is a configuration

use std::path::{Path, PathBuf};

use plimsoll_kernel::dir::read_path;
use plimsoll_kernel::format;
use plimsoll_kernel::perf::Event;

use super::config::number;

/// One unit.
#[derive(Clone, Debug)]
pub(super) struct Pmu {
    pub(super) name: String,
    /// `perf_event_attr.type` of its events.
    pub(super) kind: u32,
    /// The CPUs that have it, where not all do.
    pub(super) cpus: Option<Vec<u32>>,
    /// The CPUs that count for those around them: the unit is none of a single CPU.
    pub(super) cpumask: Option<Vec<u32>>,
    dir: PathBuf,
}

/// All units, by name.
pub(super) fn list(sys: &Path) -> Vec<Pmu> {
    let devices = sys.join("bus/event_source/devices");
    let mut buffer = Vec::new();
    let mut pmus: Vec<Pmu> = std::fs::read_dir(devices)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let (name, dir) = (entry.file_name().into_string().ok()?, entry.path());
            read_path(&dir.join("type"), &mut buffer).ok()?;
            let kind = format::number(buffer.trim_ascii())?.try_into().ok()?;
            let mut cpus = |file| {
                read_path(&dir.join(file), &mut buffer).ok()?;
                cpu_list(&buffer).filter(|cpus| !cpus.is_empty())
            };
            let (cpus, cpumask) = (cpus("cpus"), cpus("cpumask"));
            Some(Pmu { name, kind, cpus, cpumask, dir })
        })
        .collect();
    pmus.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    pmus
}

/// CPUs as the kernel lists them: `0-3,8`. `None` for anything else, and for more CPUs than any machine has.
pub fn cpu_list(text: &[u8]) -> Option<Vec<u32>> {
    const MOST: u64 = 1 << 16;
    let text = text.trim_ascii();
    let mut cpus = Vec::new();
    if text.is_empty() {
        return Some(cpus);
    }
    for range in text.split(|&byte| byte == b',') {
        let (first, last) = format::split_once(range, b'-').unwrap_or((range, range));
        let (first, last) = (format::number(first)?, format::number(last)?);
        if first > last || last >= MOST {
            return None;
        }
        cpus.extend((first..=last).filter_map(|cpu| u32::try_from(cpu).ok()));
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

impl Pmu {
    /// Whether it belongs to a sort of CPU: x86's `cpu`, of a hybrid machine `cpu_core` and `cpu_atom`, ARM's
    /// `armv8_*`.
    pub(super) fn is_of_cpus(&self) -> bool {
        self.name == "cpu" || self.cpus.is_some()
    }

    /// An event that it has by name; `None` where it has no such name.
    pub(super) fn named(&self, name: &str) -> Option<Result<Event, String>> {
        if !is_file_name(name) {
            return None;
        }
        let mut buffer = Vec::new();
        let lower = name.to_ascii_lowercase();
        let read =
            |name: &str, buffer: &mut Vec<u8>| read_path(&self.dir.join("events").join(name), buffer).is_ok();
        if !read(name, &mut buffer) && !read(&lower, &mut buffer) {
            return None;
        }
        Some(self.encode(&String::from_utf8_lossy(buffer.trim_ascii())))
    }

    /// The names of its events, sorted: for a message to who asked for another.
    pub(super) fn event_names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.join("events")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            // beside its events: what one of their steps is worth
            .filter(|name| {
                ![".scale", ".unit", ".snapshot", ".per-pkg"].iter().any(|end| name.ends_with(end))
            })
            .collect();
        names.sort_unstable();
        names
    }

    /// An event by its terms, as the files in `events` have them: `event=0x3c,umask=0x01,inv`.
    pub(super) fn encode(&self, text: &str) -> Result<Event, String> {
        let mut event = Event { kind: self.kind, config: [0; 3] };
        let mut buffer = Vec::new();
        for term in Term::list(text) {
            let term = term?;
            let field = match term.name {
                "config" => Field { word: 0, ranges: vec![(0, 63)] },
                "config1" => Field { word: 1, ranges: vec![(0, 63)] },
                "config2" => Field { word: 2, ranges: vec![(0, 63)] },
                // how often a sample would be taken; and words of `perf` about its output
                "period" | "freq" | "name" | "percore" | "metric-id" => continue,
                name if !is_file_name(name) => return Err(format!("{name:?} is no term")),
                name => {
                    read_path(&self.dir.join("format").join(name), &mut buffer)
                        .map_err(|_| format!("{} has no term {name:?}", self.name))?;
                    Field::parse(buffer.trim_ascii()).ok_or_else(|| {
                        let shown = String::from_utf8_lossy(buffer.trim_ascii()).into_owned();
                        format!("the format {shown:?} of {}'s term {name:?} is not understood", self.name)
                    })?
                }
            };
            if !field.place(term.value, &mut event.config) {
                return Err(format!(
                    "{:#x} is too large for {}'s term {:?}",
                    term.value, self.name, term.name
                ));
            }
        }
        Ok(event)
    }
}

/// A name that stays in its folder.
pub(super) fn is_file_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// One term of an event: a name, and 1 or what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term<'a> {
    /// `umask`.
    pub name: &'a str,
    /// Its number.
    pub value: u64,
}

impl<'a> Term<'a> {
    /// The terms of a text; empty ones are left out.
    pub fn list(text: &'a str) -> impl Iterator<Item = Result<Self, String>> {
        text.split(',').map(str::trim).filter(|term| !term.is_empty()).map(Self::parse)
    }

    fn parse(text: &'a str) -> Result<Self, String> {
        let Some((name, value)) = text.split_once('=') else { return Ok(Self { name: text, value: 1 }) };
        // the kernel's mark for a number that only the user knows
        if value == "?" {
            return Err(format!(
                "the event needs a value for {name:?}; give it as pmu/event=...,{name}=.../"
            ));
        }
        let value =
            number(value).ok_or_else(|| format!("expected a number after {name:?}, found {value:?}"))?;
        Ok(Self { name, value })
    }
}

/// Where a term's bits go: `config:0-7,32-35`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// 0 `config`, 1 `config1`, 2 `config2`.
    pub word: usize,
    /// First and last bit of each range; the number's low bits go into the first.
    pub ranges: Vec<(u32, u32)>,
}

impl Field {
    /// Takes what a file in `format` says; `None` for anything else, and for words that are not passed on
    /// (`config3`).
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (word, ranges) = format::split_once(text, b':')?;
        let word = match word {
            b"config" => 0,
            b"config1" => 1,
            b"config2" => 2,
            _ => return None,
        };
        let ranges = ranges.split(|&byte| byte == b',').map(|range| {
            let (first, last) = format::split_once(range, b'-').unwrap_or((range, range));
            let (first, last) = (format::number(first)?, format::number(last)?);
            (first <= last && last < 64).then_some((u32::try_from(first).ok()?, u32::try_from(last).ok()?))
        });
        Some(Self { word, ranges: ranges.collect::<Option<_>>()? })
    }

    /// Puts a number in its place; false if it has more bits than that.
    pub fn place(&self, mut value: u64, config: &mut [u64; 3]) -> bool {
        let Some(word) = config.get_mut(self.word) else { return false };
        for &(first, last) in &self.ranges {
            let bits = u64::MAX >> 63u32.saturating_sub(last.saturating_sub(first));
            *word = *word & !(bits << first) | (value & bits) << first;
            value = value.checked_shr(last.saturating_sub(first) + 1).unwrap_or(0);
        }
        value == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_of_cpus_have_ranges() {
        let f = |text: &str, cpus: Option<&[u32]>| {
            assert_eq!(cpu_list(text.as_bytes()).as_deref(), cpus, "{text:?}");
        };
        f("0\n", Some(&[0]));
        f("0-3,8\n", Some(&[0, 1, 2, 3, 8]));
        f("8,0-1,1", Some(&[0, 1, 8]));
        f("\n", Some(&[]));
        f("3-1", None);
        f("0-", None);
        f("a", None);
        f("0-4294967295", None);
    }

    #[test]
    fn bits_go_where_the_format_says() {
        let f = |format: &str, value, expected: Option<[u64; 3]>| {
            let mut config = [0; 3];
            let placed = Field::parse(format.as_bytes()).is_some_and(|field| field.place(value, &mut config));
            assert_eq!(placed.then_some(config), expected, "{format} {value:#x}");
        };
        f("config:0-7", 0x3c, Some([0x3c, 0, 0]));
        f("config:0-7", 0x13c, None);
        f("config:0-7,32-35", 0x53c, Some([0x5_0000_003c, 0, 0]));
        f("config:23", 1, Some([1 << 23, 0, 0]));
        f("config:23", 2, None);
        f("config1:0-63", u64::MAX, Some([0, u64::MAX, 0]));
        f("config2:4-5", 2, Some([0, 0, 0x20]));
        f("config3:0-7", 1, None);
        f("config:0-64", 1, None);
        f("config:7-0", 1, None);
        f("config", 1, None);
        f("", 1, None);
    }

    #[test]
    fn terms_are_read_as_perf_writes_them() {
        let f = |text| Term::list(text).collect::<Result<Vec<_>, _>>();
        let term = |name, value| Term { name, value };
        assert_eq!(
            f("event=0x3c,umask=0x01,inv").unwrap(),
            [term("event", 0x3c), term("umask", 1), term("inv", 1)]
        );
        assert_eq!(f(" event=7 ,,").unwrap(), [term("event", 7)]);
        assert!(f("chip=?").unwrap_err().contains("needs a value for \"chip\""));
        assert!(f("event=x").unwrap_err().contains("expected a number"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<Vec<u8>>(), value in any::<u64>()) {
            let _ = cpu_list(&text);
            let mut config = [0; 3];
            if let Some(field) = Field::parse(&text) {
                field.place(value, &mut config);
            }
            let text = String::from_utf8_lossy(&text);
            Term::list(&text).for_each(drop);
        }

        /// Gathering the bits again gives the number.
        #[test]
        fn what_is_placed_is_there(widths in prop::collection::vec((0u32..3, 1u32..12), 1..5), value in any::<u64>()) {
            let (mut next, mut ranges) = (0, Vec::new());
            for (gap, width) in widths {
                ranges.push((next + gap, next + gap + width - 1));
                next += gap + width;
            }
            let bits: u32 = ranges.iter().map(|(first, last)| last - first + 1).sum();
            let value = value & (u64::MAX >> (64 - bits));
            let shown: Vec<String> = ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
            let field = Field::parse(format!("config1:{}", shown.join(",")).as_bytes()).unwrap();
            let mut config = [0; 3];
            prop_assert!(field.place(value, &mut config));
            let (mut gathered, mut at) = (0, 0);
            for (first, last) in ranges {
                let width = last - first + 1;
                gathered |= (config[1] >> first & (u64::MAX >> (64 - width))) << at;
                at += width;
            }
            prop_assert_eq!(gathered, value);
            prop_assert_eq!((config[0], config[2]), (0, 0));
        }

        #[test]
        fn listed_cpus_are_read_back(cpus in prop::collection::btree_set(0u32..4096, 0..40)) {
            let cpus: Vec<u32> = cpus.into_iter().collect();
            let text: Vec<String> = cpus.iter().map(u32::to_string).collect();
            prop_assert_eq!(cpu_list(text.join(",").as_bytes()), Some(cpus));
        }
    }
}
