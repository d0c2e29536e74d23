//! Who may ask: authentication and authorization as an extension API server does them.
//!
//! Behind the aggregation layer the API server's front proxy says who asks, and its certificate proves that it is the
//! front proxy. Who comes directly shows a client certificate or a bearer token, or is anonymous. Whether a user may do
//! what is asked, the API server decides.
//!
//! Comes in: a request's head with the peer's certificates. Goes out: a user, or a refusal.

mod authority;
mod cache;
mod headers;
mod review;
mod user;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use plimsoll_core::time::Timestamp;

pub use self::review::{Answer, Authorities, Decision, FrontProxy, ReviewError, Reviewer};
pub use self::user::{ANONYMOUS, AUTHENTICATED, Attributes, MASTERS, Resource, UNAUTHENTICATED, User};

use self::authority::{Authority, AuthorityError};
use self::cache::Cache;
use crate::listen::PeerCertificates;

/// Answers of the API server that are kept at the same time; the oldest goes first.
const KEPT: usize = 8192;

/// What flags say of certificates: read at the start and at each refresh, so that files may change.
pub type Given = Box<dyn Fn() -> Result<Authorities, ReviewError> + Send + Sync>;

/// How it is decided who may ask.
pub enum Mode {
    /// The API server reviews tokens and accesses, and tells which certificates to trust.
    Delegated {
        /// The way to the API server.
        reviewer: Arc<dyn Reviewer>,
        /// What flags say; what they leave open is taken from the API server.
        given: Given,
    },
    /// Only client certificates count: those of a CA, and of them only these users (all if none is named).
    Certificates {
        /// The CA of clients; what else is given has no effect.
        given: Given,
        /// Common names.
        allowed: Vec<String>,
    },
    /// Everybody may ask for everything.
    Open,
    /// Nobody may ask for anything but the paths that are always allowed.
    Closed,
}

/// What decides beside the mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Paths that need neither user nor right; one that ends in `*` is all that begins so.
    pub always_allow: Vec<String>,
    /// For how long a reviewed token is not reviewed again.
    pub token_ttl: Duration,
    /// For how long what was allowed stays allowed.
    pub allowed_ttl: Duration,
    /// For how long what was denied stays denied.
    pub denied_ttl: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let ttl = Duration::from_secs(10);
        let always_allow = ["/healthz", "/readyz", "/livez"].map(str::to_owned).to_vec();
        Self { always_allow, token_ttl: ttl, allowed_ttl: ttl, denied_ttl: ttl }
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not known who asks: 401.
    Unknown,
    /// The user may not: 403.
    Forbidden {
        /// Who.
        user: String,
        /// The API server's reason, often empty.
        reason: String,
    },
    /// It could not be found out whether the user may: 500.
    Undecided(String),
}

/// Decides who may ask.
pub struct Gate {
    mode: Mode,
    options: Options,
    trust: RwLock<Arc<Trust>>,
    /// What is in `trust`.
    loaded: Mutex<Authorities>,
    tokens: Cache<Option<User>>,
    accesses: Cache<Decision>,
}

/// The certificates that count.
#[derive(Default)]
struct Trust {
    client: Option<Authority>,
    proxy: Option<(Authority, FrontProxy)>,
}

impl Gate {
    /// A gate of this mode. One that delegates knows the certificates that flags name; those that the API server tells
    /// follow with [`Gate::refresh`].
    ///
    /// # Errors
    /// What is given cannot be read, or is no certificate.
    pub fn new(mode: Mode, options: Options) -> Result<Self, ReviewError> {
        let given = match &mode {
            Mode::Delegated { given, .. } | Mode::Certificates { given, .. } => given()?,
            Mode::Open | Mode::Closed => Authorities::default(),
        };
        let trust = Trust::of(&given).map_err(|error| ReviewError(error.to_string()))?;
        Ok(Self {
            mode,
            options,
            trust: RwLock::new(Arc::new(trust)),
            loaded: Mutex::new(given),
            tokens: Cache::new(KEPT),
            accesses: Cache::new(KEPT),
        })
    }

