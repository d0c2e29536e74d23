//! Proofs of all sorts, with real certificates, before an API server that is none.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http::Request;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::CertificateDer;

use super::*;

/// Between the beginning and the end of all certificates here.
const NOW: Timestamp = Timestamp::from_secs(1_795_258_080);
/// 2026-12-21, when they have ended.
const LATER: Timestamp = Timestamp::from_secs(1_797_850_080);

/// A CA and what it signs.
struct Ca {
    pem: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn ca(name: &str) -> Ca {
    let mut params = params(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem().into_bytes();
    Ca { pem, issuer: Issuer::new(params, key) }
}

fn params(name: &str, organizations: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if !name.is_empty() {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    for (organization, kind) in
        organizations.iter().zip([DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])])
    {
        params.distinguished_name.push(kind, *organization);
    }
    params.not_before = rcgen::date_time_ymd(2026, 11, 1);
    params.not_after = rcgen::date_time_ymd(2026, 12, 1);
    params
}

impl Ca {
    fn sign(&self, params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> PeerCertificates {
        self.sign_with_key(params, usage).0
    }

    fn sign_with_key(
        &self,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> (PeerCertificates, KeyPair) {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (PeerCertificates([certificate.der().clone()].into()), key)
    }

    fn client(&self, name: &str, organizations: &[&str]) -> PeerCertificates {
        self.sign(params(name, organizations), ExtendedKeyUsagePurpose::ClientAuth)
    }
}

/// Knows one token, allows users whose name begins with `good`, and counts what it is asked.
#[derive(Default)]
struct Fake {
    tokens: AtomicU32,
    accesses: AtomicU32,
    authorities: Mutex<Authorities>,
    down: bool,
}

impl Reviewer for Fake {
    fn review_token<'a>(&'a self, token: &'a str) -> Answer<'a, Option<User>> {
        self.tokens.fetch_add(1, Relaxed);
        let user =
            |name: &str| User { name: name.to_owned(), groups: vec!["dev".to_owned()], ..User::default() };
        Box::pin(async move {
            match token {
                _ if self.down => Err(ReviewError("connection refused".to_owned())),
                "good" => Ok(Some(user("good-token"))),
                "other" => Ok(Some(user("other"))),
                _ => Ok(None),
            }
        })
    }

    fn review_access<'a>(&'a self, user: &'a User, _: &'a Attributes) -> Answer<'a, Decision> {
        self.accesses.fetch_add(1, Relaxed);
        Box::pin(async move {
            if self.down {
                return Err(ReviewError("connection refused".to_owned()));
            }
            let allowed = user.name.starts_with("good");
            Ok(Decision { allowed, reason: if allowed { String::new() } else { "no rule".to_owned() } })
        })
    }

    fn authorities(&self) -> Answer<'_, Authorities> {
        let all = self.authorities.lock().unwrap().clone();
        Box::pin(async move {
            if self.down { Err(ReviewError("connection refused".to_owned())) } else { Ok(all) }
        })
    }
}

fn delegated(fake: Fake, given: Authorities) -> (Gate, Arc<Fake>) {
    let fake = Arc::new(fake);
    let reviewer: Arc<dyn Reviewer> = Arc::<Fake>::clone(&fake);
    let given: Given = Box::new(move || Ok(given.clone()));
    (Gate::new(Mode::Delegated { reviewer, given }, Options::default()).unwrap(), fake)
}

fn parts(peer: Option<&PeerCertificates>, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().uri("/apis/metrics.k8s.io/v1beta1/nodes");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut parts = request.body(()).unwrap().into_parts().0;
    if let Some(peer) = peer {
        parts.extensions.insert(peer.clone());
    }
    parts
}

fn nodes() -> Attributes {
    let resource =
        Resource { group: "metrics.k8s.io".to_owned(), resource: "nodes".to_owned(), ..Resource::default() };
    let path = "/apis/metrics.k8s.io/v1beta1/nodes".to_owned();
    Attributes { verb: "list".to_owned(), path, resource: Some(resource) }
}

