//! TLS for what listens: certificate and key from PEM files, read again when they change.
//!
//! Reads: the certificate chain, the key, and the client CA where one is asked for. Clients may also be asked for a
//!        certificate that is judged later, request by request: [`peer`].
//! Cost:  two or three stats a connection, at most once a second.

pub mod peer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tokio_rustls::TlsAcceptor;

use crate::file_version::FileVersion;

/// How long files are trusted not to have changed.
const FRESH: Duration = Duration::from_secs(1);

/// Certificate and key, reloaded when their files change. A change that cannot be used is told once and
/// leaves what was good before.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    /// Absent where the certificate never changes.
    files: Option<Files>,
    state: Mutex<State>,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Debug)]
enum Clients {
    /// They are not.
    NotAsked,
    /// Without one that this CA signed there is no connection.
    Required(PathBuf),
    /// They may show any, or none: who answers their requests judges it.
    Asked,
}

struct State {
    config: Arc<ServerConfig>,
    versions: Versions,
    looked: Instant,
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
    clients: Clients,
}

/// Of each file that is there.
type Versions = Vec<Option<FileVersion>>;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", file.display())]
pub struct TlsError {
    file: PathBuf,
    reason: String,
}

impl Tls {
    /// Loads certificate chain and key from PEM files; with `client_ca`, clients must show a certificate
    /// that it signed.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn load(cert: PathBuf, key: PathBuf, client_ca: Option<PathBuf>) -> Result<Self, TlsError> {
        Self::from_files(Files { cert, key, clients: client_ca.map_or(Clients::NotAsked, Clients::Required) })
    }

    /// The same, but clients are asked for a certificate and need not have one. It is not verified here: requests carry
    /// it as [`PeerCertificates`](crate::listen::PeerCertificates).
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn load_asking(cert: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        Self::from_files(Files { cert, key, clients: Clients::Asked })
    }

    /// A certificate that is in no file, as [`load_asking`](Self::load_asking) otherwise.
    ///
    /// # Errors
    /// The key does not fit the certificate.
    pub fn asking_with(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(AnyClient(provider)));
        let config = with_http1(builder.with_single_cert(chain, key)?);
        let state = State { config, versions: Versions::new(), looked: Instant::now() };
        Ok(Self(Arc::new(Shared { files: None, state: Mutex::new(state) })))
    }

    fn from_files(files: Files) -> Result<Self, TlsError> {
        // before the reading: a change in between is then seen the next time
        let versions = files.versions();
        let config = files.config()?;
        let state = State { config, versions, looked: Instant::now() };
        Ok(Self(Arc::new(Shared { files: Some(files), state: Mutex::new(state) })))
    }

    /// What takes the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= FRESH {
            state.looked = Instant::now();
            self.0.renew(&mut state);
        }
        TlsAcceptor::from(Arc::clone(&state.config))
    }

    /// Looks at the files now; whether what they hold is used from here on.
    #[cfg(test)]
    fn look(&self) -> bool {
        let mut state = self.0.state.lock().unwrap();
        let before = Arc::clone(&state.config);
        self.0.renew(&mut state);
        !Arc::ptr_eq(&before, &state.config)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files.as_ref().map(|files| &files.cert)).finish()
    }
}

impl Shared {
    fn renew(&self, state: &mut State) {
        let Some(files) = &self.files else { return };
        let versions = files.versions();
        if versions == state.versions {
            return;
        }
        // remembered even if they are broken, so that this is told once
        state.versions = versions;
        match files.config() {
            Ok(config) => {
                state.config = config;
                tracing::info!("{}: new certificate in use", files.cert.display());
            }
            Err(error) => tracing::error!("{error}; the certificate that was loaded before stays in use"),
        }
    }
}

impl Files {
    fn versions(&self) -> Versions {
        let client_ca = match &self.clients {
            Clients::Required(file) => Some(file),
            Clients::NotAsked | Clients::Asked => None,
        };
        let all = [Some(&self.cert), Some(&self.key), client_ca];
        all.into_iter().flatten().map(|file| FileVersion::of(file).ok()).collect()
    }

