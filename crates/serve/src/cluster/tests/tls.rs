//! Who is let in over TLS, with real connections: no certificate, another CA's, another user's, the right one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;

use crate::cluster::app::{ClusterApp, ClusterOptions};
use crate::cluster::fake::ClusterFake;
use crate::cluster::users::Users;
use crate::listen::{Address, Bound, serve};
use crate::tls::Tls;
use crate::tls::peer::ClientCa;
use crate::tls::peer::tests::Authority;

/// A server over the small cluster.
struct Server {
    at: SocketAddr,
    server_ca: String,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
}

/// Certificate and key, both PEM.
type Identity = (String, String);

async fn start(folder: &tempfile::TempDir, client_ca: Option<&Authority>, allowed: &[&str]) -> Server {
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let authority = Authority::new();
    let (cert, key) = authority.sign("server", &[], ServerAuth);
    let tls = Tls::load_asking(write("cert", &cert), write("key", &key)).unwrap();
    let users = client_ca.map(|ca| {
        let ca = ClientCa::load(write("ca", &ca.pem)).unwrap();
        Users::new(ca, allowed.iter().map(|user| (*user).to_owned()).collect())
    });
    let options = ClusterOptions { users, ..ClusterOptions::default() };
    let app = Arc::new(ClusterApp::new(Arc::new(ClusterFake::cluster()), options));
    let bound = Bound::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).await.unwrap();
    let Address::Tcp(at) = *bound.address() else { panic!("not TCP") };
    let (stop, stopped) = oneshot::channel();
    let handler = move |request| {
        let app = Arc::clone(&app);
        async move { app.answer(request).await }
    };
    let done = tokio::spawn(serve(bound, Some(tls), handler, async {
        let _ = stopped.await;
    }));
    Server { at, server_ca: authority.pem, stop, done }
}

impl Server {
    /// The status of the answer and its body.
    async fn get(&self, path: &str, identity: Option<&Identity>) -> (u16, String) {
        self.get_over(&TLS13, path, identity).await
    }

    async fn get_over(
        &self,
        version: &'static SupportedProtocolVersion,
        path: &str,
        identity: Option<&Identity>,
    ) -> (u16, String) {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.server_ca.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
                builder
                    .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
                    .unwrap()
            }
        };
        let stream = TcpStream::connect(self.at).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all).await;
        let text = String::from_utf8(all).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    async fn end(self) {
        let _ = self.stop.send(());
        self.done.await.unwrap();
    }
}

const PATH: &str = "/api/v1/model/nodes";

#[tokio::test]
async fn with_a_ca_and_users_only_they_are_let_in() {
    let (folder, ours, other) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let server = start(&folder, Some(&ours), &["alice", "bob"]).await;
    for (path, guarded) in [
        (PATH, true),
        ("/metrics", true),
        ("/apis/metrics/v1alpha1/nodes", true),
        ("/debug/pprof/", true),
        ("/nowhere", true),
        ("/healthz", false),
        ("/healthz/healthz", false),
    ] {
        let (status, body) = server.get(path, None).await;
        let wanted = if guarded { (401, "Unauthorized\n") } else { (200, "ok") };
        assert_eq!((status, body.as_str()), wanted, "{path}");
    }
    for user in ["alice", "bob"] {
        let identity = ours.sign(user, &["g"], ClientAuth);
        for version in [&TLS12, &TLS13] {
            assert_eq!(server.get_over(version, PATH, Some(&identity)).await.0, 200, "{user} {version:?}");
            assert_eq!(server.get_over(version, PATH, None).await.0, 401, "{version:?}");
        }
    }
    for user in ["mallory", "", "Alice", "alice,bob"] {
        let (status, body) = server.get(PATH, Some(&ours.sign(user, &["alice"], ClientAuth))).await;
        assert_eq!((status, body.as_str()), (403, "Forbidden\n"), "{user}");
    }
    // another CA's, and a server's own
    for identity in [other.sign("alice", &[], ClientAuth), ours.sign("alice", &[], ServerAuth)] {
        let (status, body) = server.get(PATH, Some(&identity)).await;
        assert_eq!(status, 500);
        assert!(body.starts_with("the client's certificate is not accepted: "), "{body}");
        assert_eq!(server.get("/healthz", Some(&identity)).await.0, 200);
    }
    server.end().await;
}

#[tokio::test]
async fn with_a_ca_alone_any_of_its_clients_is_let_in() {
    let (folder, ours, other) = (tempfile::tempdir().unwrap(), Authority::new(), Authority::new());
    let server = start(&folder, Some(&ours), &[]).await;
    assert_eq!(server.get(PATH, None).await.0, 401);
    assert_eq!(server.get(PATH, Some(&ours.sign("anyone", &[], ClientAuth))).await.0, 200);
    assert_eq!(server.get(PATH, Some(&other.sign("anyone", &[], ClientAuth))).await.0, 500);
    server.end().await;
}

#[tokio::test]
async fn without_a_ca_anyone_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(&folder, None, &[]).await;
    assert_eq!(server.get(PATH, None).await.0, 200);
    assert_eq!(server.get(PATH, Some(&Authority::new().sign("x", &[], ClientAuth))).await.0, 200);
    server.end().await;
}
