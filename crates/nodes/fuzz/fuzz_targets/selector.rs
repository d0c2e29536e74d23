//! No text panics where a selector should be, and one that is read can be asked.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::cluster::objects::Map;
use plimsoll_core::cluster::selector::{FieldSelector, LabelSelector};

fuzz_target!(|text: &str| {
    let labels: Map = [("app".into(), "web".into()), ("tier".into(), "5".into())].into_iter().collect();
    if let Ok(selector) = LabelSelector::parse(text) {
        let all = selector.is_empty();
        assert!(selector.matches(&labels) || !all);
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        let all = selector.is_empty();
        assert!(selector.matches("shop", "web") || !all);
    }
});
