//! The open counters of one container, and what they come to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use plimsoll_kernel::error::Errno;
use plimsoll_kernel::file::{Budget, Rooms};
use plimsoll_kernel::perf::{self, Counts, Event};

use super::plan::{Plan, Planned};
use super::{CpuCount, Perf, Ratio, UncoreEvent};

/// Counters that are open.
#[derive(Debug)]
pub(super) struct Counting {
    /// By group of the plan, then by CPU.
    core: Vec<Counters>,
    uncore: Vec<Counters>,
    _rooms: Rooms,
}

/// Why counters could not be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// So many descriptors are wanted, and there are not so many.
    NoRoom(usize),
    /// The group has ended, or is in no hierarchy that has perf_event.
    NoGroup,
}

/// Counters of one group of events on one CPU, opened and read together.
#[derive(Debug)]
struct Counters {
    /// Number of the group in the plan.
    group: usize,
    cpu: u32,
    socket: i64,
    leader: OwnedFd,
    /// Kept for being open; they are read through the leader.
    _members: Vec<OwnedFd>,
    /// Numbers of the events in the group, in the order in which they were opened.
    events: Vec<usize>,
    sums: Sums,
}

/// How many descriptors a container wants. `/` also has what is beside the CPUs.
pub(super) fn wanted(plan: &Plan, is_root: bool, cpus: &[u32]) -> usize {
    let on = |events: &[Planned], cpus: &[u32]| {
        let counted = |cpu: &&u32| events.iter().filter(|event| event.on(**cpu).is_some()).count();
        cpus.iter().map(|cpu| counted(&cpu)).sum::<usize>()
    };
    let core: usize = plan.core.iter().map(|events| on(events, cpus)).sum();
    let uncore = plan.uncore.iter().filter(|_| is_root).map(|group| on(&group.events, &group.cpus));
    core + uncore.sum::<usize>()
}

impl Counting {
    /// Opens what can be opened. An event that the kernel refuses is marked so in the plan, with the reason, and
    /// said; it is not tried again.
    pub(super) fn open(
        plan: &Plan,
        directory: BorrowedFd<'_>,
        is_root: bool,
        cpus: &[u32],
        socket: impl Fn(u32) -> i64,
        budget: &Arc<Budget>,
    ) -> Result<Self, Refusal> {
        let wanted = wanted(plan, is_root, cpus);
        let mut rooms = budget.take_many(wanted).ok_or(Refusal::NoRoom(wanted))?;
        let mut opened = 0;
        let mut open = |number: usize, events: &[Planned], group: Option<BorrowedFd<'_>>, cpu: u32| {
            let counters = Counters::open(number, events, group, cpu, socket(cpu));
            if let Ok(Some(counters)) = &counters {
                opened += counters.events.len();
            }
            counters.map_err(|refusal| refusal.unwrap_or(Refusal::NoRoom(wanted)))
        };
        let (mut core, mut uncore) = (Vec::new(), Vec::new());
        for (number, events) in plan.core.iter().enumerate() {
            for &cpu in cpus {
                core.extend(open(number, events, Some(directory), cpu)?);
            }
        }
        for (number, group) in plan.uncore.iter().enumerate().filter(|_| is_root) {
            for &cpu in &group.cpus {
                uncore.extend(open(number, &group.events, None, cpu)?);
            }
        }
        rooms.shrink(opened);
        Ok(Self { core, uncore, _rooms: rooms })
    }

    /// Reads all counters and writes what they come to, in place.
    pub(super) fn read(&mut self, plan: &Plan, buffer: &mut Vec<u8>, out: &mut Perf) {
        for counters in self.core.iter_mut().chain(&mut self.uncore) {
            counters.read(buffer);
        }
        let mut slots = out.core.iter_mut();
        let mut core = Vec::new();
        for (number, events) in plan.core.iter().enumerate() {
            let first = self.core.partition_point(|counters| counters.group < number);
            let counters = self.core.get(first..).unwrap_or_default();
            let counters = || counters.iter().take_while(|counters| counters.group == number);
            for (event, planned) in events.iter().enumerate() {
                let mut slot = slots.next().map(std::mem::take).unwrap_or_default();
                slot.cpus.clear();
                slot.cpus.extend(counters().filter_map(|counters| counters.count(event)));
                if !slot.cpus.is_empty() {
                    slot.name.clone_from(&planned.name);
                    core.push(slot);
                }
            }
        }
        out.core = core;
        out.uncore.clear();
        for counters in &self.uncore {
            let Some(group) = plan.uncore.get(counters.group) else { continue };
            for (event, planned) in group.events.iter().enumerate() {
                if let Some(count) = counters.count(event) {
                    add_uncore(&mut out.uncore, &group.pmu, &planned.name, counters.socket, count);
                }
            }
        }
    }
}

