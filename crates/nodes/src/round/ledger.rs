//! What is remembered of each node from round to round, and counted.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_core::cluster::batch::Set;
use plimsoll_core::cluster::names::Name;
use plimsoll_core::time::Timestamp;

use crate::ask::{Fault, Learned, Route, Target, Told};

/// Upper ends of the buckets of seconds, as Prometheus' clients have them by default; above all of them is one more.
pub const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Samples further than this from our own time are of a clock that is wrong.
const FAR: i64 = 3600 * 1_000_000_000;

/// Nodes of one round whose faults are said one by one; more are counted.
const SAID: usize = 20;

/// How asking one node went.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeMeter {
    /// Its name.
    pub node: Name,
    /// Where it is asked: `10.0.0.1:10250`; empty without an address.
    pub authority: String,
    /// Which question it answered last.
    pub route: Option<Route>,
    /// How many rounds it answered.
    pub answered: u64,
    /// How many rounds it did not, by [`Fault::KINDS`].
    pub failed: [u64; Fault::KINDS.len()],
    /// Of the questions that came to an end, by how long they took: [`BUCKETS`], and above.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// All of them together.
    pub seconds: f64,
    /// When it was asked last.
    pub asked: Option<Timestamp>,
    /// How long that took, in seconds.
    pub last_seconds: f64,
    /// Bytes of its last answer.
    pub bytes: u64,
    /// Entities in its last answer.
    pub entities: u64,
    /// Rounds in which samples were further than an hour from our own time.
    pub wrong_clock: u64,
}

/// How rounds went.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RoundMeter {
    /// How many there were.
    pub rounds: u64,
    /// When the last one began.
    pub began: Option<Timestamp>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How many nodes were to be asked in it.
    pub nodes: usize,
    /// How many of them answered.
    pub answered: usize,
}

/// All counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meters {
    /// Of the rounds.
    pub round: RoundMeter,
    /// Of the nodes of the last round, by name.
    pub nodes: Vec<NodeMeter>,
}

/// A question that came to an end.
pub(super) struct Done {
    pub(super) node: Name,
    /// By our clock.
    pub(super) asked: Timestamp,
    pub(super) took: Duration,
    pub(super) learned: Learned,
    pub(super) told: Result<Told, Fault>,
}

#[derive(Default)]
pub(super) struct Ledger(Mutex<Book>);

#[derive(Default)]
struct Book {
    nodes: HashMap<Name, Entry>,
    round: RoundMeter,
    /// Faults that were said in this round.
    said: usize,
}

struct Entry {
    meter: NodeMeter,
    learned: Learned,
    /// What was said of it, until it answers again.
    wrong: Option<String>,
    /// Whether it was asked last time in vain.
    failing: bool,
    /// The number of the round in which it was asked last.
    tried: u64,
    /// Whether its clock was said to be wrong.
    clock_said: bool,
}

impl Ledger {
    /// A round begins with these nodes; others are forgotten.
    pub(super) fn begin(&self, targets: &[Target], at: Timestamp) {
        let mut book = self.book();
        let here: HashSet<&Name> = targets.iter().map(|target| &target.node.name).collect();
        book.nodes.retain(|name, _| here.contains(name));
        for target in targets {
            let authority = target.authority.as_deref().unwrap_or_default();
            let new = || Entry::new(&target.node.name);
            let entry = book.nodes.entry(target.node.name.clone()).or_insert_with(new);
            if entry.meter.authority != authority {
                entry.meter.authority = authority.to_owned();
                entry.learned = Learned::default();
            }
        }
        book.said = 0;
        let rounds = book.round.rounds;
        book.round = RoundMeter { rounds, began: Some(at), nodes: targets.len(), ..RoundMeter::default() };
    }

    /// The round is over.
    pub(super) fn end(&self, took: Duration) {
        let mut book = self.book();
        book.round.rounds += 1;
        book.round.seconds = took.as_secs_f64();
        if let Some(more) = book.said.checked_sub(SAID).filter(|more| *more > 0) {
            tracing::warn!(nodes = more, "more nodes gave no numbers");
        }
    }

    /// The round in which it was asked last, if that was in vain.
    pub(super) fn failing_since(&self, node: &Name) -> Option<u64> {
        self.book().nodes.get(node).filter(|entry| entry.failing).map(|entry| entry.tried)
    }

