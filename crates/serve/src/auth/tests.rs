#![allow(clippy::disallowed_methods, reason = "the tools that write such files are the reference")]

use std::fs;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::reference::reference;

fn basic(user: &str, password: &str) -> HeaderMap {
    let token = STANDARD.encode(format!("{user}:{password}"));
    HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(&format!("Basic {token}")).unwrap())])
}

async fn lets_in(guard: &Guard, headers: &HeaderMap) -> bool {
    guard.check(&Method::GET, &Uri::from_static("/containers/"), headers).await.is_ok()
}

#[test]
fn md5_crypt_gives_what_openssl_gives() {
    // openssl passwd -apr1 -salt xxxxxxxx password; openssl passwd -1 -salt abcdefgh ""
    let f = |password: &str, hash: &str| assert!(basic::matches(password, hash), "{hash}");
    f("password", "$apr1$xxxxxxxx$dxHfLAsjHkDRmG83UXe8K0");
    f("password", "$1$xxxxxxxx$UYCIxa628.9qXjpQCjM4a.");
}

#[tokio::test]
async fn htpasswd_files_let_their_users_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    for (user, how) in [("sha", "-s"), ("md5", "-m"), ("bcrypt", "-B")] {
        let create = if file.exists() { "-b" } else { "-cb" };
        let long = "p:ß and rather more than sixteen bytes";
        match Command::new("htpasswd").args([create, how]).arg(&file).args([user, long]).output() {
            Ok(done) => assert!(done.status.success(), "{done:?}"),
            Err(_) => return println!("skipped: no htpasswd here"),
        }
    }
    let guard = Guard::basic(file, "localhost".into());
    for user in ["sha", "md5", "bcrypt"] {
        assert!(lets_in(&guard, &basic(user, "p:ß and rather more than sixteen bytes")).await, "{user}");
        assert!(!lets_in(&guard, &basic(user, "p:ß and rather more than sixteen byte")).await, "{user}");
        assert!(!lets_in(&guard, &basic(user, "")).await, "{user}");
    }
    assert!(!lets_in(&guard, &basic("nobody", "p")).await);
    assert!(!lets_in(&guard, &HeaderMap::new()).await);
}

#[test]
fn every_spelling_of_bcrypt_is_read() {
    let hash = bcrypt::hash("secret", 4).unwrap();
    for version in ["$2a$", "$2b$", "$2x$", "$2y$"] {
        let hash = format!("{version}{}", &hash[4..]);
        assert!(basic::matches("secret", &hash), "{hash}");
        assert!(!basic::matches("Secret", &hash), "{hash}");
    }
}

#[tokio::test]
async fn plain_text_and_des_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    fs::write(&file, "plain:secret\ndes:rl0uE9PEiWzWs\nempty:\nok:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
        .unwrap();
    let guard = Guard::basic(file, "localhost".into());
    assert!(!lets_in(&guard, &basic("plain", "secret")).await);
    assert!(!lets_in(&guard, &basic("des", "secret")).await);
    assert!(!lets_in(&guard, &basic("empty", "")).await);
    assert!(lets_in(&guard, &basic("ok", "secret")).await, "a broken line costs only itself");
}

#[tokio::test]
async fn the_challenge_names_the_realm() {
    let guard = Guard::basic("/does/not/exist".into(), "my realm".into());
    let refusal = guard.check(&Method::GET, &Uri::from_static("/"), &HeaderMap::new()).await.unwrap_err();
    assert_eq!(refusal.status(), 401);
    assert_eq!(refusal.headers()["www-authenticate"], "Basic realm=\"my realm\"");
    assert_eq!(refusal.headers()["content-type"], "text/plain");
}

