//! No configuration and no network namespace of a container panics; an expression that is taken can be looked for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_poll::address::Addresses;
use plimsoll_poll::config::{self, What};

fuzz_target!(|bytes: &[u8]| {
    Addresses::parse(bytes, bytes, bytes);
    for name in ["nginx", "prometheus"] {
        let Ok(config) = config::parse(name, bytes, 20) else { continue };
        assert!(config.period >= config::SHORTEST);
        if let What::Generic(metrics) = config.what {
            for metric in metrics {
                metric.find(&String::from_utf8_lossy(bytes));
            }
        }
    }
});