    fn config(&self) -> Result<Arc<ServerConfig>, TlsError> {
        let chain = certificates(&self.cert)?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| unusable(&self.key, &error, "a private key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&self.cert, error))?;
        let builder = match &self.clients {
            Clients::NotAsked => builder.with_no_client_auth(),
            Clients::Asked => builder.with_client_cert_verifier(Arc::new(AnyClient(provider))),
            Clients::Required(file) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(file)? {
                    roots.add(root).map_err(|error| wrong(file, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(file, error))?)
            }
        };
        let config = builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong(&self.key, format!("does not fit {}: {error}", self.cert.display())))?;
        Ok(with_http1(config))
    }
}

fn with_http1(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Takes any certificate of a client whose key the client has: whose it is, is judged for each request.
#[derive(Debug)]
struct AnyClient(Arc<CryptoProvider>);

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let what = "a certificate";
    let chain: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(file, &error, what))?;
    if chain.is_empty() {
        return Err(unusable(file, &pem::Error::NoItemsFound, what));
    }
    Ok(chain)
}

fn unusable(file: &Path, error: &pem::Error, what: &str) -> TlsError {
    match error {
        pem::Error::Io(cause) => wrong(file, cause),
        pem::Error::NoItemsFound => wrong(file, format!("expected {what} in PEM form, found none")),
        other => wrong(file, format!("expected {what} in PEM form: {other}")),
    }
}

pub(crate) fn wrong(file: &Path, reason: impl fmt::Display) -> TlsError {
    TlsError { file: file.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "openssl makes the certificates")]

    use std::fs;
    use std::process::Command;

    use super::*;

    /// A certificate of its own, or nothing where there is no openssl.
    fn certificate(folder: &Path, name: &str) -> Option<(PathBuf, PathBuf)> {
        let (cert, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-subj", "/CN=localhost", "-days", "1", "-out"])
            .arg(&cert)
            .arg("-keyout")
            .arg(&key)
            .output();
        match made {
            Ok(done) if done.status.success() => Some((cert, key)),
            _ => {
                println!("skipped: no openssl here");
                None
            }
        }
    }

    #[test]
    fn a_new_certificate_is_used_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let Some((cert, key)) = certificate(folder.path(), "a") else { return };
        let Some((other_cert, other_key)) = certificate(folder.path(), "b") else { return };
        let tls = Tls::load(cert.clone(), key.clone(), Some(other_cert.clone())).unwrap();
        assert!(!tls.look(), "nothing changed");
        fs::write(&cert, "no certificate").unwrap();
        assert!(!tls.look(), "broken");
        fs::copy(&other_cert, &cert).unwrap();
        assert!(!tls.look(), "the key does not fit");
        fs::copy(&other_key, &key).unwrap();
        assert!(tls.look(), "both are new");
    }

    #[test]
    fn an_error_names_the_file_and_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let Some((cert, key)) = certificate(folder.path(), "a") else { return };
        let Some((other, _)) = certificate(folder.path(), "b") else { return };
        let missing = folder.path().join("missing");
        let f = |cert: &Path, key: &Path, ca: Option<&Path>, file: &Path, reason: &str| {
            let error = Tls::load(cert.into(), key.into(), ca.map(Into::into)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: ", file.display())), "{error}");
            assert!(error.contains(reason), "{error}");
        };
        f(&missing, &key, None, &missing, "No such file");
        f(&cert, &missing, None, &missing, "No such file");
        f(&key, &key, None, &key, "expected a certificate in PEM form, found none");
        f(&cert, &cert, None, &cert, "expected a private key in PEM form, found none");
        f(&other, &key, None, &key, "does not fit");
        f(&cert, &key, Some(&key), &key, "expected a certificate");
    }
}