/// A PMU may have several CPUs on a socket, one a die: they are one number.
fn add_uncore(all: &mut Vec<UncoreEvent>, pmu: &str, name: &str, socket: i64, count: CpuCount) {
    let same = |known: &&mut UncoreEvent| known.socket == socket && known.pmu == pmu && known.name == name;
    match all.iter_mut().find(same) {
        Some(known) => {
            known.value = known.value.saturating_add(count.value);
            known.scaling_ratio = Ratio(known.scaling_ratio.0.min(count.scaling_ratio.0));
        }
        None => all.push(UncoreEvent {
            scaling_ratio: count.scaling_ratio,
            value: count.value,
            name: name.to_owned(),
            socket,
            pmu: pmu.to_owned(),
        }),
    }
}

impl Counters {
    /// `Ok(None)`: nothing of the group is counted on this CPU. `Err(None)`: the process or the machine has no
    /// descriptor left.
    fn open(
        number: usize,
        events: &[Planned],
        group: Option<BorrowedFd<'_>>,
        cpu: u32,
        socket: i64,
    ) -> Result<Option<Self>, Option<Refusal>> {
        let mut counters: Option<Self> = None;
        for (index, event) in events.iter().enumerate() {
            let Some(what) = event.on(cpu) else { continue };
            let leader = counters.as_ref().map(|counters| counters.leader.as_fd());
            let leads = leader.is_none();
            match (perf::open(what, group, cpu, leader), &mut counters) {
                (Ok(counter), Some(counters)) => {
                    counters._members.push(counter);
                    counters.events.push(index);
                }
                (Ok(leader), counters @ None) => {
                    let (members, events) = (Vec::new(), vec![index]);
                    let sums = Sums::default();
                    *counters =
                        Some(Self { group: number, cpu, socket, leader, _members: members, events, sums });
                }
                // the CPU has gone offline
                (Err(Errno::NODEV), _) => {}
                (Err(Errno::MFILE | Errno::NFILE), _) => return Err(None),
                (Err(Errno::NOENT), _) if group.is_some() && !takes_events(group, cpu) => {
                    return Err(Some(Refusal::NoGroup));
                }
                (Err(cause), _) => refuse(event, cause, leads, what),
            }
        }
        if let Some(counters) = &counters {
            let _ = perf::start(&counters.leader);
        }
        Ok(counters)
    }

    fn read(&mut self, buffer: &mut Vec<u8>) {
        // what cannot be read keeps the number that it had
        if perf::read(&self.leader, self.events.len(), buffer).is_ok()
            && let Some(counts) = Counts::parse(buffer)
        {
            self.sums.add(&counts);
        }
    }

    fn count(&self, event: usize) -> Option<CpuCount> {
        let position = self.events.iter().position(|&known| known == event)?;
        let value = self.sums.total(position)?;
        Some(CpuCount { cpu: self.cpu.into(), value, scaling_ratio: self.sums.ratio() })
    }
}

/// Whether the group can be counted at all: an event that is missing and a group that has ended are the same
/// refusal.
fn takes_events(group: Option<BorrowedFd<'_>>, cpu: u32) -> bool {
    perf::open(&Event::DUMMY, group, cpu, None).is_ok()
}

fn refuse(event: &Planned, cause: Errno, leads: bool, what: &Event) {
    let why = match cause {
        Errno::NOENT | Errno::OPNOTSUPP => "this machine has no such counter".to_owned(),
        Errno::ACCESS | Errno::PERM => "no right: give CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8), or set \
                                        kernel.perf_event_paranoid to 0 or less; in a container the seccomp profile must \
                                        allow perf_event_open too"
            .to_owned(),
        Errno::INVAL if !leads => "it cannot be counted together with the others of its group".to_owned(),
        Errno::INVAL => format!("the kernel does not count type {} {:#x} for a group", what.kind, what.config[0]),
        Errno::NOSYS => "this kernel has no perf events".to_owned(),
        other => other.to_string(),
    };
    let why = format!("perf event {:?}: {why}", event.name);
    if event.refused.set(why).is_ok()
        && let Some(why) = event.refused.get()
    {
        tracing::warn!("{why}; it is left out");
    }
}

/// What the counters of one group came to since they were opened.
///
/// Where more is counted than the CPU has counters, the kernel takes turns. What was missed is made up for by the
/// rate of the same interval, so that the sum never goes back; the sum of all readings, scaled as a whole, does
/// when an event becomes rare.
#[derive(Debug, Default)]
struct Sums {
    enabled: u64,
    running: u64,
    /// For each counter what it said when it last ran, and the sum.
    values: Vec<(u64, u64)>,
    /// The times of that reading.
    base: (u64, u64),
}