fn path(path: &str) -> Attributes {
    Attributes { verb: "get".to_owned(), path: path.to_owned(), resource: None }
}

/// Who it is, with groups, or why not: a word for each.
async fn who(
    gate: &Gate,
    peer: Option<&PeerCertificates>,
    headers: &[(&str, &str)],
    now: Timestamp,
) -> String {
    match gate.check(&parts(peer, headers), &nodes(), now).await {
        Ok(user) => format!("{} {}", user.name, user.groups.join(",")),
        Err(Refusal::Unknown) => "401".to_owned(),
        Err(Refusal::Forbidden { user, reason }) => format!("403 {user}: {reason}"),
        Err(Refusal::Undecided(reason)) => format!("500 {reason}"),
    }
}

const ANON: &str = "403 system:anonymous: no rule";

#[tokio::test]
async fn a_front_proxy_tells_who_asks_and_nobody_else_does() {
    let (proxies, users, strangers) = (ca("proxies"), ca("users"), ca("strangers"));
    let mut front_proxy = FrontProxy::new(proxies.pem.clone());
    front_proxy.allowed_names = vec!["front-proxy-client".to_owned()];
    let fake = Fake::default();
    *fake.authorities.lock().unwrap() =
        Authorities { client_ca: Some(users.pem.clone()), front_proxy: Some(front_proxy) };
    let (gate, _) = delegated(fake, Authorities::default());
    let proxy = proxies.client("front-proxy-client", &[]);
    let jane = [("X-Remote-User", "good-jane"), ("X-Remote-Group", "dev"), ("x-remote-group", "ops")];
    // before the API server has told which certificates count
    assert_eq!(who(&gate, Some(&proxy), &jane, NOW).await, ANON);
    gate.refresh().await.unwrap();
    let f = async |peer: Option<&PeerCertificates>, headers: &[(&str, &str)], wanted: &str| {
        assert_eq!(who(&gate, peer, headers, NOW).await, wanted, "{headers:?}");
    };
    f(Some(&proxy), &jane, "good-jane dev,ops,system:authenticated").await;
    f(Some(&proxy), &[("x-remote-user", "bob")], "403 bob: no rule").await;
    // what the aggregation layer says of who has no proof
    let anonymous = [("x-remote-user", "system:anonymous"), ("x-remote-group", "system:unauthenticated")];
    f(Some(&proxy), &anonymous, ANON).await;
    // headers without the certificate of a front proxy are nobody's
    f(None, &jane, ANON).await;
    f(Some(&users.client("good-user", &[])), &jane, "good-user system:authenticated").await;
    f(Some(&strangers.client("front-proxy-client", &[])), &jane, "401").await;
    f(Some(&proxies.client("another", &[])), &jane, "401").await;
    f(Some(&proxies.client("", &[])), &jane, "401").await;
    // a certificate for servers, one that has ended, a front proxy that names nobody
    let server = proxies.sign(params("front-proxy-client", &[]), ExtendedKeyUsagePurpose::ServerAuth);
    f(Some(&server), &jane, "401").await;
    assert_eq!(who(&gate, Some(&proxy), &jane, LATER).await, "401");
    f(Some(&proxy), &[], "401").await;
    // a proof that holds beside one that does not
    f(
        Some(&strangers.client("x", &[])),
        &[("authorization", "Bearer good")],
        "good-token dev,system:authenticated",
    )
    .await;
}

