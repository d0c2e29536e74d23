//! Where a daemon listens.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

/// Files for TLS, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The client's certificate chain.
    pub cert: PathBuf,
    /// The client's private key.
    pub key: PathBuf,
    /// Authorities that may have signed the daemon's certificate.
    pub ca: PathBuf,
}

/// Where a daemon listens.
#[derive(Clone)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// TCP, with TLS or without.
    Tcp {
        /// `host:port`.
        address: String,
        /// The name in the certificate, and who may have signed it.
        tls: Option<(TlsConnector, ServerName<'static>)>,
    },
}

/// An endpoint that cannot be one.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The text is no endpoint.
    #[error("expected an endpoint such as unix:///var/run/docker.sock or tcp://host:2376, got {0:?}")]
    Form(String),
    /// TLS was asked for without files.
    #[error("{0}: TLS needs docker-tls-cert, docker-tls-key and docker-tls-ca")]
    NoTls(String),
    /// A file for TLS is missing or is not PEM.
    #[error("{path}: expected {what} as PEM: {cause}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// The files do not make a TLS client.
    #[error("{endpoint}: TLS: {cause}")]
    Tls {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        cause: String,
    },
}

impl Endpoint {
    /// From the text and the files for TLS.
    ///
    /// # Errors
    /// It is no endpoint, or a file is missing or wrong.
    pub fn parse(text: &str, tls: Option<&Tls>) -> Result<Self, EndpointError> {
        let form = || EndpointError::Form(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(form)?;
        if scheme == "unix" {
            return if rest.starts_with('/') { Ok(Self::Unix(PathBuf::from(rest))) } else { Err(form()) };
        }
        let secure = match scheme {
            "tcp" | "http" => tls.is_some(),
            "https" => true,
            _ => return Err(form()),
        };
        let authority = rest.trim_end_matches('/');
        let parsed: http::uri::Authority = authority.parse().map_err(|_| form())?;
        let port = parsed.port_u16().unwrap_or(if secure { 2376 } else { 2375 });
        let host = parsed.host();
        if host.is_empty() {
            return Err(form());
        }
        let address = format!("{host}:{port}");
        if !secure {
            return Ok(Self::Tcp { address, tls: None });
        }
        let files = tls.ok_or_else(|| EndpointError::NoTls(text.to_owned()))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|_| form())?;
        Ok(Self::Tcp { address, tls: Some((connector(text, files)?, name)) })
    }
}

fn connector(endpoint: &str, files: &Tls) -> Result<TlsConnector, EndpointError> {
    let wrong = |cause: &dyn std::fmt::Display| EndpointError::Tls {
        endpoint: endpoint.to_owned(),
        cause: cause.to_string(),
    };
    let mut roots = RootCertStore::empty();
    for authority in certificates(&files.ca, "certificates of authorities")? {
        roots.add(authority).map_err(|cause| wrong(&cause))?;
    }
    let chain = certificates(&files.cert, "a certificate")?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|cause| EndpointError::Pem {
        path: files.key.clone(),
        what: "a private key",
        cause: cause.to_string(),
    })?;
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|cause| wrong(&cause))?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|cause| wrong(&cause))?;
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(
    path: &std::path::Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, EndpointError> {
    let wrong = |cause: String| EndpointError::Pem { path: path.to_owned(), what, cause };
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|cause| wrong(cause.to_string()))?.collect();
    let all = all.map_err(|cause| wrong(cause.to_string()))?;
    if all.is_empty() { Err(wrong("there is none".to_owned())) } else { Ok(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_that_are_taken() {
        let unix = |text: &str| matches!(Endpoint::parse(text, None), Ok(Endpoint::Unix(_)));
        assert!(unix("unix:///var/run/docker.sock"));
        let tcp = |text: &str, address: &str| match Endpoint::parse(text, None) {
            Ok(Endpoint::Tcp { address: got, tls: None }) => assert_eq!(got, address, "{text}"),
            _ => panic!("{text}"),
        };
        tcp("tcp://host", "host:2375");
        tcp("tcp://10.0.0.1:99", "10.0.0.1:99");
        tcp("http://[::1]:99/", "[::1]:99");
    }

    #[test]
    fn endpoints_that_are_refused_say_what_would_be_right() {
        for text in
            ["", "/var/run/docker.sock", "unix://docker.sock", "npipe:////x", "tcp://", "https://host"]
        {
            let Err(error) = Endpoint::parse(text, None) else { panic!("{text}") };
            let said = error.to_string();
            assert!(said.contains("expected an endpoint") || said.contains("docker-tls-ca"), "{said}");
        }
    }

    #[test]
    fn a_missing_file_for_tls_is_named() {
        let gone = |name: &str| PathBuf::from("/nowhere").join(name);
        let tls = Tls { cert: gone("cert.pem"), key: gone("key.pem"), ca: gone("ca.pem") };
        let Err(error) = Endpoint::parse("tcp://host:1", Some(&tls)) else { panic!("taken") };
        assert!(error.to_string().starts_with("/nowhere/ca.pem: expected"), "{error}");
    }
}
