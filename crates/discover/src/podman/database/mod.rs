//! Podman's database: what it keeps of a container and leaves in no other file.
//!
//! Reads: `libpod/bolt_state.db` or `db.sql` below the storage; of a store that does not outlive the machine
//!        beside the pid files. Only the pages that lead to one container.
//! Gives: [`Record`].
//! Cost:  12 readings a container of BoltDB, 21 of SQLite, where there are 41 containers; with many a few more.
//!
//! No lock is taken, so Podman never waits for us. Both kinds of file tell whether somebody wrote while they were
//! read; then they are read again.

pub mod bolt;
pub mod sqlite;

mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use self::source::Source;
use crate::runtime::conmon::{self, Place};
use crate::runtime::{json, small};

/// How often a file is read that others write meanwhile.
const TRIES: usize = 5;

/// What the database says of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// How often Podman has started it again by its restart policy.
    pub restarts: u64,
}

/// The two documents that Podman keeps of a container, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// What it was made with.
    pub config: Vec<u8>,
    /// How it is.
    pub state: Vec<u8>,
}

/// Looks for a container in the databases that its conmon leads to.
pub(super) fn read(rootfs: &Path, id: &str, place: &Place) -> Option<Record> {
    let below = |path: &Path| conmon::below(rootfs, path);
    // <storage>/<driver>-containers/<id>/userdata
    let storage = place.bundle.ancestors().nth(3);
    // <run root>/<driver>-containers/<id>/userdata/pidfile
    let run = place.pid_file.ancestors().nth(4);
    let temporary = place.exits.parent();
    let libpod = storage.map(|storage| storage.join("libpod"));
    let bolts = [libpod.as_deref(), temporary].into_iter().flatten();
    let sqlites = [storage, libpod.as_deref(), run].into_iter().flatten();
    let bolts = bolts.map(|folder| below(&folder.join("bolt_state.db")));
    let sqlites = sqlites.map(|folder| below(&folder.join("db.sql")));
    let found = bolts.filter_map(|path| of_bolt(&path, id)).next();
    parse(&found.or_else(|| sqlites.filter_map(|path| of_sqlite(&path, id)).next())?)
}

fn of_bolt(path: &Path, id: &str) -> Option<Documents> {
    let file = small::open(path)?;
    (0..TRIES).find_map(|_| bolt::container(&file, id))?
}

fn of_sqlite(path: &Path, id: &str) -> Option<Documents> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    let journal = PathBuf::from(journal);
    (0..TRIES).find_map(|_| {
        // opened anew: the journal says something of the file that has this name now
        let file = small::open(path)?;
        let found = sqlite::container(&file, id)?;
        // pages are written while there is a journal
        (!journal.exists()).then_some(found)
    })?
}

fn parse(documents: &Documents) -> Option<Record> {
    let config: Value = serde_json::from_slice(&documents.config).ok()?;
    let state: Value = serde_json::from_slice(&documents.state).unwrap_or_default();
    let labels = config.pointer("/labels").and_then(Value::as_object).into_iter().flatten();
    Some(Record {
        labels: labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect(),
        restarts: json::int(&state, "/restartCount").and_then(|count| count.try_into().ok()).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests;
