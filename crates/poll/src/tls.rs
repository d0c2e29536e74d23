//! TLS to applications: the certificate of the flags is shown, and theirs is not checked, as cAdvisor does. A
//! container's server has no name that anybody could have signed.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, ClientConfig, ConfigBuilder, DigitallySignedStruct, SignatureScheme, crypto,
};

/// Certificate and key that applications are shown: `-collector_cert` and `-collector_key`, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate with its chain.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// The certificate or its key is none.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or has something else in it.
    #[error("{path}: expected {what} as PEM: {cause}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// They do not belong together, or are of a kind that is not known.
    #[error("the certificate and the key cannot be used: {0}")]
    Pair(String),
}

/// The client's side, made when the first application is asked with it, unless there is a certificate to be checked.
pub(crate) struct Tls {
    connector: OnceLock<TlsConnector>,
}

impl Tls {
    /// # Errors
    /// The certificate or the key is none.
    pub(crate) fn new(identity: Option<&Identity>) -> Result<Self, TlsError> {
        let connector = OnceLock::new();
        if let Some(identity) = identity {
            // the cell is empty
            let _ = connector.set(client(Some(identity))?);
        }
        Ok(Self { connector })
    }

    /// # Errors
    /// The library has no protocol to speak.
    pub(crate) fn connector(&self) -> Result<TlsConnector, TlsError> {
        if let Some(made) = self.connector.get() {
            return Ok(made.clone());
        }
        let made = client(None)?;
        Ok(self.connector.get_or_init(|| made).clone())
    }
}

/// The beginning of a client that does not check whom it speaks to.
///
/// # Errors
/// The library has no protocol to speak.
pub fn unchecked() -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
    let provider = Arc::new(crypto::ring::default_provider());
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.dangerous().with_custom_certificate_verifier(Arc::new(Anybody { schemes })))
}

fn client(identity: Option<&Identity>) -> Result<TlsConnector, TlsError> {
    let pair = |cause: rustls::Error| TlsError::Pair(cause.to_string());
    let config = unchecked().map_err(pair)?;
    let config = match identity {
        None => config.with_no_client_auth(),
        Some(Identity { cert, key }) => {
            let wrong =
                |path: &PathBuf, what, cause: String| TlsError::Pem { path: path.clone(), what, cause };
            let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let chain = chain.map_err(|cause| wrong(cert, "a certificate", cause.to_string()))?;
            if chain.is_empty() {
                return Err(wrong(cert, "a certificate", "there is none".to_owned()));
            }
            let secret = PrivateKeyDer::from_pem_file(key)
                .map_err(|cause| wrong(key, "a private key", cause.to_string()))?;
            config.with_client_auth_cert(chain, secret).map_err(pair)?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Takes every certificate.
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
    fn a_file_that_is_no_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "").unwrap();
        for cert in [folder.path().join("nothing"), empty] {
            let identity = Identity { cert: cert.clone(), key: folder.path().join("key") };
            let Err(error) = Tls::new(Some(&identity)) else { panic!("taken") };
            assert!(
                error.to_string().starts_with(&format!("{}: expected a cert", cert.display())),
                "{error}"
            );
        }
        assert!(Tls::new(None).is_ok_and(|tls| tls.connector().is_ok()));
    }
}
