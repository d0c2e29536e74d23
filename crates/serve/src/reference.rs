//! For tests: recorded answers and upstream's data, which lie beside the repository where they are at all.

use std::path::{Path, PathBuf};

/// A file or folder below `PLIMSOLL_REFERENCE`, or below `shared/reference` beside the checkout.
pub(crate) fn reference(path: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = ["../../../shared/reference", "../../../../shared/reference"].map(|up| here.join(up));
    let named = std::env::var_os("PLIMSOLL_REFERENCE").map(PathBuf::from);
    let found = named.into_iter().chain(beside).map(|root| root.join(path)).find(|file| file.exists());
    if found.is_none() {
        println!("skipped: {path} is not here; PLIMSOLL_REFERENCE can say where it is");
    }
    found
}
