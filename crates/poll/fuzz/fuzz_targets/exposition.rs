//! No answer of an application panics, and what is taken is sorted, each series once, within the limits.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use plimsoll_core::time::Timestamp;
use plimsoll_poll::exposition::{Rules, parse};

fuzz_target!(|bytes: &[u8]| {
    let wanted = BTreeSet::new();
    for open_metrics in [false, true] {
        let rules = Rules { wanted: &wanted, metrics: 50, series: 500, open_metrics };
        let Ok(read) = parse(bytes, rules, Timestamp(7)) else { continue };
        assert_eq!(read.series.len(), read.values.len());
        assert!(read.times.is_none_or(|times| times.len() == read.series.len()));
        assert!(read.series.len() <= 500);
        assert!(read.series.windows(2).all(|two| two[0] < two[1]));
        for series in &read.series {
            let names: Vec<&str> = series.labels().map(|(name, _)| name).collect();
            assert!(names.windows(2).all(|two| two[0] < two[1]));
        }
    }
});
