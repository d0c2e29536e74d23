//! A configuration of perf events, and the kernel's lists of CPUs, formats and terms: no bytes panic, and what was taken
//! keeps to its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_kernel::perf::Counts;
use plimsoll_measure::perf::{Config, Field, Plan, Term, cpu_list};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(config) = Config::parse(bytes) {
        assert!(config.core.groups.iter().chain(&config.uncore.groups).all(|group| !group.is_empty()));
        // a machine without lists: every name is looked up
        let plan = Plan::new(&config, std::path::Path::new("/nonexistent"));
        let _ = (plan.describe(), plan.left_out());
    }
    if let Some(cpus) = cpu_list(bytes) {
        assert!(cpus.is_sorted_by(|one, next| one < next));
    }
    if let Some(field) = Field::parse(bytes) {
        let mut config = [0; 3];
        field.place(u64::MAX, &mut config);
        assert!(config.iter().filter(|word| **word != 0).count() <= 1);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        for term in Term::list(text).flatten() {
            assert!(!term.name.contains(','));
        }
    }
    if let Some(counts) = Counts::parse(bytes) {
        assert_eq!(counts.values().count() * 8 + 24, bytes.len());
    }
});
