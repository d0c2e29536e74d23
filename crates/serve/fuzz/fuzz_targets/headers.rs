//! Any header fields: the scrape, a page and the page behind a password answer, and what is not authorised stays out.
//!
//! The input is header fields, `Name: value` a line.

#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use libfuzzer_sys::fuzz_target;
use plimsoll_serve::app::{App, Options, Protect};
use plimsoll_serve::auth::Guard;
use plimsoll_serve::fake::Fake;
use tokio::runtime::{Builder, Runtime};

struct Apps {
    runtime: Runtime,
    open: App,
    guarded: [App; 2],
}

static APPS: LazyLock<Apps> = LazyLock::new(|| {
    let file = |name: &str, text: &str| {
        let path = std::path::Path::new("/dev/shm").join(format!("plimsoll-fuzz-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a file of users");
        path
    };
    let app = |guard: Option<Guard>| {
        let protect = Protect { guard, all: true };
        App::new(Arc::new(Fake::host()), Options { protect, ..Options::default() })
    };
    // nobody's passwords: the hashes are of no text
    let basic = file("htpasswd", "admin:{SHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    let digest = file("htdigest", "admin:localhost:00000000000000000000000000000001\n");
    Apps {
        runtime: Builder::new_current_thread().build().expect("a runtime of this thread alone"),
        open: app(None),
        guarded: [
            app(Some(Guard::basic(basic, "localhost".to_owned()))),
            app(Some(Guard::digest(digest, "localhost".to_owned()))),
        ],
    }
});

fuzz_target!(|input: &[u8]| {
    let Apps { runtime, open, guarded } = &*APPS;
    let request = |uri: &str| {
        let mut request = Request::builder().uri(uri).body(Empty::<Bytes>::new()).expect("a request");
        for line in input.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(line[colon + 1..].trim_ascii()))
            {
                request.headers_mut().append(name, value);
            }
        }
        request
    };
    runtime.block_on(async {
        for uri in ["/metrics", "/containers/", "/static/plimsoll.css"] {
            let answer = open.answer(request(uri)).await;
            let Ok(_) = answer.into_body().collect().await;
        }
        for app in guarded {
            assert_eq!(app.answer(request("/containers/")).await.status(), StatusCode::UNAUTHORIZED);
        }
    });
});
