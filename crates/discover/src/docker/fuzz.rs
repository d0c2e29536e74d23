//! What the fuzz target needs of the private parsers; not compiled into the product.

use std::path::Path;

use super::{events, list, status};

/// Every parser of an engine's words, over the same bytes.
pub fn words(bytes: &[u8]) {
    if let Some((id, _)) = events::parse(bytes) {
        assert!(!id.is_empty());
    }
    for listed in list::parse(bytes).unwrap_or_default() {
        assert!(!listed.id.is_empty());
    }
    let _ = status::parse(bytes, bytes, Path::new("/var/lib/docker"));
    let _ = status::parse_images(bytes);
}
