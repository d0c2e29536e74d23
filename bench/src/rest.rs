//! What this machine takes for memory that rests: where a hypervisor takes away what a guest leaves alone, touching it
//! again costs microseconds a page, and a program that wakes once a second pays that for every page of its code and data.

use std::hint::black_box;
use std::time::{Duration, Instant};

const PAGE: usize = 4096;
const PAGES: usize = 256;

/// Microseconds to touch a page that was last touched a second before: the median of three times all of them.
pub(crate) fn page_micros() -> f64 {
    let mut pages = vec![1u8; PAGES * PAGE];
    let mut touch = || {
        let begin = Instant::now();
        for first in pages.iter_mut().step_by(PAGE) {
            *first = black_box(first.wrapping_add(1));
        }
        begin.elapsed().as_secs_f64() * 1e6 / PAGES as f64
    };
    touch();
    let rested: [f64; 3] = std::array::from_fn(|_| {
        std::thread::sleep(Duration::from_secs(1));
        touch()
    });
    crate::stats::median(&rested)
}
