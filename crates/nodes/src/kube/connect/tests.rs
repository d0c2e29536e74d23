//! What users may say, and what the API server is shown then.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::cluster::objects::Objects;
use tempfile::TempDir;

use super::*;
use crate::kube::testing::{Reply, Server};
use crate::kube::watch::{Resource, Watch, WatchOptions};

fn nowhere(_: &str) -> Option<String> {
    None
}

async fn error(options: &ApiOptions) -> String {
    Connection::new(options, nowhere).await.err().map(|error| error.to_string()).unwrap()
}

/// A server with one node.
async fn server() -> Server {
    Server::start(|asked| match asked.query.contains_key("watch") {
        true => Reply::Lines(Vec::new(), crate::kube::testing::Then::Silence),
        false => Reply::ok(include_str!("../testdata/nodes.json")),
    })
    .await
}

/// What the server was shown by a list of nodes.
async fn shown(server: &Server, connection: &Connection) -> Option<String> {
    let (objects, options) = (
        Arc::<Objects>::default(),
        WatchOptions { resources: vec![Resource::Nodes], ..WatchOptions::default() },
    );
    let watch = Watch::start(connection, &options, &objects, &Arc::default());
    watch.listed(&Resource::ALL).await;
    server.asked().last().unwrap().headers.get("authorization").cloned()
}

