//! What does an answer of an application cost?
//!
//! Reads a real exposition of Prometheus and nginx' status page again and again. Prints the median and the best over
//! the rounds, of the whole and of a line, beside going over the lines alone. `ROUNDS=300 cargo bench -p plimsoll-poll`
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

use plimsoll_core::time::Timestamp;
use plimsoll_poll::config::{self, What};
use plimsoll_poll::exposition::{Rules, parse};

const EXPOSITION: &[u8] = include_bytes!("../src/testdata/prometheus.prom");
const STATUS: &str = include_str!("../src/testdata/nginx-status.txt");
const CONFIG: &[u8] = include_bytes!("../src/testdata/config/generic.json");

fn main() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let all = BTreeSet::new();
    let few: BTreeSet<String> = ["prometheus_build_info".to_owned()].into();
    let rules = |wanted| Rules { wanted, metrics: 1000, series: 10_000, open_metrics: false };
    let series = parse(EXPOSITION, rules(&all), Timestamp(0)).unwrap().series.len();
    let What::Generic(metrics) = config::parse("nginx", CONFIG, 100).unwrap().what else { return };
    println!(
        "an exposition of {} bytes and {series} series; {} expressions",
        EXPOSITION.len(),
        metrics.len()
    );
    told("going over its lines", rounds, series, || {
        black_box(EXPOSITION.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")).count());
    });
    told("all of it", rounds, series, || {
        black_box(parse(EXPOSITION, rules(&all), Timestamp(0)).unwrap());
    });
    told("one metric of it", rounds, series, || {
        black_box(parse(EXPOSITION, rules(&few), Timestamp(0)).unwrap());
    });
    told("numbers by expressions", rounds, metrics.len(), || {
        for metric in &metrics {
            black_box(metric.find(STATUS));
        }
    });
}

fn told(what: &str, rounds: usize, items: usize, mut work: impl FnMut()) {
    let mut took: Vec<f64> = (0..rounds.max(1))
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let (median, best) = (took[took.len() / 2], took[0]);
    println!("{what:24} {median:8.1} us (best {best:.1}), {:.3} us each", median / items.max(1) as f64);
}
