//! What this machine takes for memory that rests: where a hypervisor takes away what a guest leaves alone, touching it
//! again costs microseconds a page, and a program that wakes once a second pays that for every page of its code and data.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::stats::median;

const PAGE: usize = 4096;
/// Few, so that touching them takes no cache away from what is measured.
const PAGES: usize = 64;

/// Pages that are touched once a second.
pub(crate) struct Pages(Vec<u8>);

impl Pages {
    pub(crate) fn new() -> Self {
        let mut pages = Self(vec![1; PAGES * PAGE]);
        pages.touch();
        pages
    }

    /// Sleeps so long; gives the microseconds that a page cost which rested for a second, the median of all seconds.
    pub(crate) fn sleep(&mut self, time: Duration) -> f64 {
        let (end, mut costs) = (Instant::now() + time, Vec::new());
        // whoever touched them last was not this window
        self.touch();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_secs(1)));
            let rested = left >= Duration::from_secs(1);
            if rested || costs.is_empty() {
                costs.push(self.touch());
            }
            if !rested {
                return median(&costs);
            }
        }
    }

    fn touch(&mut self) -> f64 {
        let begin = Instant::now();
        for first in self.0.iter_mut().step_by(PAGE) {
            *first = black_box(first.wrapping_add(1));
        }
        begin.elapsed().as_secs_f64() * 1e6 / PAGES as f64
    }
}