impl Sums {
    fn add(&mut self, counts: &Counts<'_>) {
        (self.enabled, self.running) = (counts.enabled, counts.running);
        let enabled = counts.enabled.saturating_sub(self.base.0);
        let running = counts.running.saturating_sub(self.base.1);
        if running == 0 {
            // not counted since: the next reading that was tells the rate of this time too
            return;
        }
        self.base = (counts.enabled, counts.running);
        self.values.resize(counts.values().count(), (0, 0));
        for ((last, sum), raw) in self.values.iter_mut().zip(counts.values()) {
            let more = raw.saturating_sub(*last);
            let scaled = u128::from(more) * u128::from(enabled.max(running)) / u128::from(running);
            *sum = sum.saturating_add(u64::try_from(scaled).unwrap_or(u64::MAX));
            *last = raw;
        }
    }

    /// The sum of one counter. None of one that should have counted and has not yet, since nobody knows what it
    /// missed; 0 while the group has not been on the CPU.
    fn total(&self, counter: usize) -> Option<u64> {
        match self.values.get(counter) {
            Some((_, sum)) => Some(*sum),
            None => (self.enabled == 0).then_some(0),
        }
    }

    fn ratio(&self) -> Ratio {
        match (self.running, self.enabled) {
            (0, _) | (_, 0) => Ratio(1.0),
            (running, enabled) => Ratio(running as f64 / enabled as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(sums: &mut Sums, enabled: u64, running: u64, values: &[u64]) {
        let words = [values.len() as u64, enabled, running];
        let text: Vec<u8> = words.iter().chain(values).flat_map(|word| word.to_ne_bytes()).collect();
        sums.add(&Counts::parse(&text).unwrap());
    }

    #[test]
    fn what_was_always_counted_is_as_the_kernel_says() {
        let mut sums = Sums::default();
        read(&mut sums, 0, 0, &[0, 0]);
        assert_eq!((sums.total(0), sums.ratio()), (Some(0), Ratio(1.0)), "never on the CPU");
        read(&mut sums, 100, 100, &[7, 1]);
        read(&mut sums, 250, 250, &[9, 1]);
        assert_eq!((sums.total(0), sums.total(1), sums.total(2)), (Some(9), Some(1), None));
        assert_eq!(sums.ratio(), Ratio(1.0));
    }

    #[test]
    fn what_was_missed_is_made_up_for() {
        let mut sums = Sums::default();
        read(&mut sums, 300, 100, &[10]);
        assert_eq!((sums.total(0), sums.ratio()), (Some(30), Ratio(100.0 / 300.0)));
        // half of the time: 20 are 40
        read(&mut sums, 500, 200, &[30]);
        assert_eq!((sums.total(0), sums.ratio()), (Some(70), Ratio(0.4)));
    }

    #[test]
    fn a_sum_does_not_go_back_when_an_event_becomes_rare() {
        let mut sums = Sums::default();
        read(&mut sums, 100, 10, &[100]);
        assert_eq!(sums.total(0), Some(1000));
        // scaled as a whole it would be 100 * 110 / 20 = 550 now
        read(&mut sums, 110, 20, &[100]);
        assert_eq!(sums.total(0), Some(1000));
    }

    #[test]
    fn what_was_never_counted_is_absent_and_no_zero() {
        let mut sums = Sums::default();
        read(&mut sums, 100, 0, &[0]);
        assert_eq!(sums.total(0), None);
        // its first time tells the rate of all that was missed before
        read(&mut sums, 200, 100, &[5]);
        assert_eq!(sums.total(0), Some(10));
        // a while without: the number stays, and the next reading makes up for it
        read(&mut sums, 300, 100, &[5]);
        assert_eq!(sums.total(0), Some(10));
        read(&mut sums, 400, 200, &[10]);
        assert_eq!(sums.total(0), Some(20));
    }

    #[test]
    fn dies_of_a_socket_are_one_number() {
        let mut all = Vec::new();
        let count = |value, ratio| CpuCount { cpu: 0, value, scaling_ratio: Ratio(ratio) };
        add_uncore(&mut all, "imc", "read", 0, count(3, 1.0));
        add_uncore(&mut all, "imc", "read", 1, count(5, 1.0));
        add_uncore(&mut all, "imc", "read", 0, count(4, 0.5));
        let short: Vec<_> = all.iter().map(|e| (e.socket, e.value, e.scaling_ratio.0)).collect();
        assert_eq!(short, [(0, 7, 0.5), (1, 5, 1.0)]);
    }

    proptest! {
        /// Sums only grow, whatever the kernel says.
        #[test]
        fn no_reading_makes_a_sum_go_back(steps in prop::collection::vec(any::<(u64, u64, u64)>(), 1..20)) {
            let (mut sums, mut before) = (Sums::default(), 0);
            for (enabled, running, value) in steps {
                read(&mut sums, enabled, running, &[value]);
                let now = sums.total(0).unwrap_or(0);
                prop_assert!(now >= before);
                before = now;
            }
        }
    }
}
