//! TLS for what listens: certificate and key from PEM files, read again when they change.
//!
//! Reads: the certificate chain, the key, and the client CA where one is asked for.
//! Cost:  two or three stats a connection, at most once a second.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;

use crate::file_version::FileVersion;

/// How long files are trusted not to have changed.
const FRESH: Duration = Duration::from_secs(1);

/// Certificate and key, reloaded when their files change. A change that cannot be used is told once and
/// leaves what was good before.
#[derive(Clone)]
pub struct Tls(Arc<Shared>);

struct Shared {
    files: Files,
    state: Mutex<State>,
}

struct State {
    config: Arc<ServerConfig>,
    versions: Versions,
    looked: Instant,
}

struct Files {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
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
        let files = Files { cert, key, client_ca };
        // before the reading: a change in between is then seen the next time
        let versions = files.versions();
        let config = files.config()?;
        let state = State { config, versions, looked: Instant::now() };
        Ok(Self(Arc::new(Shared { files, state: Mutex::new(state) })))
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
        f.debug_tuple("Tls").field(&self.0.files.cert).finish()
    }
}

impl Shared {
    fn renew(&self, state: &mut State) {
        let versions = self.files.versions();
        if versions == state.versions {
            return;
        }
        // remembered even if they are broken, so that this is told once
        state.versions = versions;
        match self.files.config() {
            Ok(config) => {
                state.config = config;
                tracing::info!("{}: new certificate in use", self.files.cert.display());
            }
            Err(error) => tracing::error!("{error}; the certificate that was loaded before stays in use"),
        }
    }
}

impl Files {
    fn versions(&self) -> Versions {
        let all = [Some(&self.cert), Some(&self.key), self.client_ca.as_ref()];
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
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(file)? {
                    roots.add(root).map_err(|error| wrong(file, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(file, error))?)
            }
        };
        let mut config = builder
            .with_single_cert(chain, key)
            .map_err(|error| wrong(&self.key, format!("does not fit {}: {error}", self.cert.display())))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
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

fn wrong(file: &Path, reason: impl fmt::Display) -> TlsError {
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
