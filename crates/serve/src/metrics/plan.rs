//! Which families a scrape has, in which order; made once.

use std::sync::Arc;

use plimsoll_core::family::{Row, Type};
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_core::machine::MachineInfo;
use plimsoll_measure::sample::Sample;

use super::families::{FAMILIES, LAST_SEEN, Scraped};
use crate::text::Head;

/// The families of containers and of the machine, each list sorted by name.
pub(super) struct Plan {
    pub(super) containers: Vec<Arc<Family>>,
    pub(super) machine: Vec<(&'static Row<MachineInfo>, Head)>,
    /// Whether application metrics are shown.
    pub(super) applications: bool,
}

/// A family over all containers.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) head: Head,
    pub(super) values: Values,
}

/// Where its values come from.
pub(super) enum Values {
    /// The container as a whole; the flag says that lines carry the time of the scrape.
    Container(&'static Row<Scraped>, bool),
    /// The newest sample; the flag says that only containers with a CPU quota have it.
    Sample(&'static Row<Sample>, bool),
}

impl Plan {
    pub(super) fn new(
        kinds: Kinds,
        samples: &[&'static Row<Sample>],
        machine: &[&'static Row<MachineInfo>],
    ) -> Self {
        let seen = std::iter::once((&LAST_SEEN, true)).chain(FAMILIES.iter().map(|row| (row, false)));
        let whole = seen
            .filter(|(row, _)| on(row, kinds))
            .map(|(row, now)| family(row.name, row.help, row.kind, Values::Container(row, now)));
        let sampled = samples.iter().filter(|row| on(row, kinds)).map(|row| {
            // a container without a quota is never throttled; the kernel's zeros would say otherwise
            let quota = row.name.starts_with("container_cpu_cfs_");
            family(row.name, row.help, row.kind, Values::Sample(row, quota))
        });
        let mut containers: Vec<_> = whole.chain(sampled).collect();
        containers.sort_unstable_by_key(|family| family.name);
        let mut machine: Vec<_> = machine
            .iter()
            .filter(|row| on(row, kinds))
            .map(|row| (*row, Head::new(row.name, row.help, row.kind)))
            .collect();
        machine.sort_unstable_by_key(|(row, _)| row.name);
        Self { containers, machine, applications: kinds.has(Kind::App) }
    }
}

fn on<T>(row: &Row<T>, kinds: Kinds) -> bool {
    row.switch.is_none_or(|kind| kinds.has(kind))
}

fn family(name: &'static str, help: &str, kind: Type, values: Values) -> Arc<Family> {
    Arc::new(Family { name, head: Head::new(name, help, kind), values })
}