#[tokio::test]
async fn a_changed_file_counts_at_once_and_a_missing_one_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    let guard = Guard::basic(file.clone(), "localhost".into());
    assert!(!lets_in(&guard, &basic("a", "secret")).await, "no file");
    fs::write(&file, "a:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    assert!(lets_in(&guard, &basic("a", "secret")).await);
    fs::write(&file, "b:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    assert!(!lets_in(&guard, &basic("a", "secret")).await);
    assert!(lets_in(&guard, &basic("b", "secret")).await);
    fs::write(&file, [0xff, 0xfe, b':']).unwrap();
    assert!(!lets_in(&guard, &basic("b", "secret")).await, "broken file");
    fs::remove_file(&file).unwrap();
    assert!(!lets_in(&guard, &basic("b", "secret")).await, "file gone");
}

#[tokio::test]
async fn upstreams_credentials_are_good() {
    if let Some(file) = reference("cadvisor/data/auth/test.htpasswd") {
        let guard = Guard::basic(file, "localhost".into());
        assert!(lets_in(&guard, &basic("admin", "password1")).await);
        assert!(!lets_in(&guard, &basic("admin", "password2")).await);
    }
}

#[tokio::test]
async fn upstreams_digest_is_good() {
    if let Some(file) = reference("cadvisor/data/auth/test.htdigest") {
        let guard = Guard::digest(file, "localhost".into());
        let client = Client::new(&guard, HA1).await;
        assert!(lets_in(&guard, &client.headers(1, "/containers/", "admin")).await);
    }
}

/// What a client computes, written down from RFC 2617 independently of the code under test.
struct Client {
    nonce: String,
    opaque: String,
    ha1: String,
}

impl Client {
    async fn new(guard: &Guard, ha1: &str) -> Self {
        let refused = guard.check(&Method::GET, &Uri::from_static("/"), &HeaderMap::new()).await.unwrap_err();
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
        let part = |name: &str| {
            challenge.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        assert_eq!(part("nonce").len(), 16);
        Self { nonce: part("nonce"), opaque: part("opaque"), ha1: ha1.to_owned() }
    }

    fn headers(&self, nc: u32, uri: &str, user: &str) -> HeaderMap {
        use md5::Digest as _;
        let hex = |text: String| format!("{:x}", md5::Md5::digest(text.as_bytes()));
        let ha2 = hex(format!("GET:{uri}"));
        let (nonce, opaque) = (&self.nonce, &self.opaque);
        let response = hex(format!("{}:{nonce}:{nc:08x}:c,n\"o:auth:{ha2}", self.ha1));
        let value = format!(
            "Digest username=\"{user}\", realm=\"localhost\", nonce=\"{nonce}\", uri=\"{uri}\", cnonce=\"c,n\\\"o\", nc={nc:08x}, qop=auth, response=\"{response}\", opaque=\"{opaque}\", algorithm=MD5"
        );
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_str(&value).unwrap())])
    }
}

const HA1: &str = "70f2631dded4ce5ad0ebbea5faa6ad6e"; // admin:localhost:password1

fn digest_file() -> (tempfile::TempDir, Guard) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    fs::write(
        &file,
        format!("# people\nadmin:elsewhere:00000000000000000000000000000000\nadmin:localhost:{HA1}\n"),
    )
    .unwrap();
    let guard = Guard::digest(file, "localhost".into());
    (folder, guard)
}

#[tokio::test]
async fn a_digest_counts_once() {
    let (_folder, guard) = digest_file();
    let client = Client::new(&guard, HA1).await;
    let first = client.headers(1, "/containers/", "admin");
    let uri = Uri::from_static("/containers/");
    let fields = guard.check(&Method::GET, &uri, &first).await.unwrap();
    let info = fields["authentication-info"].to_str().unwrap();
    assert!(info.starts_with("qop=\"auth\", rspauth=\"") && info.ends_with("nc=\"00000001\""), "{info}");
    assert!(!lets_in(&guard, &first).await, "sent again");
    assert!(lets_in(&guard, &client.headers(7, "/containers/", "admin")).await);
    assert!(!lets_in(&guard, &client.headers(6, "/containers/", "admin")).await, "count went back");
    assert!(!lets_in(&guard, &client.headers(8, "/docker/", "admin")).await, "another page");
    assert!(!lets_in(&guard, &client.headers(9, "/containers/", "root")).await, "another user");
    assert!(guard.check(&Method::POST, &uri, &client.headers(10, "/containers/", "admin")).await.is_err());
    assert!(
        lets_in(&guard, &client.headers(10, "/containers/", "admin")).await,
        "a failure uses up no count"
    );
    let nobody = Client { ha1: "0".repeat(32), nonce: client.nonce.clone(), opaque: client.opaque.clone() };
    assert!(!lets_in(&guard, &nobody.headers(11, "/containers/", "root")).await, "an unknown user");
    let wrong = Client { ha1: HA1.replace('7', "8"), ..client };
    assert!(!lets_in(&guard, &wrong.headers(11, "/containers/", "admin")).await);
}

