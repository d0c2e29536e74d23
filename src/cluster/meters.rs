//! How long each step of the reduction takes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use plimsoll_serve::cluster::past::{Meter, Part};

/// A processor's runs and their time.
#[derive(Default)]
pub(super) struct Processors(Mutex<BTreeMap<&'static str, (u64, Duration)>>);

impl Processors {
    pub(super) fn ran(&self, processor: &'static str, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (runs, spent) = all.entry(processor).or_default();
        *runs += 1;
        *spent += took;
    }

    pub(super) fn meters(&self) -> Vec<Meter> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meter = |(name, (runs, spent)): (&&'static str, &(u64, Duration))| Meter {
            done: *runs,
            seconds: spent.as_secs_f64(),
            ..Meter::new(Part::Processor(name))
        };
        all.iter().map(meter).collect()
    }
}
