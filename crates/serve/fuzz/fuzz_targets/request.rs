//! A request of any path, query and body gets an answer that is bounded, and JSON where it says so.
//!
//! The input is a request: the first line is the target, the rest the body.

#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use plimsoll_serve::app::{App, Options};
use plimsoll_serve::fake::Fake;
use tokio::runtime::{Builder, Runtime};

static HOST: LazyLock<(Runtime, App)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().expect("a runtime of this thread alone");
    (runtime, App::new(Arc::new(Fake::host()), Options::default()))
});

fuzz_target!(|input: &[u8]| {
    let (target, body) = match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let Ok(request) = Request::builder().uri(target).body(Full::<Bytes>::from(body.to_vec())) else { return };
    let (runtime, app) = &*HOST;
    runtime.block_on(async {
        let answer = app.answer(request).await;
        // a stream of events has no type and no end
        let Some(kind) = answer.headers().get("content-type").cloned() else { return };
        let Ok(body) = answer.into_body().collect().await;
        let body = body.to_bytes();
        assert!(body.len() < 1 << 20);
        if kind == "application/json" {
            serde_json::from_slice::<serde_json::Value>(&body).expect("JSON");
        }
    });
});
