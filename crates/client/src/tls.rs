//! Whom to believe, and who we say we are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, crypto};

/// TLS to peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Who may sign the peers' certificates, PEM; the machine's own list where absent.
    pub ca: Option<Pem>,
    /// Our certificate with its chain, and its key.
    pub identity: Option<(Pem, Pem)>,
    /// Believe everybody.
    pub insecure: bool,
}

/// Certificates or a key: a file, or its content.
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// Where it is.
    File(PathBuf),
    /// What stands in it.
    Content(Vec<u8>),
}

/// Keys stay out of logs.
impl std::fmt::Debug for Pem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Content(_) => f.write_str("(given)"),
        }
    }
}

/// A certificate or a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Missing, or something else is in it.
    #[error("{from:?}: expected {what} as PEM: {cause}")]
    Pem {
        /// Where it is.
        from: Pem,
        /// What should be there.
        what: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// They do not belong together, or are of a kind that is not known.
    #[error("the certificate and the key cannot be used: {0}")]
    Pair(String),
    /// No certificate can be for such a name.
    #[error("{0:?}: expected the name of a server, as it stands in certificates")]
    Name(String),
}

impl Pem {
    fn bytes(&self, what: &'static str) -> Result<Vec<u8>, TlsError> {
        match self {
            Self::Content(bytes) => Ok(bytes.clone()),
            Self::File(path) => read(path).map_err(|cause| self.wrong(what, cause)),
        }
    }

    fn wrong(&self, what: &'static str, cause: impl std::fmt::Display) -> TlsError {
        TlsError::Pem { from: self.clone(), what, cause: cause.to_string() }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        const WHAT: &str = "certificates";
        let bytes = self.bytes(WHAT)?;
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let all = all.map_err(|cause| self.wrong(WHAT, cause))?;
        if all.is_empty() { Err(self.wrong(WHAT, "there is none")) } else { Ok(all) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        const WHAT: &str = "a private key";
        PrivateKeyDer::from_pem_slice(&self.bytes(WHAT)?).map_err(|cause| self.wrong(WHAT, cause))
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

impl Tls {
    /// Believes everybody, and shows nothing.
    pub fn unchecked() -> Self {
        Self { insecure: true, ..Self::default() }
    }

    /// What rustls makes of it.
    ///
    /// # Errors
    /// A file is missing or has something else in it.
    pub fn config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(crypto::ring::default_provider());
        let schemes = provider.signature_verification_algorithms.supported_schemes();
        let pair = |error: rustls::Error| TlsError::Pair(error.to_string());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let builder = if self.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody { schemes }))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        match &self.identity {
            Some((cert, key)) => {
                builder.with_client_auth_cert(cert.certificates()?, key.key()?).map_err(pair)
            }
            None => Ok(builder.with_no_client_auth()),
        }
    }

    fn roots(&self) -> Result<RootCertStore, TlsError> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(ca) => {
                for certificate in ca.certificates()? {
                    roots.add(certificate).map_err(|cause| ca.wrong("certificates", cause))?;
                }
            }
            // a machine without a list believes nobody: said when somebody is asked
            None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        }
        Ok(roots)
    }
}

/// Takes every certificate, also one that is not even well made: whoever answers may have made it.
#[derive(Debug)]
struct Anybody {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let tls = Tls { ca: Some(Pem::File(path.clone())), ..Tls::default() };
        let error = tls.config().unwrap_err().to_string();
        assert!(error.contains("ca.pem: expected certificates as PEM: No such file"), "{error}");
        std::fs::write(&path, "nothing").unwrap();
        assert!(tls.config().unwrap_err().to_string().ends_with("there is none"));
        assert_eq!(format!("{:?}", Pem::Content(b"key".to_vec())), "(given)");
        assert!(Tls { insecure: true, ..tls }.config().is_ok());
    }
}