    /// Reads again what is given, asks the API server which certificates to trust beside it, and trusts them.
    ///
    /// # Errors
    /// They could not be read, or are no certificates; what was trusted before still is.
    pub async fn refresh(&self) -> Result<(), ReviewError> {
        let all = match &self.mode {
            Mode::Open | Mode::Closed => return Ok(()),
            Mode::Certificates { given, .. } => given()?,
            Mode::Delegated { reviewer, given } => {
                let given = given()?;
                let told = match (&given.client_ca, &given.front_proxy) {
                    (Some(_), Some(_)) => Authorities::default(),
                    _ => reviewer.authorities().await?,
                };
                Authorities {
                    client_ca: given.client_ca.or(told.client_ca),
                    front_proxy: given.front_proxy.or(told.front_proxy),
                }
            }
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if *loaded != all {
            let trust = Trust::of(&all).map_err(|error| ReviewError(error.to_string()))?;
            *self.trust.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
            *loaded = all;
            tracing::info!("new certificates of clients or of the front proxy are in use");
        }
        Ok(())
    }

    /// Refreshes now and then, for ever; sooner again while it fails.
    pub async fn follow(&self, every: Duration) {
        loop {
            let done = self.refresh().await;
            if let Err(error) = &done {
                tracing::warn!("certificates of clients and of the front proxy were not read: {error}");
            }
            tokio::time::sleep(if done.is_ok() { every } else { every.min(Duration::from_secs(10)) }).await;
        }
    }

    /// Whether the request may be answered, and who asks.
    ///
    /// # Errors
    /// It may not.
    pub async fn check(&self, parts: &Parts, wanted: &Attributes, now: Timestamp) -> Result<User, Refusal> {
        if self.is_always_allowed(wanted) {
            return Ok(User::anonymous());
        }
        match &self.mode {
            Mode::Open => Ok(User::anonymous()),
            Mode::Closed => Err(Refusal::Unknown),
            Mode::Certificates { allowed, .. } => {
                let trust = self.trust();
                let peer = parts.extensions.get::<PeerCertificates>();
                let user = trust.client.as_ref().zip(peer).map(|(client, peer)| client.user(peer, now));
                let user = user.and_then(Result::ok).flatten().ok_or(Refusal::Unknown)?;
                if allowed.is_empty() || allowed.contains(&user.name) {
                    return Ok(user.authenticated());
                }
                Err(Refusal::Forbidden { user: user.name, reason: String::new() })
            }
            Mode::Delegated { reviewer, .. } => {
                let user = self.who(parts, reviewer, now).await?;
                self.may(user, wanted, reviewer, now).await
            }
        }
    }

    fn is_always_allowed(&self, wanted: &Attributes) -> bool {
        wanted.resource.is_none()
            && self.options.always_allow.iter().any(|allowed| match allowed.strip_suffix('*') {
                Some(start) => wanted.path.starts_with(start),
                None => wanted.path == *allowed,
            })
    }

    fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.trust.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Who asks: what a front proxy says, a certificate, a token, or nobody. One proof that holds is enough; only if
    /// none does, one that does not is an error.
    async fn who(
        &self,
        parts: &Parts,
        reviewer: &Arc<dyn Reviewer>,
        now: Timestamp,
    ) -> Result<User, Refusal> {
        let mut wrong = false;
        if let Some(peer) = parts.extensions.get::<PeerCertificates>() {
            let trust = self.trust();
            if let Some((authority, proxy)) = &trust.proxy {
                match authority.user(peer, now) {
                    Ok(name) => {
                        let name = name.map(|user| user.name).unwrap_or_default();
                        if !proxy.allowed_names.is_empty() && !proxy.allowed_names.contains(&name) {
                            tracing::debug!(
                                "a front proxy called {name:?} is not in the list of allowed names"
                            );
                            wrong = true;
                        } else if let Some(user) = headers::user(&parts.headers, proxy) {
                            return Ok(user.authenticated());
                        }
                    }
                    Err(error) => {
                        tracing::debug!("no front proxy: {error}");
                        wrong = true;
                    }
                }
            }
            if let Some(authority) = &trust.client {
                match authority.user(peer, now) {
                    Ok(Some(user)) => return Ok(user.authenticated()),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::debug!("client certificate: {error}");
                        wrong = true;
                    }
                }
            }
        }
        if let Some(token) = bearer(&parts.headers) {
            let review =
                self.tokens.get(&token, now, |_| self.options.token_ttl, || reviewer.review_token(token));
            match review.await {
                Ok(Some(user)) => return Ok(user.authenticated()),
                Ok(None) => wrong = true,
                Err(error) => {
                    tracing::warn!("a token could not be reviewed: {error}");
                    wrong = true;
                }
            }
        }
        if wrong { Err(Refusal::Unknown) } else { Ok(User::anonymous()) }
    }

    async fn may(
        &self,
        user: User,
        wanted: &Attributes,
        reviewer: &Arc<dyn Reviewer>,
        now: Timestamp,
    ) -> Result<User, Refusal> {
        if user.groups.iter().any(|group| group == MASTERS) {
            return Ok(user);
        }
        let ttl = |decision: &Decision| {
            if decision.allowed { self.options.allowed_ttl } else { self.options.denied_ttl }
        };
        let question = (&user, wanted);
        let review = self.accesses.get(&question, now, ttl, || reviewer.review_access(&user, wanted));
        match review.await {
            Ok(Decision { allowed: true, .. }) => Ok(user),
            Ok(Decision { reason, .. }) => Err(Refusal::Forbidden { user: user.name, reason }),
            Err(error) => Err(Refusal::Undecided(error.to_string())),
        }
    }
}

impl Trust {
    fn of(all: &Authorities) -> Result<Self, AuthorityError> {
        let client = all.client_ca.as_deref().map(|pem| Authority::of_pem("client CA", pem)).transpose()?;
        let proxy = all.front_proxy.as_ref().map(|proxy| {
            Authority::of_pem("CA of the front proxy", &proxy.ca).map(|authority| (authority, proxy.clone()))
        });
        Ok(Self { client, proxy: proxy.transpose()? })
    }
}

/// The token of `Authorization: Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut words = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().splitn(3, ' ');
    let bearer = words.next()?.eq_ignore_ascii_case("bearer");
    words.next().filter(|token| bearer && !token.is_empty())
}

/// What a review gives, awaited.
type Reviewed<T> = Result<T, ReviewError>;