#[tokio::test]
async fn certificates_name_users_and_groups() {
    let users = ca("users");
    let given = Authorities { client_ca: Some(users.pem.clone()), front_proxy: None };
    let (gate, fake) = delegated(Fake::default(), given);
    let f = async |peer: PeerCertificates, wanted: &str| {
        assert_eq!(who(&gate, Some(&peer), &[], NOW).await, wanted);
    };
    f(users.client("good", &["a", "b"]), "good a,b,system:authenticated").await;
    f(users.client("bad", &["a"]), "403 bad: no rule").await;
    // no common name is no user
    f(users.client("", &["system:masters"]), ANON).await;
    f(PeerCertificates([CertificateDer::from(vec![1, 2, 3])].into()), "401").await;
    f(PeerCertificates([].into()), "401").await;
    let asked = fake.accesses.load(Relaxed);
    f(users.client("root", &[MASTERS]), "root system:masters,system:authenticated").await;
    assert_eq!(fake.accesses.load(Relaxed), asked, "masters are not asked for");
}

#[tokio::test]
async fn tokens_and_accesses_are_reviewed_once_in_their_time() {
    let (gate, fake) = delegated(Fake::default(), Authorities::default());
    let good = [("authorization", "bearer good")];
    let at = |secs: i64| NOW.plus_nanos(secs * 1_000_000_000);
    for (secs, tokens, accesses) in [(0, 1, 1), (9, 1, 1), (10, 2, 2), (19, 2, 2), (20, 3, 3)] {
        assert_eq!(who(&gate, None, &good, at(secs)).await, "good-token dev,system:authenticated");
        assert_eq!((fake.tokens.load(Relaxed), fake.accesses.load(Relaxed)), (tokens, accesses), "{secs} s");
    }
    for (secs, tokens) in [(0, 4), (9, 4), (10, 5)] {
        assert_eq!(who(&gate, None, &[("authorization", "Bearer wrong")], at(secs)).await, "401");
        assert_eq!(fake.tokens.load(Relaxed), tokens);
    }
    let f = async |header: &str, wanted: &str| {
        assert_eq!(who(&gate, None, &[("authorization", header)], NOW).await, wanted, "{header}");
    };
    f("Bearer other", "403 other: no rule").await;
    // no token at all
    f("Bearer", ANON).await;
    f("Bearer ", ANON).await;
    f("Basic Z29vZA==", ANON).await;
    f("good", ANON).await;
}

#[tokio::test]
async fn an_api_server_that_is_down_lets_nobody_in() {
    let users = ca("users");
    let given = Authorities { client_ca: Some(users.pem.clone()), front_proxy: None };
    let (gate, fake) = delegated(Fake { down: true, ..Fake::default() }, given);
    let good = users.client("good", &[]);
    assert_eq!(who(&gate, Some(&good), &[], NOW).await, "500 connection refused");
    assert_eq!(who(&gate, None, &[("authorization", "Bearer good")], NOW).await, "401");
    assert_eq!(who(&gate, None, &[("authorization", "Bearer good")], NOW).await, "401");
    assert_eq!(fake.tokens.load(Relaxed), 2, "failures are not kept");
    assert_eq!(gate.refresh().await, Err(ReviewError("connection refused".to_owned())));
    // health is for all, also with a wrong proof
    for health in ["/healthz", "/readyz", "/livez"] {
        let wrong = parts(None, &[("authorization", "Bearer wrong")]);
        assert_eq!(gate.check(&wrong, &path(health), NOW).await, Ok(User::anonymous()));
    }
    assert!(gate.check(&parts(None, &[]), &path("/metrics"), NOW).await.is_err());
    assert!(gate.check(&parts(None, &[]), &path("/readyz/ping"), NOW).await.is_err());
}