/// What kubelets are shown.
async fn inherited(connection: &Connection) -> Option<String> {
    connection.token.header().await.unwrap().map(|header| header.to_str().unwrap().to_owned())
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A kubeconfig with this user, in a folder with what it names.
    fn kubeconfig(&self, server: &str, cluster: &str, user: &str) -> ApiOptions {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             clusters: [{{name: c, cluster: {{server: \"{server}\"{cluster}}}}}]\n\
             contexts: [{{name: here, context: {{cluster: c, user: u}}}}, {{name: away, context: {{cluster: none, user: u}}}}]\n\
             users: [{{name: u, user: {{{user}}}}}]\n"
        );
        let kubeconfig = Some(self.write("config", &text));
        ApiOptions { kubeconfig, in_cluster: false, ..ApiOptions::default() }
    }
}

#[tokio::test]
async fn no_address_is_told() {
    let hint =
        "; run in a pod with a service account, or give a kubeconfig or an address such as https://HOST:6443";
    assert_eq!(
        error(&ApiOptions::default()).await,
        format!("no address of an API server: KUBERNETES_SERVICE_HOST is not set, so this is no pod{hint}")
    );
    let plain = ApiOptions { in_cluster: false, ..ApiOptions::default() };
    assert_eq!(error(&plain).await, format!("no address of an API server: none was given{hint}"));
    let odd = [
        ("host:6443", "it has no scheme"),
        ("ftp://host", "ftp is not known"),
        ("https://a b", "invalid uri character"),
        ("/path", "it has no scheme"),
    ];
    for (text, cause) in odd {
        let options = ApiOptions { server: Some(text.to_owned()), ..plain.clone() };
        let wanted = format!("{text:?} is no address of an API server: {cause}; expected https://HOST:PORT");
        assert_eq!(error(&options).await, wanted);
    }
}

#[tokio::test]
async fn a_pod_finds_its_way() {
    let files = Files::new();
    let pod = ApiOptions { service_account: files.0.path().to_owned(), ..ApiOptions::default() };
    let environment = |name: &str| match name {
        "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
        "KUBERNETES_SERVICE_PORT" => Some("6443".to_owned()),
        _ => None,
    };
    let missing = Connection::new(&pod, environment).await.err().unwrap().to_string();
    assert!(missing.contains("token: expected a bearer token: No such file"), "{missing}");
    files.write("token", "abc\n");
    let ca = files.write("ca.crt", "");
    let broken = Connection::new(&pod, environment).await.err().unwrap().to_string();
    assert!(broken.starts_with("the API server https://[fd00::1]:6443: "), "{broken}");

    // whose authority is not asked for
    let insecure = ApiOptions { insecure: true, ..pod.clone() };
    let found = Connection::new(&insecure, environment).await.unwrap();
    assert_eq!(found.server, "https://[fd00::1]:6443");
    assert_eq!(found.tls, Tls { insecure: true, ..Tls::default() });
    assert_eq!(inherited(&found).await.as_deref(), Some("Bearer abc"));

    // without one, over a plain address in place of the environment's
    std::fs::remove_file(ca).unwrap();
    let server = server().await;
    let other = ApiOptions { server: server.options().server, ..pod };
    let found = Connection::new(&other, environment).await.unwrap();
    assert_eq!(shown(&server, &found).await.as_deref(), Some("Bearer abc"));
}

#[tokio::test]
async fn tokens_of_options_are_shown() {
    let (files, server) = (Files::new(), server().await);
    let plain = ApiOptions { service_account: files.0.path().join("none"), ..server.options() };
    let open = Connection::new(&plain, nowhere).await.unwrap();
    assert_eq!((shown(&server, &open).await, open.token.is_nothing()), (None, true));

    let account = ApiOptions { use_service_account: true, ..plain.clone() };
    let without = Connection::new(&account, nowhere).await.unwrap();
    assert_eq!(shown(&server, &without).await, None);
    files.write("token", "account");
    let account = ApiOptions { service_account: files.0.path().to_owned(), ..account };
    let with = Connection::new(&account, nowhere).await.unwrap();
    assert_eq!(shown(&server, &with).await.as_deref(), Some("Bearer account"));

    let token_file = Some(files.write("mine", "mine\n"));
    let mine = Connection::new(&ApiOptions { token_file, ..account }, nowhere).await.unwrap();
    assert_eq!(shown(&server, &mine).await.as_deref(), Some("Bearer mine"));
    let gone = ApiOptions { token_file: Some(files.0.path().join("gone")), ..plain };
    assert!(error(&gone).await.contains("gone: expected a bearer token: No such file"));
}

#[tokio::test]
async fn users_of_kubeconfigs_are_shown() {
    let (files, server) = (Files::new(), server().await);
    files.write("token-file", "from-file\n");
    let exec = r#"{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"from-plugin\"}}"#;
    let plugin = format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: echo, args: [\"{exec}\"]}}"
    );
    let users = [
        ("token: fixed", Some("Bearer fixed")),
        ("tokenFile: token-file", Some("Bearer from-file")),
        ("username: me, password: pw", Some("Basic bWU6cHc=")),
        ("token: fixed, as: other", Some("Bearer fixed")),
        (plugin.as_str(), Some("Bearer from-plugin")),
        ("", None),
    ];
    for (user, wanted) in users {
        let options = files.kubeconfig(&format!("http://{}", server.address), "", user);
        let connection = Connection::new(&options, nowhere).await.unwrap();
        assert_eq!(shown(&server, &connection).await.as_deref(), wanted, "{user}");
        assert_eq!(inherited(&connection).await.as_deref(), wanted, "{user}");
        assert_eq!(connection.server, format!("http://{}", server.address));
        let other = server.asked().last().unwrap().headers.get("impersonate-user").cloned();
        assert_eq!(other.as_deref(), user.contains("as:").then_some("other"));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_kubeconfig_is_told() {
    let files = Files::new();
    let at = files.0.path().join("config").display().to_string();
    let wrong = async |options: ApiOptions| {
        let error = error(&options).await;
        error.strip_prefix(&format!("{at}: expected a kubeconfig: ")).unwrap_or(&error).to_owned()
    };
    let kubeconfig = Some(files.0.path().join("config"));
    let missing = ApiOptions { kubeconfig, ..ApiOptions::default() };
    assert!(wrong(missing).await.contains("No such file"));
    let good = || files.kubeconfig("https://h", "", "token: x");
    let context = ApiOptions { context: Some("other".to_owned()), ..good() };
    assert!(wrong(context).await.contains("there is no context \"other\"; there is: here, away"));
    let context = ApiOptions { context: Some("away".to_owned()), ..good() };
    assert!(wrong(context).await.contains("there is no cluster \"none\"; there is: c"));
    let half = wrong(files.kubeconfig("https://h", "", "client-certificate: /c.pem")).await;
    assert_eq!(half, "user u has a client certificate without its key");
    let coded = "client-certificate-data: 'LS0=', client-key-data: '*'";
    assert!(
        wrong(files.kubeconfig("https://h", "", coded)).await.starts_with("user u: client-key-data: Invalid")
    );
    let odd = wrong(files.kubeconfig("h:1", "", "token: x")).await;
    assert!(odd.contains("is no address of an API server: it has no scheme"), "{odd}");
    let token = wrong(files.kubeconfig("https://h", "", "token: \"a\\nb\"")).await;
    assert_eq!(token, "the kubeconfig's credentials cannot be used: the token can be in no header");
    let other = ApiOptions { server: Some("http://other:1".to_owned()), ..good() };
    assert_eq!(Connection::new(&other, nowhere).await.unwrap().server, "http://other:1");
}

#[tokio::test]
async fn who_a_user_acts_as_is_told_and_a_servers_path_is_kept() {
    let (files, server) = (Files::new(), server().await);
    let user = "token: t, as: other, as-uid: '7', as-groups: [g, h i], as-user-extra: {Example.com/k: [v]}";
    let options = files.kubeconfig(&format!("http://{}/clusters/c/", server.address), "", user);
    let connection = Connection::new(&options, nowhere).await.unwrap();
    assert_eq!(connection.server, format!("http://{}/clusters/c", server.address));
    assert_eq!(shown(&server, &connection).await.as_deref(), Some("Bearer t"));
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.path, "/clusters/c/api/v1/nodes");
    let header = |name: &str| asked.headers.get(name).map(String::as_str);
    assert_eq!((header("impersonate-user"), header("impersonate-uid")), (Some("other"), Some("7")));
    // the last of both
    assert_eq!(header("impersonate-group"), Some("h i"));
    assert_eq!(header("impersonate-extra-example%2ecom%2fk"), Some("v"));
}

#[tokio::test]
async fn outside_of_pods_the_environments_files_count() {
    let (files, server) = (Files::new(), server().await);
    let text = |name: &str, text: &str| files.write(name, text).display().to_string();
    let users = text("users", "users: [{name: u, user: {token: first}}]");
    let options = files.kubeconfig(&format!("http://{}", server.address), "", "token: second");
    let whole = options.kubeconfig.unwrap().display().to_string();
    let none = files.0.path().join("none").display().to_string();
    let connected = async |list: String| {
        let variable = move |name: &str| (name == "KUBECONFIG").then(|| list.clone());
        Connection::new(&ApiOptions::default(), variable).await.map_err(|error| error.to_string())
    };
    let both = connected(format!("{users}:{none}::{whole}")).await.unwrap();
    assert_eq!(shown(&server, &both).await.as_deref(), Some("Bearer first"));
    let error = connected(none.clone()).await.err().unwrap();
    assert!(error.starts_with(&format!("{none}: expected a kubeconfig: No such file")), "{error}");
    let error = connected(format!("{none}:{none}x")).await.err().unwrap();
    assert!(error.ends_with("no such file, and none of the others"), "{error}");
    let error = connected(users.clone()).await.err().unwrap();
    assert_eq!(error, format!("{users}: expected a kubeconfig: it has no current-context"));
    let error = connected(String::new()).await.err().unwrap();
    assert!(error.contains("KUBERNETES_SERVICE_HOST is not set"), "{error}");
}

/// A plugin that counts how often it is asked, as the kubeconfig's user.
fn counting(files: &Files, status: &str) -> String {
    let script = format!(
        "#!/bin/sh\ncd '{}'\necho x >>count\nn=$(wc -l <count)\nprintf '{{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\
         \"kind\":\"ExecCredential\",\"status\":{{{status}}}}}' $n\n",
        files.0.path().display()
    );
    files.write("plugin.sh", &script);
    "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: sh, args: [PLUGIN]}"
        .replace("PLUGIN", &files.0.path().join("plugin.sh").display().to_string())
}

#[tokio::test]
async fn a_plugin_is_asked_again_when_its_token_is_refused() {
    let files = Files::new();
    let server = Server::start(|asked| match asked.headers.get("authorization").map(String::as_str) {
        Some("Bearer t1") => Reply::Whole(401, String::new()),
        _ => Reply::ok(r#"{"data": {}}"#),
    })
    .await;
    let user = counting(&files, r#""token":"t%s""#);
    let options = files.kubeconfig(&format!("http://{}", server.address), "", &user);
    let connection = Connection::new(&options, nowhere).await.unwrap();
    let error = connection.front_proxy_config().await.unwrap_err();
    assert_eq!(error.status(), Some(401));
    connection.front_proxy_config().await.unwrap();
    assert_eq!(inherited(&connection).await.as_deref(), Some("Bearer t2"));

    let failing = files.kubeconfig("http://h", "", &user);
    files.write("plugin.sh", "echo expired >&2; exit 1");
    let told = error_of_plugin(&failing).await;
    assert_eq!(told, "the plugin sh: it ended with exit status: 1: expired");
}

async fn error_of_plugin(options: &ApiOptions) -> String {
    let error = error(options).await;
    error.strip_prefix("the kubeconfig's credentials cannot be used: ").unwrap_or(&error).to_owned()
}

#[tokio::test]
async fn a_clusters_proxy_is_asked() {
    let (files, proxy) = (Files::new(), Server::start(|_| Reply::Whole(403, String::new())).await);
    let told = format!(", proxy-url: \"http://{}\"", proxy.address);
    let options = files.kubeconfig("http://far.example.com:1", &told, "token: secret");
    let connection = Connection::new(&options, nowhere).await.unwrap();
    let error = connection.front_proxy_config().await.unwrap_err().to_string();
    assert!(error.starts_with("no answer from the API server: "), "{error}");
    let asked = proxy.asked();
    assert_eq!((asked.len(), asked[0].path.as_str()), (1, "far.example.com:1"));
    // what is meant for the API server is not shown to the proxy
    assert!(!format!("{asked:?}").contains("secret"));
    assert_eq!(asked[0].headers.get("proxy-authorization"), None);

    let told = told.replace("http://", "http://me:p%40w@");
    let options = files.kubeconfig("https://far.example.com", &told, "token: secret");
    let connection = Connection::new(&options, nowhere).await.unwrap();
    connection.front_proxy_config().await.unwrap_err();
    let asked = proxy.asked().pop().unwrap();
    assert_eq!(
        (asked.path.as_str(), asked.headers["proxy-authorization"].as_str()),
        ("far.example.com:443", "Basic bWU6cEB3")
    );
}

mod certificates {
    #![allow(clippy::disallowed_methods, reason = "openssl makes the certificates")]

    use std::net::SocketAddr;
    use std::process::Command;

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{RootCertStore, ServerConfig};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// An authority, and a certificate for 127.0.0.1 with its key, signed by it; nothing where there is no openssl.
    fn made(files: &Files) -> Option<()> {
        let folder = files.0.path();
        files.write("ext", "subjectAltName=IP:127.0.0.1\n");
        let run = |words: &str| {
            let made = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().ok()?;
            made.status.success().then_some(())
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"))?;
        run(&format!("req {key} -keyout key.pem -out request.pem -subj /CN=somebody"))?;
        run(
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert.pem",
        )
    }

    /// A server that wants a certificate and says how many it was shown.
    async fn strict(files: &Files) -> SocketAddr {
        let read = |name: &str| files.0.path().join(name);
        let chain: Vec<_> =
            CertificateDer::pem_file_iter(read("cert.pem")).unwrap().map(Result::unwrap).collect();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(read("ca.pem")).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .unwrap();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(read("key.pem")).unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let shown = stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
                let _ = stream.read(&mut [0; 4096]).await;
                let body = format!(r#"{{"data":{{"client-ca-file":"{shown} shown"}}}}"#);
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        address
    }

    async fn told(connection: &Connection) -> Result<String, String> {
        let answer = connection.front_proxy_config().await.map_err(|error| error.to_string())?;
        Ok(answer.client_ca.unwrap())
    }

    #[tokio::test]
    async fn certificates_are_shown_and_looked_at() {
        let files = Files::new();
        if made(&files).is_none() {
            println!("SKIP certificates_are_shown_and_looked_at: no openssl here");
            return;
        }
        let server = format!("https://{}", strict(&files).await);
        let coded = |name: &str| STANDARD.encode(std::fs::read(files.0.path().join(name)).unwrap());
        let (ca, none) = (", certificate-authority: ca.pem", "");
        let pair = "client-certificate: cert.pem, client-key: key.pem";
        let content =
            format!("client-certificate-data: {}, client-key-data: {}", coded("cert.pem"), coded("key.pem"));
        let inline = format!(", certificate-authority-data: {}", coded("ca.pem"));
        let shown = [(ca, pair, "1 shown"), (&inline, &content, "1 shown"), (ca, "token: x", "0 shown")];
        for (cluster, user, wanted) in shown {
            let options = files.kubeconfig(&server, cluster, user);
            let connection = Connection::new(&options, nowhere).await.unwrap();
            assert_eq!(told(&connection).await.as_deref(), Ok(wanted), "{cluster} {user}");
            // kubelets: the same, as our own client reads it
            assert_eq!(connection.tls.identity.is_some(), user != "token: x");
            assert!(connection.tls.ca.is_some() && connection.tls.config().is_ok());
            let client = plimsoll_client::Client::new(&connection.tls).unwrap();
            let request = http::Request::get(&server).body(bytes::Bytes::new()).unwrap();
            let limits = plimsoll_client::Limits { within: std::time::Duration::from_secs(10), body: 1000 };
            let answer = client.ask(request, limits).await.unwrap();
            assert!(String::from_utf8_lossy(&answer.body).contains(wanted));
        }
        // a plugin's, which its next answer replaces
        let read = |name: &str| std::fs::read_to_string(files.0.path().join(name)).unwrap();
        let answer = |until: &str| {
            let status = serde_json::json!({"clientCertificateData": read("cert.pem"), "clientKeyData": read("key.pem"),
                "expirationTimestamp": until});
            let version = "client.authentication.k8s.io/v1";
            serde_json::json!({"apiVersion": version, "kind": "ExecCredential", "status": status}).to_string()
        };
        let plugin = "exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: cat, \
            args: [FILE]}";
        let user = plugin
            .replace("FILE", &files.write("answer", &answer("2020-01-01T00:00:00Z")).display().to_string());
        let connection = Connection::new(&files.kubeconfig(&server, ca, &user), nowhere).await.unwrap();
        assert_eq!(told(&connection).await.as_deref(), Ok("1 shown"));
        assert_eq!(connection.tls.identity, None);
        files.write("answer", &answer("2100-01-01T00:00:00Z").replace("BEGIN", "END"));
        let error = told(&connection).await.unwrap_err();
        assert!(error.contains("(given): expected certificates as PEM: "), "{error}");
        // under another name than its certificate's
        let other = server.replace("127.0.0.1", "localhost");
        for (name, wanted) in [(", tls-server-name: 127.0.0.1", Some("1 shown")), ("", None)] {
            let options = files.kubeconfig(&other, &format!("{ca}{name}"), pair);
            let connection = Connection::new(&options, nowhere).await.unwrap();
            assert_eq!(told(&connection).await.ok().as_deref(), wanted);
        }
        let odd = files.kubeconfig(&server, ", tls-server-name: a b", pair);
        assert!(
            error_of_plugin(&odd)
                .await
                .ends_with("\"a b\": expected the name of a server, as it stands in certificates")
        );
        let stranger = Connection::new(&files.kubeconfig(&server, none, pair), nowhere).await;
        match stranger {
            Ok(connection) => {
                let error = told(&connection).await.unwrap_err();
                assert!(error.contains("certificate"), "{error}");
            }
            // a machine without a list of authorities
            Err(error) => {
                assert!(error.to_string().starts_with("the API server https://127.0.0.1:"), "{error}")
            }
        }
        for insecure in [false, true] {
            let cluster = if insecure { none } else { ", insecure-skip-tls-verify: true" };
            let options = ApiOptions { insecure, ..files.kubeconfig(&server, cluster, pair) };
            let connection = Connection::new(&options, nowhere).await.unwrap();
            assert_eq!(told(&connection).await.as_deref(), Ok("1 shown"));
            assert!(connection.tls.insecure);
        }
        // a pod, with the authority in its service account's folder
        std::fs::rename(files.0.path().join("ca.pem"), files.0.path().join("ca.crt")).unwrap();
        files.write("token", "abc");
        let service_account = files.0.path().to_owned();
        let pod = ApiOptions { server: Some(server), service_account, ..ApiOptions::default() };
        let connection = Connection::new(&pod, nowhere).await.unwrap();
        assert_eq!(told(&connection).await.as_deref(), Ok("0 shown"));
        assert!(matches!(connection.tls.ca, Some(Pem::File(_))));
    }
}
