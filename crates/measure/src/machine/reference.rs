//! Data of others that tests are held against, where it is at hand: below `$PLIMSOLL_REFERENCE`, else below
//! `../shared/reference` beside the workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The path of such a file or folder; `None`, with a printed line, where it is absent.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference");
    let path = std::env::var_os("PLIMSOLL_REFERENCE").map_or(beside, PathBuf::from).join(name);
    if !path.exists() {
        println!("skipped: {} is not here", path.display());
        return None;
    }
    Some(path)
}

/// A JSON file.
pub(crate) fn json(name: &str) -> Option<Value> {
    let text = std::fs::read_to_string(path(name)?).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

/// Writes the files of an archived tree (`{"files": {"path": "text"}}`) into a folder.
pub(crate) fn unpack(tree: &Value, dir: &Path) {
    for (name, text) in tree["files"].as_object().unwrap() {
        let path = dir.join(name);
        match text.as_str() {
            Some(text) => {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            None => std::fs::create_dir_all(path).unwrap(),
        }
    }
}
