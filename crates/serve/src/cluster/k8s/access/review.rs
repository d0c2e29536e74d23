//! What the API server is asked: whose token it is, who may do what, which certificates count.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::user::{Attributes, User};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReviewError(pub String);

impl fmt::Display for ReviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ReviewError {}

/// An answer that is awaited.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ReviewError>> + Send + 'a>>;

/// The way to the API server. Answers are kept by who asks.
pub trait Reviewer: Send + Sync {
    /// Whose token it is (TokenReview); nobody's if it is none or no longer valid.
    fn review_token<'a>(&'a self, token: &'a str) -> Answer<'a, Option<User>>;
    /// Whether the user may do this (SubjectAccessReview).
    fn review_access<'a>(&'a self, user: &'a User, wanted: &'a Attributes) -> Answer<'a, Decision>;
    /// Which certificates count: ConfigMap `kube-system/extension-apiserver-authentication`.
    fn authorities(&self) -> Answer<'_, Authorities>;
}

/// Whether a user may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The user may.
    pub allowed: bool,
    /// Why not; often empty.
    pub reason: String,
}

/// The CAs whose certificates count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authorities {
    /// Of users: `client-ca-file`, as PEM.
    pub client_ca: Option<Vec<u8>>,
    /// Of the API server's front proxy.
    pub front_proxy: Option<FrontProxy>,
}

/// How the API server's front proxy is known and where it says who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontProxy {
    /// `requestheader-client-ca-file`, as PEM.
    pub ca: Vec<u8>,
    /// `requestheader-allowed-names`: common names; none is any.
    pub allowed_names: Vec<String>,
    /// `requestheader-username-headers`: the first that is there counts.
    pub username_headers: Vec<String>,
    /// `requestheader-uid-headers`: the first that is there counts.
    pub uid_headers: Vec<String>,
    /// `requestheader-group-headers`: all count.
    pub group_headers: Vec<String>,
    /// `requestheader-extra-headers-prefix`: all count.
    pub extra_prefixes: Vec<String>,
}

impl FrontProxy {
    /// One with the headers that API servers use.
    pub fn new(ca: Vec<u8>) -> Self {
        let one = |text: &str| vec![text.to_owned()];
        Self {
            ca,
            allowed_names: Vec::new(),
            username_headers: one("x-remote-user"),
            uid_headers: one("x-remote-uid"),
            group_headers: one("x-remote-group"),
            extra_prefixes: one("x-remote-extra-"),
        }
    }
}
