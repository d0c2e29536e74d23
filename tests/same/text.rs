//! Two expositions of the same node, sample by sample.

use std::collections::BTreeMap;

use super::Range;
use crate::common::exposition::{self, Heads, Sample};

/// How long after it was created a container may have been started.
const STARTED_WITHIN: f64 = 60.0;

/// A series: its family, and its labels, of which an empty one is none.
type Series = (String, BTreeMap<String, String>);

/// What a kubelet said at once, or the program over some seconds.
pub struct Exposition {
    heads: Heads,
    values: BTreeMap<Series, Vec<Sample>>,
}

impl Exposition {
    /// Of the texts of one route, of which the last tells what is there.
    #[track_caller]
    pub fn of(texts: &[String]) -> Self {
        let last = texts.last().unwrap();
        let mut values: BTreeMap<Series, Vec<Sample>> = BTreeMap::new();
        for sample in exposition::parse(last) {
            let twice = values.insert(series(&sample), vec![sample]);
            assert!(twice.is_none(), "a series twice: {twice:?}");
        }
        for sample in texts.iter().rev().skip(1).flat_map(|text| exposition::parse(text)) {
            values.entry(series(&sample)).and_modify(|all| all.push(sample));
        }
        Self { heads: exposition::heads(last), values }
    }

    /// Keeps the series of which this is true, and the families that have any.
    pub fn retain(&mut self, mut is_of_interest: impl FnMut(&Sample) -> bool) {
        self.values.retain(|_, all| is_of_interest(&all[0]));
        let left: Vec<&str> = self.values.keys().map(|(family, _)| family.as_str()).collect();
        self.heads.retain(|family, _| left.contains(&family.as_str()));
    }
}

fn series(sample: &Sample) -> Series {
    let labels = sample.labels.iter().filter(|(_, value)| !value.is_empty());
    (sample.name.clone(), labels.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// `family{label="value",...}`, without what only says the same again in this cluster's own numbers.
fn name((family, labels): &Series) -> String {
    let labels: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
    if labels.is_empty() { family.clone() } else { format!("{family}{{{}}}", labels.join(",")) }
}

/// Where the program differs from the kubelet, a line each.
pub fn differences(kubelet: &Exposition, program: &Exposition) -> Vec<String> {
    let mut found = Vec::new();
    for (family, head) in &kubelet.heads {
        match program.heads.get(family) {
            Some(own) if own == head => {}
            Some(own) => found.push(format!("head {family}: {own:?}, not {head:?}")),
            None => found.push(format!("family missing {family}")),
        }
    }
    for family in program.heads.keys().filter(|family| !kubelet.heads.contains_key(*family)) {
        found.push(format!("family extra {family}"));
    }
    let both = |family: &str| kubelet.heads.contains_key(family) && program.heads.contains_key(family);
    for (key, all) in kubelet.values.iter().filter(|((family, _), _)| both(family)) {
        let truth = &all[0];
        let Some(told) = program.values.get(key) else {
            found.push(format!("missing {} {}", name(key), truth.value));
            continue;
        };
        let range = Range::of(told.iter().map(|sample| sample.value));
        // a per cent of such a number is months. That of the built-in cAdvisor is when the container was created: on a
        // busy machine it is started seconds later
        let started = Range(range.0 - STARTED_WITHIN, range.1 + 2.0);
        if key.0.ends_with("_start_time_seconds") && !started.holds(truth.value) {
            found.push(format!("value {}: {range:?}, not {}", name(key), truth.value));
            continue;
        }
        // how many requests a disk has at the moment is another number a moment later
        let range = range.wider(if key.0 == "container_fs_io_current" { 64.0 } else { 0.0 });
        if !range.nearly_holds(truth.value) {
            found.push(format!("value {}: {range:?}, not {}", name(key), truth.value));
        }
        match (truth.at_millis, told[0].at_millis) {
            (None, None) => {}
            // the kubelet's is as old as its housekeeping lets it be, or its runtime has just been asked
            (Some(at), Some(own)) if (-2_000..30_000).contains(&(own - at)) => {}
            (at, own) => found.push(format!("time {}: {own:?}, not {at:?}", name(key))),
        }
    }
    for (key, all) in program.values.iter().filter(|((family, _), _)| both(family)) {
        if !kubelet.values.contains_key(key) {
            found.push(format!("extra {} {}", name(key), all[0].value));
        }
    }
    found
}
