//! Certificates: an authority of the cluster's own, and what it signs.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::Result;
use crate::object::{Body, Kind, Object};
use crate::options::{Encrypted, Options};
use crate::world::{World, now};

/// Signs what the cluster shows.
pub(crate) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
    /// The key of all that it signs: making one for each of thousands of nodes would take long.
    key: KeyPair,
    /// For those who come through the aggregation layer.
    front: Front,
    own: Certificate,
}

struct Front {
    authority: Certificate,
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    /// A new one.
    pub(crate) fn new() -> Result<Self> {
        let (certificate, issuer) = authority("plimsoll-testcluster-ca")?;
        let (front_authority, front_issuer) = authority("plimsoll-testcluster-front-proxy-ca")?;
        let front_key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "front-proxy-client");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let front = params.signed_by(&front_key, &front_issuer)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["plimsoll-testcluster".to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, "plimsoll-testcluster");
        let own = params.self_signed(&key)?;
        let front = Front { authority: front_authority, certificate: front, key: front_key };
        Ok(Self { certificate, issuer, key, front, own })
    }

    /// What a server at this address shows; `None` where it speaks plain HTTP.
    pub(crate) fn server(&self, options: &Options, at: Ipv4Addr, name: &str) -> Result<Option<TlsAcceptor>> {
        let certificate = match options.tls {
            Encrypted::None => return Ok(None),
            Encrypted::SelfSigned => self.own.der().clone(),
            Encrypted::Signed => {
                let mut params = CertificateParams::new(vec![name.to_owned()])?;
                params.subject_alt_names.push(SanType::IpAddress(at.into()));
                params.distinguished_name.push(DnType::CommonName, format!("system:node:{name}"));
                params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
                params.signed_by(&self.key, &self.issuer)?.der().clone()
            }
        };
        self.acceptor(certificate).map(Some)
    }

    fn acceptor(&self, certificate: CertificateDer<'static>) -> Result<TlsAcceptor> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key.into())?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Puts the ConfigMap that extension servers read into the cluster.
    pub(crate) fn tell(&self, world: &World) -> Result<()> {
        let data = vec![
            ("client-ca-file", self.certificate.pem()),
            ("requestheader-allowed-names", "[\"front-proxy-client\"]".to_owned()),
            ("requestheader-client-ca-file", self.front.authority.pem()),
            ("requestheader-extra-headers-prefix", "[\"X-Remote-Extra-\"]".to_owned()),
            ("requestheader-group-headers", "[\"X-Remote-Group\"]".to_owned()),
            ("requestheader-username-headers", "[\"X-Remote-User\"]".to_owned()),
        ];
        let name = "extension-apiserver-authentication";
        world.put(
            &mut world.write(),
            Object {
                kind: Kind::ConfigMap,
                namespace: "kube-system".into(),
                name: name.into(),
                uid: crate::seed::uid(crate::seed::number(name)),
                version: 0,
                created: now(),
                labels: Vec::new(),
                owner: None,
                body: Body::ConfigMap(data),
            },
        );
        Ok(())
    }

    /// Writes what clients need: kubeconfig, certificates, the token.
    pub(crate) fn write(&self, options: &Options, api: &str) -> Result<PathBuf> {
        let file = |name: &str, text: &str| {
            let path = options.dir.join(name);
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok::<_, crate::Error>(fs::canonicalize(path)?)
        };
        let ca = file("ca.crt", &self.certificate.pem())?;
        file("front-proxy-client.crt", &self.front.certificate.pem())?;
        file("front-proxy-client.key", &self.front.key.serialize_pem())?;
        let trust = match options.tls {
            Encrypted::None => String::new(),
            Encrypted::SelfSigned => "\n    insecure-skip-tls-verify: true".to_owned(),
            Encrypted::Signed => format!("\n    certificate-authority: {}", ca.display()),
        };
        let user = match &options.access.token {
            None => "{}".to_owned(),
            Some(token) => {
                let path = file("token", token)?;
                format!("\n    token: {token}\n    tokenFile: {}", path.display())
            }
        };
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: test\n  cluster:\n    \
             server: {api}{trust}\nusers:\n- name: test\n  user: {user}\ncontexts:\n- name: test\n  context:\n    \
             cluster: test\n    user: test\n"
        );
        file("kubeconfig", &text)
    }
}

fn authority(name: &str) -> Result<(Certificate, Issuer<'static, KeyPair>)> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Issuer::new(params, key)))
}