#[tokio::test]
async fn a_nonce_that_was_not_given_out_is_worth_nothing() {
    let (_folder, guard) = digest_file();
    let mut client = Client::new(&guard, HA1).await;
    client.nonce = "AAAAAAAAAAAAAAAA".to_owned();
    assert!(!lets_in(&guard, &client.headers(1, "/containers/", "admin")).await);
}

#[tokio::test]
async fn who_knows_the_password_is_told_that_only_the_nonce_is_old() {
    let (_folder, guard) = digest_file();
    // the challenge, and whether it says that the last one is stale
    let challenge = async |headers: &HeaderMap| {
        let refused =
            guard.check(&Method::GET, &Uri::from_static("/containers/"), headers).await.unwrap_err();
        assert_eq!(refused.status(), 401);
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.starts_with("Digest realm="), "{challenge}");
        challenge.contains(", stale=true")
    };
    let client = Client::new(&guard, HA1).await;
    let of = |nonce: &str, opaque: &str, ha1: &str| Client {
        nonce: nonce.to_owned(),
        opaque: opaque.to_owned(),
        ha1: ha1.to_owned(),
    };
    let before_restart = of("AAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBB", HA1);
    assert!(challenge(&before_restart.headers(1, "/containers/", "admin")).await);
    let forgotten = of("AAAAAAAAAAAAAAAA", &client.opaque, HA1);
    assert!(challenge(&forgotten.headers(1, "/containers/", "admin")).await);
    let elsewhere = of(&client.nonce, "BBBBBBBBBBBBBBBB", HA1);
    assert!(challenge(&elsewhere.headers(1, "/containers/", "admin")).await);
    let good = client.headers(2, "/containers/", "admin");
    assert!(lets_in(&guard, &good).await);
    assert!(challenge(&good).await, "sent again");
    assert!(challenge(&client.headers(1, "/containers/", "admin")).await, "overtaken");
    let wrong = HA1.replace('7', "8");
    for (nonce, opaque) in [
        (client.nonce.as_str(), client.opaque.as_str()),
        ("AAAAAAAAAAAAAAAA", client.opaque.as_str()),
        ("AAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBB"),
    ] {
        let wrong = of(nonce, opaque, &wrong);
        assert!(!challenge(&wrong.headers(3, "/containers/", "admin")).await, "another password");
        let right = of(nonce, opaque, HA1);
        assert!(!challenge(&right.headers(3, "/containers/", "root")).await, "another user");
        assert!(!challenge(&right.headers(3, "/docker/", "admin")).await, "another page");
        let nobody = of(nonce, opaque, &"0".repeat(32));
        assert!(!challenge(&nobody.headers(3, "/containers/", "root")).await, "an unknown user");
    }
    assert!(!challenge(&HeaderMap::new()).await);
    // the next challenge is good
    let client = Client::new(&guard, HA1).await;
    assert!(lets_in(&guard, &client.headers(1, "/containers/", "admin")).await);
}

#[tokio::test]
async fn nonces_are_bounded_and_the_oldest_goes() {
    let (_folder, guard) = digest_file();
    let client = Client::new(&guard, HA1).await;
    for _ in 0..1500 {
        let _ = lets_in(&guard, &HeaderMap::new()).await;
    }
    let Guard(Scheme::Digest(digest)) = &guard else { unreachable!() };
    assert_eq!(digest.nonces(), 1000);
    assert!(!lets_in(&guard, &client.headers(1, "/containers/", "admin")).await);
}

proptest! {
    #[test]
    fn no_authorization_panics(value in "[ -~]{0,80}", scheme in "(Basic|Digest|digest|Bearer)") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let headers = HeaderMap::from_iter([(
            header::AUTHORIZATION,
            HeaderValue::from_str(&format!("{scheme} {value}")).unwrap(),
        )]);
        let (_folder, digest) = digest_file();
        let basic = Guard::basic("/does/not/exist".into(), "r".into());
        prop_assert!(!runtime.block_on(lets_in(&digest, &headers)));
        prop_assert!(!runtime.block_on(lets_in(&basic, &headers)));
    }
}
