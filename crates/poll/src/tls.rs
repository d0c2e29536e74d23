//! TLS to applications: the certificate of the flags is shown, and theirs is not checked, as cAdvisor does. A
//! container's server has no name that anybody could have signed.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

pub use plimsoll_client::TlsError;
use plimsoll_client::{Pem, Tls as Wanted};
use tokio_rustls::TlsConnector;

/// Certificate and key that applications are shown: `-collector_cert` and `-collector_key`, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate with its chain.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
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

fn client(identity: Option<&Identity>) -> Result<TlsConnector, TlsError> {
    let file = |path: &PathBuf| Pem::File(path.clone());
    let identity = identity.map(|Identity { cert, key }| (file(cert), file(key)));
    Ok(TlsConnector::from(Arc::new(Wanted { identity, ..Wanted::unchecked() }.config()?)))
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
                error.to_string().starts_with(&format!("{}: expected certificates", cert.display())),
                "{error}"
            );
        }
        assert!(Tls::new(None).is_ok_and(|tls| tls.connector().is_ok()));
    }
}
