//! Certificates of clients, judged by the request.
//!
//! The handshake proves that the peer has the key of the certificate that it shows, nothing more: which CAs count is
//! known, and may change, behind it. A certificate that no CA of ours signed counts as a wrong proof here.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::time::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::user::User;
use crate::listen::PeerCertificates;
use crate::tls::peer::Subject;

/// A CA that cannot be used, or a certificate that it does not vouch for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AuthorityError {
    /// There is no certificate in it, or none that can be read.
    #[error("{what}: expected certificates in PEM form: {reason}")]
    Unusable {
        /// Which CA.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Signed by another, expired, or not for clients.
    #[error("{0}")]
    Refused(String),
}

/// Judges certificates of clients.
pub(super) struct Authority(Arc<dyn ClientCertVerifier>);

impl Authority {
    /// The CA of these certificates.
    pub(super) fn of_pem(what: &'static str, pem: &[u8]) -> Result<Self, AuthorityError> {
        let unusable = |reason: String| AuthorityError::Unusable { what, reason };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(unusable("found none".to_owned()));
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        verifier.map(Self).map_err(|error| unusable(error.to_string()))
    }

    /// The user whom a certificate names: its common name, with its organizations as groups; nobody if it has no
    /// common name.
    pub(super) fn user(
        &self,
        peer: &PeerCertificates,
        now: Timestamp,
    ) -> Result<Option<User>, AuthorityError> {
        let refused = |reason: &dyn std::fmt::Display| AuthorityError::Refused(reason.to_string());
        let (own, above) = peer.0.split_first().ok_or_else(|| refused(&"the peer showed no certificate"))?;
        let secs = u64::try_from(now.nanos() / 1_000_000_000).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(secs));
        self.0.verify_client_cert(own, above, now).map_err(|error| refused(&error))?;
        let subject = Subject::of(own).map_err(|error| refused(&error))?;
        let user = User { name: subject.common_name, groups: subject.organizations, ..User::default() };
        Ok((!user.name.is_empty()).then_some(user))
    }
}