    pub(super) fn learned(&self, node: &Name) -> Learned {
        self.book().nodes.get(node).map(|entry| entry.learned).unwrap_or_default()
    }

    /// Counts the end of a question, and gives what was told.
    pub(super) fn done(&self, done: Done) -> Vec<Set> {
        let mut book = self.book();
        let book = &mut *book;
        let Some(entry) = book.nodes.get_mut(&done.node) else { return Vec::new() };
        entry.learned = done.learned;
        entry.tried = book.round.rounds;
        entry.meter.took(done.asked, done.took);
        match done.told {
            Ok(told) => {
                book.round.answered += 1;
                entry.answered(&told, done.asked);
                told.sets
            }
            Err(fault) => {
                entry.failed(&fault, &mut book.said);
                Vec::new()
            }
        }
    }

    /// The round is over and the node had not answered. It may not even have been asked, because others took too long:
    /// then that is not held against it.
    pub(super) fn late(&self, node: &Name, asked: bool, within: Duration) {
        let mut book = self.book();
        let book = &mut *book;
        if let Some(entry) = book.nodes.get_mut(node) {
            let failing = asked || entry.failing;
            entry.failed(&Fault::Late(within), &mut book.said);
            entry.failing = failing;
            if asked {
                entry.tried = book.round.rounds;
            }
        }
    }

    pub(super) fn meters(&self) -> Meters {
        let book = self.book();
        let mut nodes: Vec<_> = book.nodes.values().map(|entry| entry.meter.clone()).collect();
        nodes.sort_unstable_by(|one, other| one.node.cmp(&other.node));
        Meters { round: book.round, nodes }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(node: &Name) -> Self {
        let meter = NodeMeter {
            node: node.clone(),
            authority: String::new(),
            route: None,
            answered: 0,
            failed: [0; Fault::KINDS.len()],
            buckets: [0; BUCKETS.len() + 1],
            seconds: 0.0,
            asked: None,
            last_seconds: 0.0,
            bytes: 0,
            entities: 0,
            wrong_clock: 0,
        };
        Self { meter, learned: Learned::default(), wrong: None, failing: false, tried: 0, clock_said: false }
    }

    fn answered(&mut self, told: &Told, asked: Timestamp) {
        let node = &*self.meter.node;
        self.meter.answered += 1;
        if self.meter.route != Some(told.route) && self.meter.route.is_some() {
            tracing::info!(node, route = told.route.word(), "the node answers another question now");
        }
        self.meter.route = Some(told.route);
        self.meter.bytes = told.bytes as u64;
        self.meter.entities = told.sets.len() as u64;
        self.failing = false;
        if self.wrong.take().is_some() {
            tracing::info!(node, "the node gives numbers again");
        }
        let far =
            |set: &Set| set.scraped.map(|at| at.since(asked)).filter(|nanos| nanos.saturating_abs() > FAR);
        match told.sets.iter().find_map(far) {
            Some(nanos) => {
                self.meter.wrong_clock += 1;
                if !std::mem::replace(&mut self.clock_said, true) {
                    let hours = nanos as f64 / FAR as f64;
                    tracing::warn!(
                        node,
                        hours,
                        "the node's samples are of another time: its clock or ours is wrong"
                    );
                }
            }
            None => self.clock_said = false,
        }
    }

    /// Says a fault once, until the node answers or has another one.
    fn failed(&mut self, fault: &Fault, said: &mut usize) {
        let kind = Fault::KINDS.iter().position(|kind| *kind == fault.kind());
        if let Some(count) = kind.and_then(|kind| self.meter.failed.get_mut(kind)) {
            *count += 1;
        }
        self.failing = true;
        let words = fault.to_string();
        if self.wrong.as_ref() == Some(&words) {
            return;
        }
        *said += 1;
        if *said <= SAID {
            tracing::warn!(
                node = &*self.meter.node,
                at = self.meter.authority,
                error = words,
                "the node gives no numbers"
            );
        }
        self.wrong = Some(words);
    }
}

impl NodeMeter {
    fn took(&mut self, asked: Timestamp, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|end| seconds <= *end).unwrap_or(BUCKETS.len());
        if let Some(count) = self.buckets.get_mut(bucket) {
            *count += 1;
        }
        self.seconds += seconds;
        self.last_seconds = seconds;
        self.asked = Some(asked);
    }

    /// How many questions came to an end.
    pub fn ended(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// How many rounds it gave no numbers.
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }
}