#[tokio::test]
async fn what_the_api_server_tells_anew_counts_and_flags_count_more() {
    let (old, new, flag) = (ca("old"), ca("new"), ca("flag"));
    let told = |ca: &Ca| Authorities { client_ca: Some(ca.pem.clone()), front_proxy: None };
    let (gate, fake) = delegated(Fake::default(), Authorities::default());
    let (by_old, by_new) = (old.client("good", &[]), new.client("good", &[]));
    let known = "good system:authenticated";
    for (ca, first, second) in [(&old, known, "401"), (&new, "401", known)] {
        *fake.authorities.lock().unwrap() = told(ca);
        gate.refresh().await.unwrap();
        assert_eq!(who(&gate, Some(&by_old), &[], NOW).await, first);
        assert_eq!(who(&gate, Some(&by_new), &[], NOW).await, second);
    }
    // what is no certificate changes nothing
    *fake.authorities.lock().unwrap() =
        Authorities { client_ca: Some(b"nonsense".to_vec()), front_proxy: None };
    let error = gate.refresh().await.unwrap_err().to_string();
    assert_eq!(error, "client CA: expected certificates in PEM form: found none");
    assert_eq!(who(&gate, Some(&by_new), &[], NOW).await, known);
    let (gate, fake) = delegated(Fake::default(), told(&flag));
    *fake.authorities.lock().unwrap() = told(&new);
    gate.refresh().await.unwrap();
    assert_eq!(who(&gate, Some(&by_new), &[], NOW).await, "401");
    assert_eq!(who(&gate, Some(&flag.client("good", &[])), &[], NOW).await, known);
}

#[tokio::test]
async fn without_an_api_server_certificates_alone_count() {
    let users = ca("users");
    let gate = |allowed: &[&str]| {
        let allowed = allowed.iter().map(|name| (*name).to_owned()).collect();
        let pem = users.pem.clone();
        let given: Given =
            Box::new(move || Ok(Authorities { client_ca: Some(pem.clone()), front_proxy: None }));
        Gate::new(Mode::Certificates { given, allowed }, Options::default()).unwrap()
    };
    let (jane, bob) = (users.client("jane", &["dev"]), users.client("bob", &[]));
    let f = async |allowed: &[&str], peer: Option<&PeerCertificates>, wanted: &str| {
        assert_eq!(who(&gate(allowed), peer, &[("x-remote-user", "jane")], NOW).await, wanted);
    };
    f(&[], Some(&bob), "bob system:authenticated").await;
    f(&["jane"], Some(&jane), "jane dev,system:authenticated").await;
    f(&["jane"], Some(&bob), "403 bob: ").await;
    f(&[], Some(&ca("others").client("jane", &[])), "401").await;
    f(&[], None, "401").await;
    // a file that changes, breaks, and is gone
    let file = Arc::new(Mutex::new(Some(users.pem.clone())));
    let read = Arc::clone(&file);
    let given: Given = Box::new(move || {
        let pem = read.lock().unwrap().clone().ok_or_else(|| ReviewError("ca.pem: not found".to_owned()))?;
        Ok(Authorities { client_ca: Some(pem), front_proxy: None })
    });
    let gate = Gate::new(Mode::Certificates { given, allowed: Vec::new() }, Options::default()).unwrap();
    let others = ca("others");
    let by_other = others.client("bob", &[]);
    assert_eq!(who(&gate, Some(&by_other), &[], NOW).await, "401");
    *file.lock().unwrap() = Some(others.pem.clone());
    gate.refresh().await.unwrap();
    for (pem, error) in [
        (Some(b"broken".to_vec()), "client CA: expected certificates in PEM form: found none"),
        (None, "ca.pem: not found"),
    ] {
        *file.lock().unwrap() = pem;
        assert_eq!(gate.refresh().await, Err(ReviewError(error.to_owned())));
        assert_eq!(who(&gate, Some(&by_other), &[], NOW).await, "bob system:authenticated");
        assert_eq!(who(&gate, Some(&bob), &[], NOW).await, "401");
    }
}

