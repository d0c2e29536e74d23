//! A CRI-O of the tests' own, where the host has one.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use super::keeper::Keeper;

/// A daemon for one test.
pub struct Crio {
    pub socket: PathBuf,
    /// The parents of its pods have it in their names.
    pub prefix: String,
    keeper: Keeper,
}

impl Crio {
    #[track_caller]
    pub fn start() -> Self {
        let (keeper, [socket, prefix]) = Keeper::start("crio", &["run"]);
        Self { socket: socket.into(), prefix, keeper }
    }

    pub fn flag(&self) -> String {
        format!("--crio={}", self.socket.display())
    }
}

impl Deref for Crio {
    type Target = Keeper;
    fn deref(&self) -> &Keeper {
        &self.keeper
    }
}

impl DerefMut for Crio {
    fn deref_mut(&mut self) -> &mut Keeper {
        &mut self.keeper
    }
}
