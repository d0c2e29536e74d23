//! No text that may be a kubeconfig panics, and neither does what it says of its contexts.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use plimsoll_nodes::kube::Kubeconfig;

fuzz_target!(|text: &str| {
    if let Ok(file) = Kubeconfig::parse(text, Path::new("/")) {
        let _ = file.usable();
    }
});
