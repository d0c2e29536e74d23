//! A scrape under way: renders as much as is asked for, family by family over all containers.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_core::family::{Emit, Row, Type};
use plimsoll_core::machine::MachineInfo;
use plimsoll_core::time::Timestamp;

use super::applications;
use super::families::Scraped;
use super::own;
use super::plan::{Family, Plan, Values};
use super::process::{self, Process};
use crate::labels::pair;
use crate::past::{OwnMetric, Past, View};
use crate::text::{Format, Head, Lines, Seen, Stamp};

/// A part is closed once it is this long.
pub(super) const PART: usize = 64 * 1024;

/// Lines left out since the start because their series was there already.
pub(super) static REPEATED: AtomicU64 = AtomicU64::new(0);

/// What is still to be rendered. Holds the samples that it shows, and no lock.
pub(super) struct Scrape {
    format: Format,
    parts: std::vec::IntoIter<(Cow<'static, str>, Part)>,
    containers: Vec<(Scraped, Stamp)>,
    now: Stamp,
    /// The family under way and its next container.
    current: Option<Current>,
    seen: Seen,
    ended: bool,
}

/// What a scrape shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// Containers, the machine and the program.
    Whole,
    /// Containers and the machine, whose numbers have no time: a kubelet's have none.
    Containers,
}

enum Current {
    Family(Arc<Family>, usize),
    Application(applications::Family, applications::Place),
}

enum Part {
    Family(Arc<Family>),
    Application(applications::Family),
    /// Small families, rendered at the start.
    Rendered(Vec<u8>),
}

