//! A file of users, kept in memory and read again when it changes.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::file_version::FileVersion;

/// What a line gives: the key under which it is looked up, and the secret.
pub(super) type Line = fn(&str) -> Option<(String, String)>;

/// Users by their key.
pub(super) struct Users {
    file: PathBuf,
    line: Line,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    version: Option<FileVersion>,
    users: Arc<HashMap<String, String>>,
    /// What was said of the file last, so that it is not said again.
    complaint: Option<String>,
}

impl Users {
    pub(super) fn new(file: PathBuf, line: Line) -> Self {
        let users = Self { file, line, state: Mutex::default() };
        // so that a wrong path is told at the start
        users.current();
        users
    }

    /// The secret of one user, as the file has it now.
    pub(super) fn secret(&self, key: &str) -> Option<String> {
        self.current().get(key).cloned()
    }

    /// All users, as the file has them now; nobody when it cannot be read.
    fn current(&self) -> Arc<HashMap<String, String>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match FileVersion::of(&self.file) {
            Ok(version) if state.version == Some(version) => {}
            Ok(version) => match fs::read_to_string(&self.file) {
                Ok(text) => {
                    let (users, complaint) = self.parse(&text);
                    state.users = Arc::new(users);
                    state.version = Some(version);
                    self.complain(&mut state, complaint);
                }
                Err(cause) => self.lock_all(&mut state, &cause),
            },
            Err(cause) => self.lock_all(&mut state, &cause),
        }
        Arc::clone(&state.users)
    }

    fn lock_all(&self, state: &mut State, cause: &io::Error) {
        state.users = Arc::default();
        state.version = None;
        self.complain(state, Some(format!("nobody can log in: {cause}")));
    }

    fn complain(&self, state: &mut State, complaint: Option<String>) {
        if state.complaint == complaint {
            return;
        }
        match &complaint {
            Some(complaint) => tracing::error!("{}: {complaint}", self.file.display()),
            None => tracing::info!("{}: read", self.file.display()),
        }
        state.complaint = complaint;
    }

    fn parse(&self, text: &str) -> (HashMap<String, String>, Option<String>) {
        let mut users = HashMap::new();
        let mut complaint = None;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match (self.line)(line) {
                Some((user, secret)) => {
                    users.insert(user, secret);
                }
                // the line itself may hold a secret
                None => {
                    complaint.get_or_insert_with(|| format!("line {}: not a user's line", number + 1));
                }
            }
        }
        if users.is_empty() {
            complaint = Some("nobody can log in: it has no users".to_owned());
        }
        (users, complaint)
    }
}
