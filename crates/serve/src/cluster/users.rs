//! Who may ask over TLS: clients with a certificate that a CA of ours signed, and, if users are named, one of them.
//!
//! Give the listener a [`Tls`](crate::tls::Tls) that asks for certificates ([`load_asking`](crate::tls::Tls::load_asking)):
//! without that nobody has one. `/healthz` has no guard.

use http::request::Parts;
use http::{Response, StatusCode};

use crate::body::Body;
use crate::listen::PeerCertificates;
use crate::reply;
use crate::tls::peer::{ClientCa, Subject};

/// The rule: `tls_client_ca` and `allowed_users`.
#[derive(Debug)]
pub struct Users {
    ca: ClientCa,
    allowed: Vec<String>,
}

impl Users {
    /// Certificates that this CA stands behind, with one of these common names; without names any will do.
    pub fn new(ca: ClientCa, allowed: Vec<String>) -> Self {
        Self { ca, allowed }
    }

    /// The refusal, if there is one: 401 without a certificate, 500 with one that is not accepted, 403 for another user.
    pub fn refusal(&self, parts: &Parts) -> Option<Response<Body>> {
        let Some(PeerCertificates(chain)) = parts.extensions.get::<PeerCertificates>() else {
            return Some(reply::error(StatusCode::UNAUTHORIZED, "Unauthorized"));
        };
        let user = self
            .ca
            .verify(chain)
            .and_then(|()| chain.first().map_or_else(|| Ok(Subject::default()), Subject::of));
        match user {
            Err(sentence) => Some(reply::failed(&sentence)),
            Ok(user) if self.allowed.is_empty() || self.allowed.contains(&user.common_name) => None,
            Ok(_) => Some(reply::error(StatusCode::FORBIDDEN, "Forbidden")),
        }
    }
}
