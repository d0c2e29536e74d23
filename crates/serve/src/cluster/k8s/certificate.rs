//! A serving certificate of our own making, for when none is given.

use rcgen::{CertificateParams, CertifiedKey, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[error("no certificate for {names:?}: {cause}")]
pub struct CertificateError {
    names: Vec<String>,
    #[source]
    cause: rcgen::Error,
}

/// A certificate that vouches for itself, for these host names and addresses beside `localhost` and `127.0.0.1`, and
/// its key. It is kept nowhere: each start has another, which is why the API server must be told to trust any
/// (`insecureSkipTLSVerify` of the APIService).
///
/// # Errors
/// A name is none that a certificate can carry.
pub fn self_signed(
    names: &[String],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CertificateError> {
    let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    all.extend(names.iter().filter(|name| !["localhost", "127.0.0.1"].contains(&name.as_str())).cloned());
    let CertifiedKey { cert, signing_key } =
        made(all.clone()).map_err(|cause| CertificateError { names: all, cause })?;
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    Ok((vec![cert.der().clone()], PrivateKeyDer::Pkcs8(key)))
}

fn made(names: Vec<String>) -> Result<CertifiedKey<KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "plimsoll");
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let signing_key = KeyPair::generate()?;
    let cert = params.self_signed(&signing_key)?;
    Ok(CertifiedKey { cert, signing_key })
}

#[cfg(test)]
mod tests {
    use x509_cert::der::{Decode, Encode};

    use super::*;

    #[test]
    fn it_names_its_hosts_and_each_is_another() {
        let names =
            ["metrics-server.kube-system.svc".to_owned(), "10.0.0.1".to_owned(), "localhost".to_owned()];
        let (chain, key) = self_signed(&names).unwrap();
        let certificate = x509_cert::Certificate::from_der(&chain[0]).unwrap();
        let text = certificate.tbs_certificate().to_der().unwrap();
        let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
        assert!(has(b"metrics-server.kube-system.svc") && has(b"localhost") && has(&[10, 0, 0, 1]));
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key);
        assert!(server.is_ok(), "the key fits");
        assert_ne!(self_signed(&[]).unwrap().0, chain);
    }

    #[test]
    fn a_name_that_is_none_is_told() {
        let error = self_signed(&["é".to_owned()]).unwrap_err().to_string();
        assert!(error.starts_with("no certificate for [\"localhost\", \"127.0.0.1\", \"é\"]: "), "{error}");
    }
}
