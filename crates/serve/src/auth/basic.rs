//! HTTP basic authentication by an htpasswd file: `user:hash`.
//!
//! Hashes: `{SHA}`, bcrypt (`$2a$ $2b$ $2x$ $2y$`), MD5-crypt (`$1$`, `$apr1$`); none in plain text, no DES.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use sha1::{Digest as _, Sha1};
use tokio::sync::Semaphore;

use super::users::Users;
use super::{credentials, md5_crypt, same};

/// Passwords that are checked at the same time, at most; bcrypt costs up to a second of CPU each.
const AT_ONCE: usize = 2;

/// Checked when there is no such user, so that the answer takes as long as for one that exists.
const NOBODY: &str = "$2y$05$N0sUnep7rgpdpbdhzLMI6u0uvHfWGAbJ1KVmS6kbxRgnSVT5DEbuu";

pub(super) struct Basic {
    users: Users,
    realm: String,
    working: Arc<Semaphore>,
}

impl Basic {
    pub(super) fn new(file: PathBuf, realm: String) -> Self {
        Self { users: Users::new(file, line), realm, working: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// # Errors
    /// The challenge.
    pub(super) async fn check(&self, headers: &HeaderMap) -> Result<HeaderMap, String> {
        if self.known(headers).await == Some(true) {
            return Ok(HeaderMap::new());
        }
        Err(format!("Basic realm=\"{}\"", self.realm))
    }

    async fn known(&self, headers: &HeaderMap) -> Option<bool> {
        let decoded = STANDARD.decode(credentials(headers, "Basic")?).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        let hash = self.users.secret(user);
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let password = password.to_owned();
        let slot = Arc::clone(&self.working).acquire_owned().await.ok()?;
        let matches = tokio::task::spawn_blocking(move || {
            // kept until the work is done, even if the client has gone away meanwhile
            let _slot = slot;
            matches(&password, &hash)
        });
        Some(matches.await.unwrap_or(false) && known)
    }
}

fn line(line: &str) -> Option<(String, String)> {
    let (user, hash) = line.split_once(':')?;
    let hash = hash.split(':').next()?.trim();
    let known = ["{SHA}", "$apr1$", "$1$", "$2a$", "$2b$", "$2x$", "$2y$"];
    known.iter().any(|prefix| hash.starts_with(prefix)).then(|| (user.to_owned(), hash.to_owned()))
}

/// Whether the hash was made from this password.
pub(super) fn matches(password: &str, hash: &str) -> bool {
    if let Some(sum) = hash.strip_prefix("{SHA}") {
        let ours = STANDARD.encode(Sha1::digest(password.as_bytes()));
        return same(ours.as_bytes(), sum.as_bytes());
    }
    for magic in ["$apr1$", "$1$"] {
        if let Some((salt, _)) = hash.strip_prefix(magic).and_then(|rest| rest.split_once('$')) {
            let ours = md5_crypt::hash(password.as_bytes(), salt.as_bytes(), magic.as_bytes());
            return same(ours.as_bytes(), hash.as_bytes());
        }
    }
    bcrypt::verify(password, hash).unwrap_or(false)
}
