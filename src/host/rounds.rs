//! Numbers that are measured in rounds of their own, and how they come into samples: sockets, load, referenced
//! memory, perf events, caches. Each has a thread, which is there while its kind is on.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::family::Emit;
use plimsoll_core::kinds::{Kind, Kinds};
use plimsoll_measure::load::{self, Load};
use plimsoll_measure::reader::Host;
use plimsoll_measure::rounds::{Meters, Rounds, Tracked};
use plimsoll_measure::sample::Sample;
use plimsoll_measure::sockets::{self, Sockets};
use plimsoll_measure::{perf, referenced, resctrl};

use super::stages::now;

/// How often, and what is asked for besides the kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundOptions {
    /// Time between two looks at the sockets of a network namespace: `-socket_interval`.
    pub sockets: Duration,
    /// Whether tasks are counted by state: `-enable_load_reader`.
    pub load: bool,
    /// Time between two readings of referenced memory: `-referenced_read_interval`.
    pub referenced: Duration,
    /// After so many of them pages count as untouched again, 0 is never: `-referenced_reset_interval`.
    pub referenced_reset: u64,
}

impl Default for RoundOptions {
    fn default() -> Self {
        Self {
            sockets: Duration::from_secs(10),
            load: false,
            referenced: Duration::from_secs(30),
            referenced_reset: 0,
        }
    }
}

/// Load is an average over ten seconds: more often than this tells nothing new.
const SHORTEST_LOAD: Duration = Duration::from_millis(500);
/// Less often would miss what happens.
const LONGEST_LOAD: Duration = Duration::from_secs(5);

/// The threads.
pub(crate) struct Surveys {
    sockets: Option<(Rounds<sockets::Survey>, Arc<sockets::Trouble>)>,
    load: Option<Rounds<load::Survey>>,
    referenced: Option<(Rounds<referenced::Survey>, Arc<referenced::Trouble>)>,
}

/// What is measured of one container.
#[derive(Default)]
pub(crate) struct Followed {
    sockets: Option<Tracked<sockets::Survey>>,
    load: Option<Tracked<load::Survey>>,
    referenced: Option<Tracked<referenced::Survey>>,
    pub(crate) perf: Option<perf::Tracked>,
    pub(crate) resctrl: Option<resctrl::Tracked>,
}

impl Surveys {
    /// Starts those that are wanted; `base` is how often containers are read.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(host: &Arc<Host>, options: RoundOptions, base: Duration) -> std::io::Result<Self> {
        let kinds = host.kinds;
        let sockets = sockets::wanted(kinds).then(|| {
            let survey = sockets::Survey::new(host);
            let trouble = survey.trouble();
            Ok::<_, std::io::Error>((Rounds::start("sockets", survey, options.sockets, now)?, trouble))
        });
        let load = options.load.then(|| {
            let interval = base.clamp(SHORTEST_LOAD, LONGEST_LOAD);
            Rounds::start("load", load::Survey::new(host), interval, now)
        });
        let referenced = kinds.has(Kind::ReferencedMemory).then(|| {
            let survey = referenced::Survey::new(host, options.referenced_reset);
            let trouble = survey.trouble();
            Ok::<_, std::io::Error>((Rounds::start("referenced", survey, options.referenced, now)?, trouble))
        });
        Ok(Self {
            sockets: sockets.transpose()?,
            load: load.transpose()?,
            referenced: referenced.transpose()?,
        })
    }

    /// Ends the threads.
    pub(crate) fn stop(&self) {
        if let Some((rounds, _)) = &self.sockets {
            rounds.stop();
        }
        if let Some(rounds) = &self.load {
            rounds.stop();
        }
        if let Some((rounds, _)) = &self.referenced {
            rounds.stop();
        }
    }

    /// Has a container measured from now on: `network` is a process whose network is the container's, `deep` says
    /// whether groups below are a part of it.
    pub(crate) fn follow(
        &self,
        followed: &mut Followed,
        group: &str,
        network: Option<sockets::Target>,
        deep: bool,
    ) {
        if let Some((rounds, _)) = &self.sockets {
            follow(rounds, &mut followed.sockets, network);
        }
        if let Some(rounds) = &self.load {
            follow(rounds, &mut followed.load, Some(load::Target { group: group.into(), deep }));
        }
        if let Some((rounds, _)) = &self.referenced {
            follow(rounds, &mut followed.referenced, Some(referenced::Target { group: group.into(), deep }));
        }
    }

    /// Whether network namespaces may not be entered.
    pub(crate) fn sockets_refused(&self) -> bool {
        self.sockets.as_ref().is_some_and(|(_, trouble)| trouble.is_refused())
    }

    /// Whether processes' memory may not be looked into or reset.
    pub(crate) fn referenced_refused(&self) -> bool {
        self.referenced.as_ref().is_some_and(|(_, trouble)| trouble.is_refused())
    }

    /// A number of each survey, under its name.
    pub(crate) fn each(&self, out: &mut dyn Emit, number: impl Fn(&Meters) -> f64) {
        let load = self.load.as_ref().map(Rounds::meters);
        let referenced = self.referenced.as_ref().map(|(rounds, _)| rounds.meters());
        let sockets = self.sockets.as_ref().map(|(rounds, _)| rounds.meters());
        for (name, meters) in [("load", load), ("referenced", referenced), ("sockets", sockets)] {
            if let Some(meters) = meters {
                out.float(&[name], number(meters));
            }
        }
    }
}

