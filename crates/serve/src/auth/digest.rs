//! HTTP digest authentication by an htdigest file: `user:realm:HA1`. RFC 2617 with MD5 and `qop=auth`.
//!
//! A nonce is good for many requests, but each must come with a higher count than the last, so that a
//! request that was overheard cannot be sent again. At most [`NONCES`] are known; the oldest go first.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use md5::{Digest as _, Md5};

use super::users::Users;
use super::{credentials, random, same};

/// Nonces that are known at the same time, at most.
const NONCES: usize = 1000;

/// As long as a user's HA1.
const NOBODY: &str = "00000000000000000000000000000000";

pub(super) struct Digest {
    users: Users,
    realm: String,
    opaque: String,
    nonces: Mutex<Nonces>,
}

/// The nonces that were given out, oldest first, with the highest count that came with each.
#[derive(Default)]
struct Nonces {
    counts: HashMap<String, u64>,
    order: VecDeque<String>,
}

/// Somebody who knows the password.
enum Known {
    /// And who answers a challenge that holds, with a count that was not there before: what to tell back.
    Fresh(HeaderMap),
    /// But of a challenge that does not hold: its nonce is from before a restart, or forgotten, or its count has been
    /// overtaken by another request. A browser that is told so asks again by itself, and nobody for the password.
    Stale,
}

impl Digest {
    pub(super) fn new(file: PathBuf, realm: String) -> Self {
        let opaque = token().unwrap_or_default();
        Self { users: Users::new(file, line), realm, opaque, nonces: Mutex::default() }
    }

    /// # Errors
    /// The challenge.
    pub(super) fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<HeaderMap, String> {
        match self.known(method, uri, headers) {
            Some(Known::Fresh(info)) => Ok(info),
            Some(Known::Stale) => Err(self.challenge(true)),
            None => Err(self.challenge(false)),
        }
    }

    fn known(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Known> {
        let fields = fields(credentials(headers, "Digest")?);
        let get = |name: &str| fields.get(name).map(String::as_str);
        let asked = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let [nonce, nc, cnonce, claimed] = [get("nonce")?, get("nc")?, get("cnonce")?, get("uri")?];
        let algorithm = get("algorithm").is_none_or(|name| name.eq_ignore_ascii_case("MD5"));
        let opaque = get("opaque")?;
        if !algorithm || get("qop")? != "auth" || claimed != asked {
            return None;
        }
        // an unknown user is computed for as well, so that time does not tell who is known
        let secret = self.users.secret(&key(get("username")?, &self.realm));
        let ha1 = secret.as_deref().unwrap_or(NOBODY);
        let answer = |ha2: &str| md5(&[ha1, nonce, nc, cnonce, "auth", ha2]);
        let expected = answer(&md5(&[method.as_str(), claimed]));
        if !same(expected.as_bytes(), get("response")?.to_ascii_lowercase().as_bytes()) || secret.is_none() {
            return None;
        }
        // last, so that only who knows the password can use up a count
        let count = u64::from_str_radix(nc, 16).ok()?;
        if opaque != self.opaque || self.count(nonce, count).is_none() {
            return Some(Known::Stale);
        }
        let rspauth = answer(&md5(&["", claimed]));
        let info = format!("qop=\"auth\", rspauth=\"{rspauth}\", cnonce=\"{cnonce}\", nc=\"{nc}\"");
        let info = HeaderValue::from_str(&info).ok()?;
        Some(Known::Fresh(HeaderMap::from_iter([(HeaderName::from_static("authentication-info"), info)])))
    }

    /// Takes a count that is higher than all before; `None` for others and for unknown nonces.
    fn count(&self, nonce: &str, count: u64) -> Option<()> {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let last = nonces.counts.get_mut(nonce).filter(|last| count > **last)?;
        *last = count;
        Some(())
    }

    fn challenge(&self, stale: bool) -> String {
        // without randomness there is a nonce that no count is accepted for: nobody gets in, and none tries for ever
        let nonce = token().inspect(|nonce| self.remember(nonce)).unwrap_or_default();
        let stale = if stale && !nonce.is_empty() { ", stale=true" } else { "" };
        let Self { realm, opaque, .. } = self;
        format!(
            "Digest realm=\"{realm}\", nonce=\"{nonce}\", opaque=\"{opaque}\", algorithm=MD5, qop=\"auth\"{stale}"
        )
    }

    fn remember(&self, nonce: &str) {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        if nonces.order.len() >= NONCES
            && let Some(oldest) = nonces.order.pop_front()
        {
            nonces.counts.remove(&oldest);
        }
        nonces.counts.insert(nonce.to_owned(), 0);
        nonces.order.push_back(nonce.to_owned());
    }

    #[cfg(test)]
    pub(super) fn nonces(&self) -> usize {
        let nonces = self.nonces.lock().unwrap();
        assert_eq!(nonces.counts.len(), nonces.order.len());
        nonces.order.len()
    }
}

/// Sixteen letters that nobody can foresee.
fn token() -> Option<String> {
    random::<12>().map(|bytes| STANDARD.encode(bytes))
}

fn line(line: &str) -> Option<(String, String)> {
    let mut parts = line.split(':');
    let (user, realm, ha1) = (parts.next()?, parts.next()?, parts.next()?.trim());
    let hex = ha1.len() == 32 && ha1.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| (key(user, realm), ha1.to_ascii_lowercase()))
}

/// A user of a realm; neither can have a line break.
fn key(user: &str, realm: &str) -> String {
    format!("{user}\n{realm}")
}

/// The MD5 of the parts with colons between them, in hexadecimal digits.
fn md5(parts: &[&str]) -> String {
    let sum = Md5::digest(parts.join(":").as_bytes());
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `name=value, name="va\"lue"`; names in lower case. What is not of this form is passed over.
fn fields(text: &str) -> HashMap<String, String> {
    let mut fields = HashMap::new();
    let mut rest = text;
    while let Some((name, tail)) = rest.split_once('=') {
        let name = name.trim_start_matches([',', ' ', '\t']).trim_end().to_ascii_lowercase();
        let (value, tail) = match tail.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (value, tail) = tail.split_once(',').unwrap_or((tail, ""));
                (value.trim().to_owned(), tail)
            }
        };
        fields.insert(name, value);
        rest = tail;
    }
    fields
}

/// A quoted text up to its closing quote, and what follows.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, text.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(c),
        }
    }
    (value, "")
}