impl Scrape {
    pub(super) fn new(
        past: &dyn Past,
        plan: Arc<Plan>,
        views: Vec<View>,
        extent: Extent,
        format: Format,
        now: Timestamp,
    ) -> Self {
        let machine = past.machine();
        let mut small = Small { format, seen: Seen::default(), parts: Vec::new(), closed: 0 };
        small.machine(&plan, &machine, extent);
        own::as_cadvisor(past, &mut small);
        if extent == Extent::Whole {
            own::exporter(&mut small);
            small.process();
            small.closed = small.parts.len();
            past.own_metrics(&mut |metric, values| small.add(metric, values));
        }
        let machine_memory = machine.memory_capacity;
        let containers: Vec<(Scraped, Stamp)> = views
            .into_iter()
            .map(|view| {
                let stamp = view.latest.as_ref().map_or(Stamp::NONE, |s| Stamp::at(s.at, format));
                (Scraped { view, now, machine_memory }, stamp)
            })
            .collect();
        let small = small.parts.into_iter().map(|(name, part)| (Cow::Borrowed(name), part));
        let mut parts: Vec<(Cow<'static, str>, Part)> = small.collect();
        parts.extend(plan.containers.iter().map(|f| (f.name.into(), Part::Family(Arc::clone(f)))));
        if plan.applications {
            with_applications(&mut parts, &containers);
        }
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        Self {
            format,
            parts: parts.into_iter(),
            containers,
            now: Stamp::at(now, format),
            current: None,
            seen: Seen::default(),
            ended: false,
        }
    }

    /// Appends to `out` until it is [`PART`] long or nothing is left; false once nothing is left.
    pub(super) fn fill(&mut self, out: &mut Vec<u8>) -> bool {
        while out.len() < PART {
            match self.current.take() {
                Some(Current::Family(family, next)) => {
                    self.family(family, next, out);
                    continue;
                }
                Some(Current::Application(family, place)) => {
                    let (next, repeated) = family.render(place, &self.containers, self.format, PART, out);
                    REPEATED.fetch_add(repeated, Ordering::Relaxed);
                    self.current = next.map(|next| Current::Application(family, next));
                    continue;
                }
                None => {}
            }
            match self.parts.next() {
                Some((_, Part::Family(family))) => self.current = Some(Current::Family(family, 0)),
                Some((_, Part::Application(family))) => {
                    self.current = Some(Current::Application(family, applications::Place::default()));
                }
                Some((_, Part::Rendered(bytes))) => out.extend_from_slice(&bytes),
                None if self.ended => return false,
                None => {
                    self.ended = true;
                    out.extend_from_slice(self.format.end());
                }
            }
        }
        true
    }

    /// A family from its container `next` on; what does not fit is left for later.
    fn family(&mut self, family: Arc<Family>, mut next: usize, out: &mut Vec<u8>) {
        let Self { containers, seen, format, now, .. } = self;
        let head = family.head.bytes(*format);
        let mut headed = next > 0;
        let mut repeated = 0;
        for (container, stamp) in containers.iter().skip(next) {
            if out.len() >= PART {
                // a family that has said nothing yet starts anew, since none of its containers had a value
                self.current = Some(Current::Family(family, next));
                REPEATED.fetch_add(repeated, Ordering::Relaxed);
                return;
            }
            next += 1;
            let start = out.len();
            if !headed {
                out.extend_from_slice(head);
            }
            let empty = out.len();
            repeated += lines(&family, container, stamp, now, seen, out);
            if out.len() == empty {
                out.truncate(start);
            } else {
                headed = true;
            }
        }
        REPEATED.fetch_add(repeated, Ordering::Relaxed);
    }
}

/// Adds the families of applications. A name that is ours stays ours.
fn with_applications(parts: &mut Vec<(Cow<'static, str>, Part)>, containers: &[(Scraped, Stamp)]) {
    let mut families = applications::families(containers).peekable();
    if families.peek().is_none() {
        return;
    }
    let ours: HashSet<Cow<'static, str>> = parts.iter().map(|(name, _)| name.clone()).collect();
    for family in families {
        if ours.contains(family.name()) {
            REPEATED.fetch_add(family.lines(), Ordering::Relaxed);
        } else {
            parts.push((family.name().to_owned().into(), Part::Application(family)));
        }
    }
}

/// One family of one container; how many lines were there twice.
fn lines(
    family: &Family,
    container: &Scraped,
    sampled: &Stamp,
    now: &Stamp,
    seen: &mut Seen,
    out: &mut Vec<u8>,
) -> u64 {
    let (labels, stamp) = match family.values {
        Values::Container(row, true) => (row.labels, now),
        Values::Container(row, false) => (row.labels, if row.timestamped { sampled } else { &Stamp::NONE }),
        Values::Sample(row, _) => (row.labels, if row.timestamped { sampled } else { &Stamp::NONE }),
    };
    let block = &container.view.labels;
    let mut lines = Lines { out, name: family.name, block, labels, stamp, seen, repeated: 0 }.begin();
    match family.values {
        Values::Container(row, _) => (row.values)(container, &mut lines),
        Values::Sample(row, quota) => {
            if let Some(sample) = &container.view.latest
                && (!quota || container.view.spec.cpu.quota != 0)
            {
                (row.values)(sample, &mut lines);
            }
        }
    }
    lines.repeated
}

/// Renders the families that are no container's.
pub(super) struct Small {
    format: Format,
    seen: Seen,
    parts: Vec<(&'static str, Part)>,
    /// How many of them take no more lines.
    closed: usize,
}

impl Small {
    /// A family about the program.
    pub(super) fn add(&mut self, metric: &OwnMetric, values: &mut dyn FnMut(&mut dyn Emit)) {
        let head = Head::once(metric.name, metric.help, metric.kind, self.format);
        self.render(metric.name, &head, b"", metric.labels, &Stamp::NONE, values);
    }

    /// Families about the program, from their rows.
    fn process(&mut self) {
        let process = Process::read();
        for row in process::ROWS {
            let head = Head::once(row.name, row.help, row.kind, self.format);
            self.render(row.name, &head, b"", row.labels, &Stamp::NONE, &mut |out| {
                (row.values)(&process, out)
            });
        }
    }

    fn machine(&mut self, plan: &Plan, machine: &MachineInfo, extent: Extent) {
        let mut block = Vec::new();
        pair(&mut block, "boot_id", &machine.boot_id);
        pair(&mut block, "machine_id", &machine.machine_id);
        pair(&mut block, "system_uuid", &machine.system_uuid);
        let at = Stamp::at(machine.timestamp, self.format);
        for (row, head) in &plan.machine {
            let row: &Row<MachineInfo> = row;
            let timed = row.timestamped && extent == Extent::Whole;
            let stamp = if timed { &at } else { &Stamp::NONE };
            self.render(row.name, head.bytes(self.format), &block, row.labels, stamp, &mut |out| {
                (row.values)(machine, out)
            });
        }
    }

    fn render(
        &mut self,
        name: &'static str,
        head: &[u8],
        block: &[u8],
        labels: &[&str],
        stamp: &Stamp,
        values: &mut dyn FnMut(&mut dyn Emit),
    ) {
        // a family that comes in several pieces stays one
        let known = self.parts.iter().position(|(known, _)| *known == name);
        if known.is_some_and(|at| at < self.closed) {
            REPEATED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut out = match known.map(|at| self.parts.swap_remove(at).1) {
            Some(Part::Rendered(lines)) => lines,
            _ => head.to_vec(),
        };
        let empty = if known.is_some() { 0 } else { out.len() };
        let mut lines =
            Lines { out: &mut out, name, block, labels, stamp, seen: &mut self.seen, repeated: 0 }.begin();
        values(&mut lines);
        REPEATED.fetch_add(lines.repeated, Ordering::Relaxed);
        if out.len() > empty {
            self.parts.push((name, Part::Rendered(out)));
        }
    }
}

/// A family about the program without labels, that only goes up or is only looked at.
pub(super) const fn own(name: &'static str, help: &'static str, kind: Type) -> OwnMetric {
    OwnMetric { name, help, kind, labels: &[] }
}