impl Followed {
    /// Writes the newest numbers into a sample that the reader has filled. Returns whether there are others than it
    /// had.
    pub(crate) fn fill(&self, kinds: Kinds, sample: &mut Sample) -> bool {
        let before = sample.rounds;
        if let Some(tracked) = &self.sockets {
            let network_is_read = kinds.has(Kind::Network);
            tracked.show(|found| {
                sample.rounds.sockets = found.map(|(at, _)| at);
                put_sockets(sample, found.map(|(_, found)| &**found), network_is_read);
            });
        }
        if let Some(tracked) = &self.load {
            tracked.show(|found| put_load(sample, found.map(|(at, load)| (at, *load))));
        }
        if let Some(tracked) = &self.referenced {
            tracked.show(|found| {
                sample.rounds.referenced = found.map(|(at, _)| at);
                sample.referenced_memory = found.map(|(_, found)| found.bytes);
            });
        }
        let mut moved = sample.rounds != before;
        if let Some(tracked) = &self.perf {
            moved |= tracked.fill(&mut sample.perf);
        }
        if let Some(tracked) = &self.resctrl {
            moved |= tracked.fill(&mut sample.resctrl);
        }
        moved
    }
}

fn follow<S>(rounds: &Rounds<S>, tracked: &mut Option<Tracked<S>>, target: Option<S::Target>)
where
    S: plimsoll_measure::rounds::Survey,
    S::Target: PartialEq,
{
    let Some(target) = target else {
        *tracked = None;
        return;
    };
    if !tracked.as_ref().is_some_and(|tracked| tracked.is(&target)) {
        *tracked = Some(rounds.track(target));
    }
}

/// In place, so that a sample every second allocates nothing. Where the network is read with the sample, it is there as
/// long as its process is: what was found before that ended makes none.
fn put_sockets(sample: &mut Sample, found: Option<&Sockets>, network_is_read: bool) {
    let Some(found) = found else {
        match &mut sample.network {
            Some(network) if network_is_read => network.sockets = None,
            network => *network = None,
        }
        return;
    };
    if network_is_read && sample.network.is_none() {
        return;
    }
    match &mut sample.network.get_or_insert_default().sockets {
        Some(sockets) if **sockets == *found => {}
        Some(sockets) => plimsoll_core::columns::Columnar::assign(&mut **sockets, found),
        sockets @ None => *sockets = Some(Box::new(found.clone())),
    }
}

fn put_load(sample: &mut Sample, found: Option<(plimsoll_core::time::Timestamp, Load)>) {
    sample.rounds.load = found.map(|(at, _)| at);
    sample.task_stats = found.map(|(_, load)| load.tasks);
    if let Some(cpu) = &mut sample.cpu {
        // thousandths, cut as cAdvisor cuts them
        let thousandths = |tasks: f64| (tasks * 1000.0) as u64;
        cpu.load_average = found.map(|(_, load)| thousandths(load.running));
        cpu.load_d_average = found.map(|(_, load)| thousandths(load.uninterruptible));
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::time::Timestamp;
    use plimsoll_measure::cpu::Cpu;
    use plimsoll_measure::load::TaskStats;
    use plimsoll_measure::network::Network;
    use plimsoll_measure::sockets::Tcp;

    use super::*;

    #[test]
    fn load_is_in_thousandths_and_goes_with_its_instant() {
        let mut sample = Sample { cpu: Some(Cpu::default()), ..Sample::default() };
        let tasks = TaskStats { nr_running: Some(2), ..TaskStats::default() };
        let load = Load { tasks, running: 1.2345, uninterruptible: 0.0 };
        put_load(&mut sample, Some((Timestamp(7), load)));
        let cpu = sample.cpu.clone().unwrap();
        assert_eq!((cpu.load_average, cpu.load_d_average), (Some(1234), Some(0)));
        assert_eq!((sample.task_stats, sample.rounds.load), (Some(tasks), Some(Timestamp(7))));
        put_load(&mut sample, None);
        assert_eq!((sample.task_stats, sample.cpu.unwrap().load_average), (None, None));
    }

    #[test]
    fn what_is_off_moves_nothing() {
        let mut sample = Sample::default();
        assert!(!Followed::default().fill(Kinds::all(), &mut sample));
        assert_eq!(sample.rounds, Sample::default().rounds);
    }

    #[test]
    fn sockets_come_into_a_sample_without_interfaces_too() {
        let mut sample = Sample::default();
        let found = Sockets { tcp: Some(Tcp { listen: 3, ..Tcp::default() }), ..Sockets::default() };
        for _ in 0..2 {
            put_sockets(&mut sample, Some(&found), false);
            let network = sample.network.as_ref().unwrap();
            assert_eq!((network.interfaces.len(), network.sockets.as_deref()), (0, Some(&found)));
        }
        put_sockets(&mut sample, Some(&Sockets::default()), false);
        assert_eq!(sample.network.as_ref().unwrap().sockets.as_deref(), Some(&Sockets::default()));
        put_sockets(&mut sample, None, false);
        assert_eq!(sample.network, None);
    }

    #[test]
    fn sockets_of_a_process_that_ended_make_no_network() {
        let found = Sockets { tcp: Some(Tcp { listen: 3, ..Tcp::default() }), ..Sockets::default() };
        let mut sample = Sample { network: Some(Network::default()), ..Sample::default() };
        put_sockets(&mut sample, Some(&found), true);
        assert_eq!(sample.network.as_ref().unwrap().sockets.as_deref(), Some(&found));
        // the reader takes the network out before the next round finds nothing
        sample.network = None;
        put_sockets(&mut sample, Some(&found), true);
        assert_eq!(sample.network, None);
        // and a network that is there stays without sockets
        sample.network = Some(Network { sockets: Some(Box::new(found)), ..Network::default() });
        put_sockets(&mut sample, None, true);
        assert_eq!(sample.network, Some(Network::default()));
    }
}
