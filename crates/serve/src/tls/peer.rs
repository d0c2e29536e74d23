//! Whose certificate a client showed, and whether a CA of ours stands behind it.
//!
//! Reads: a CA's certificates from a PEM file, again when it changes.
//! Cost:  one stat and one verification a request (about a tenth of a millisecond).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_cert::der::asn1::{Any, Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Tag, Tagged};

use super::{TlsError, certificates, wrong};
use crate::file_version::FileVersion;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// Who a certificate is about, as Kubernetes reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// CN: the user. The last one, if there are several; empty if there is none.
    pub common_name: String,
    /// O: the groups.
    pub organizations: Vec<String>,
}

impl Subject {
    /// Reads the subject of a certificate.
    ///
    /// # Errors
    /// A sentence, if the bytes are no certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let certificate = x509_cert::Certificate::from_der(certificate)
            .map_err(|error| format!("the client's certificate cannot be read: {error}"))?;
        let mut subject = Self::default();
        for attribute in certificate.tbs_certificate().subject().iter() {
            let Some(value) = text(&attribute.value) else { continue };
            match attribute.oid {
                COMMON_NAME => subject.common_name = value,
                ORGANIZATION => subject.organizations.push(value),
                _ => {}
            }
        }
        Ok(subject)
    }
}

/// The text of a name's part, whatever sort of string it is in.
fn text(value: &Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String => value.decode_as::<Utf8StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::PrintableString => {
            value.decode_as::<PrintableStringRef<'_>>().ok().map(|text| text.as_str().to_owned())
        }
        Tag::Ia5String => value.decode_as::<Ia5StringRef<'_>>().ok().map(|text| text.as_str().to_owned()),
        Tag::TeletexString => {
            value.decode_as::<TeletexStringRef<'_>>().ok().map(|text| text.as_str().to_owned())
        }
        _ => None,
    }
}

/// A CA that signs clients' certificates. A change of its file that cannot be used is told once and leaves what was
/// good before.
#[derive(Debug)]
pub struct ClientCa {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    verifier: Arc<dyn ClientCertVerifier>,
    version: Option<FileVersion>,
}

impl ClientCa {
    /// Loads the CA's certificates.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn load(file: PathBuf) -> Result<Self, TlsError> {
        // before the reading: a change in between is then seen the next time
        let version = FileVersion::of(&file).ok();
        let verifier = verifier(&file)?;
        Ok(Self { file, state: Mutex::new(State { verifier, version }) })
    }

    /// Whether this CA stands behind the first of these certificates, for a client, now.
    ///
    /// # Errors
    /// Why it does not.
    pub fn verify(&self, chain: &[CertificateDer<'_>]) -> Result<(), String> {
        let Some((first, others)) = chain.split_first() else {
            return Err("the client showed no certificate".to_owned());
        };
        let checked = self.verifier().verify_client_cert(first, others, UnixTime::now());
        checked.map(|_| ()).map_err(|error| format!("the client's certificate is not accepted: {error}"))
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let version = FileVersion::of(&self.file).ok();
        if version != state.version {
            // remembered even if the file is broken, so that this is told once
            state.version = version;
            match verifier(&self.file) {
                Ok(verifier) => state.verifier = verifier,
                Err(error) => tracing::error!("{error}; the client CA that was loaded before stays in use"),
            }
        }
        Arc::clone(&state.verifier)
    }
}

fn verifier(file: &std::path::Path) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for root in certificates(file)? {
        roots.add(root).map_err(|error| wrong(file, error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| wrong(file, error))
}

#[cfg(test)]
pub(crate) mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
        Issuer, KeyPair,
    };

    use super::*;

    /// A CA for tests.
    pub(crate) struct Authority {
        pub(crate) pem: String,
        issuer: Issuer<'static, KeyPair>,
    }

    impl Authority {
        pub(crate) fn new() -> Self {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, "a test's CA");
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            Self { pem: certificate.pem(), issuer: Issuer::new(params, key) }
        }

        /// A certificate with this subject, and its key, both as PEM.
        pub(crate) fn sign(
            &self,
            user: &str,
            groups: &[&str],
            purpose: ExtendedKeyUsagePurpose,
        ) -> (String, String) {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.distinguished_name = DistinguishedName::new();
            if !user.is_empty() {
                params.distinguished_name.push(DnType::CommonName, user);
            }
            for group in groups {
                params.distinguished_name.push(DnType::OrganizationName, *group);
            }
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().unwrap();
            (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
        }
    }

    fn der(pem: &str) -> CertificateDer<'static> {
        use rustls::pki_types::pem::PemObject;
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    #[test]
    fn a_subject_has_a_user_and_groups() {
        let ca = Authority::new();
        let client = ExtendedKeyUsagePurpose::ClientAuth;
        let (cert, _) = ca.sign("jürgen", &["system:masters"], client.clone());
        let wanted = Subject { common_name: "jürgen".into(), organizations: vec!["system:masters".into()] };
        assert_eq!(Subject::of(&der(&cert)), Ok(wanted));
        assert_eq!(Subject::of(&der(&ca.sign("", &[], client).0)), Ok(Subject::default()));
        let broken = Subject::of(&CertificateDer::from(vec![1, 2, 3])).unwrap_err();
        assert!(broken.starts_with("the client's certificate cannot be read: "), "{broken}");
    }

    #[test]
    fn a_ca_stands_behind_its_own_and_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let (one, two) = (Authority::new(), Authority::new());
        std::fs::write(&file, &one.pem).unwrap();
        let ca = ClientCa::load(file.clone()).unwrap();
        let client = ExtendedKeyUsagePurpose::ClientAuth;
        let (of_one, of_two) =
            (der(&one.sign("a", &[], client.clone()).0), der(&two.sign("a", &[], client).0));
        assert_eq!(ca.verify(std::slice::from_ref(&of_one)), Ok(()));
        assert!(ca.verify(std::slice::from_ref(&of_two)).is_err());
        assert!(ca.verify(&[]).is_err());
        // a server's certificate is no client's
        let server = der(&one.sign("a", &[], ExtendedKeyUsagePurpose::ServerAuth).0);
        assert!(ca.verify(&[server]).is_err());
        std::fs::write(&file, format!("{}\n{}", two.pem, "# longer")).unwrap();
        assert_eq!(ca.verify(std::slice::from_ref(&of_two)), Ok(()));
        assert!(ca.verify(std::slice::from_ref(&of_one)).is_err());
        std::fs::write(&file, "broken").unwrap();
        assert_eq!(ca.verify(&[of_two]), Ok(()));
        assert!(ClientCa::load(file).is_err());
    }
}