#[tokio::test]
async fn open_is_for_all_and_closed_for_none() {
    let gate = |mode| Gate::new(mode, Options::default()).unwrap();
    assert_eq!(who(&gate(Mode::Open), None, &[], NOW).await, "system:anonymous system:unauthenticated");
    let closed = gate(Mode::Closed);
    assert_eq!(who(&closed, None, &[], NOW).await, "401");
    assert!(closed.check(&parts(None, &[]), &path("/readyz"), NOW).await.is_ok());
    let always_allow = vec!["/metrics".to_owned(), "/livez/*".to_owned()];
    let gate = Gate::new(Mode::Closed, Options { always_allow, ..Options::default() }).unwrap();
    for (asked, allowed) in
        [("/metrics", true), ("/metrics/x", false), ("/livez/ping", true), ("/livez", false)]
    {
        assert_eq!(gate.check(&parts(None, &[]), &path(asked), NOW).await.is_ok(), allowed, "{asked}");
    }
    // a resource is no path
    let resource = Attributes { path: "/metrics".to_owned(), ..nodes() };
    assert!(gate.check(&parts(None, &[]), &resource, NOW).await.is_err());
}

/// Over a connection, as the API server asks: the certificate of the front proxy in the handshake, the user in headers.
#[tokio::test]
async fn the_aggregation_layer_is_served_over_tls() {
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio_rustls::TlsConnector;

    use super::super::{Kubernetes, certificate, meters::Meters};
    use crate::cluster::fake::ClusterFake;
    use crate::listen::{Address, Bound, serve};
    use crate::tls::Tls;

    let (proxies, users) = (ca("proxies"), ca("users"));
    let given = Authorities {
        client_ca: Some(users.pem.clone()),
        front_proxy: Some(FrontProxy::new(proxies.pem.clone())),
    };
    let (gate, _) = delegated(Fake::default(), given);
    let meters = Arc::new(Meters::new(Duration::from_secs(60)));
    let past = Arc::new(ClusterFake::cluster());
    let k8s = Arc::new(Kubernetes::new(past, Arc::new(gate), meters, Arc::default()));
    let (chain, key) = certificate::self_signed(&[]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(chain[0].clone()).unwrap();
    let tls = Tls::asking_with(chain, key).unwrap();
    let bound = Bound::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).await.unwrap();
    let Address::Tcp(address) = *bound.address() else { panic!("no port") };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let handler = move |request: Request<hyper::body::Incoming>| {
        let k8s = Arc::clone(&k8s);
        async move { k8s.answer(&request.into_parts().0).await }
    };
    let server = tokio::spawn(serve(bound, Some(tls), handler, async { drop(stopped.await) }));

    let ask = async |shown: Option<(PeerCertificates, KeyPair)>, headers: &[(&str, &str)]| {
        let client = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots.clone());
        let client = match shown {
            None => client.with_no_client_auth(),
            Some((chain, key)) => {
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                client.with_client_auth_cert(chain.0.to_vec(), key).unwrap()
            }
        };
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(client)).connect(name, stream).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let mut request =
            Request::builder().uri("/apis/metrics.k8s.io/v1beta1/nodes").header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        sender.send_request(request).await.unwrap().status().as_u16()
    };
    let client = ExtendedKeyUsagePurpose::ClientAuth;
    let proxy = || Some(proxies.sign_with_key(params("front-proxy-client", &[]), client.clone()));
    let jane = [("x-remote-user", "good-jane"), ("x-remote-group", "dev")];
    assert_eq!(ask(proxy(), &jane).await, 200);
    assert_eq!(ask(proxy(), &[("x-remote-user", "bob")]).await, 403);
    assert_eq!(ask(proxy(), &[]).await, 401);
    assert_eq!(ask(None, &jane).await, 403);
    assert_eq!(ask(None, &[("authorization", "Bearer good")]).await, 200);
    assert_eq!(ask(None, &[("authorization", "Bearer wrong")]).await, 401);
    assert_eq!(ask(Some(users.sign_with_key(params("good", &[]), client.clone())), &[]).await, 200);
    assert_eq!(ask(Some(ca("x").sign_with_key(params("good", &[]), client.clone())), &jane).await, 401);
    stop.send(()).unwrap();
    server.await.unwrap();
}
