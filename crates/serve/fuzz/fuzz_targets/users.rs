//! Any htpasswd or htdigest file lets nobody in who names no user of it, and none panics.
//!
//! The input is the file. bcrypt is left out: its cost is the file's own wish.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Uri};
use libfuzzer_sys::fuzz_target;
use plimsoll_serve::auth::Guard;
use tokio::runtime::{Builder, Runtime};

static PLACE: LazyLock<(Runtime, PathBuf)> = LazyLock::new(|| {
    let file = std::path::Path::new("/dev/shm").join(format!("plimsoll-fuzz-{}-users", std::process::id()));
    (Builder::new_current_thread().build().expect("a runtime of this thread alone"), file)
});

fuzz_target!(|text: &[u8]| {
    if text.windows(2).any(|two| two == b"$2") {
        return;
    }
    let (runtime, file) = &*PLACE;
    std::fs::write(file, text).expect("written");
    let check = |guard: Guard, authorization: String| {
        let mut headers = HeaderMap::new();
        let Ok(value) = HeaderValue::from_str(&authorization) else { return false };
        headers.insert(AUTHORIZATION, value);
        runtime.block_on(guard.check(&Method::GET, &Uri::from_static("/containers/"), &headers)).is_ok()
    };
    // the first user of the file, as it stands there, and one who is not in it
    let first = text.split(|byte| *byte == b':' || *byte == b'\n').next().unwrap_or_default();
    for user in [first, b"\x01 nobody"] {
        let words = STANDARD.encode([user, b":password"].concat());
        let entered = check(Guard::basic(file.clone(), "localhost".to_owned()), format!("Basic {words}"));
        assert!(!entered || user == first);
        let user = String::from_utf8_lossy(user);
        let words = format!(
            "Digest username=\"{user}\", realm=\"localhost\", nonce=\"x\", uri=\"/containers/\", nc=00000001, \
             cnonce=\"y\", qop=auth, response=\"z\", opaque=\"o\""
        );
        assert!(!check(Guard::digest(file.clone(), "localhost".to_owned()), words));
    }
});
