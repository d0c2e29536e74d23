//! Certificates of clients: asked for in the handshake, judged by the request.
//!
//! The handshake proves that the peer has the key of the certificate that it shows, nothing more: which CAs count is
//! known, and may change, behind it. A certificate that no CA of ours signed counts as a wrong proof there.

use std::sync::Arc;

use plimsoll_core::time::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;

use super::user::User;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// The certificates that the peer showed in the handshake, its own first; an extension of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificates(pub Arc<[CertificateDer<'static>]>);

/// A CA that cannot be used, or a certificate that it does not vouch for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
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
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs));
        self.0.verify_client_cert(own, above, now).map_err(|error| refused(&error))?;
        let certificate = Certificate::from_der(own).map_err(|error| refused(&error))?;
        let subject = certificate.tbs_certificate().subject();
        let mut user = User::default();
        for attribute in subject.iter_rdn().flat_map(|rdn| rdn.iter()) {
            let Ok(text) = std::str::from_utf8(attribute.value.value()) else { continue };
            match attribute.oid {
                // of several the last counts, as in Go
                COMMON_NAME => text.clone_into(&mut user.name),
                ORGANIZATION => user.groups.push(text.to_owned()),
                _ => {}
            }
        }
        Ok((!user.name.is_empty()).then_some(user))
    }
}

/// What the handshake of a server asks that shall know its peers: any certificate, or none.
pub fn any_certificate() -> Arc<dyn ClientCertVerifier> {
    Arc::new(Any(ring::default_provider().signature_verification_algorithms))
}

#[derive(Debug)]
struct Any(WebPkiSupportedAlgorithms);

impl ClientCertVerifier for Any {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // no hint: a client with one certificate shows it
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
