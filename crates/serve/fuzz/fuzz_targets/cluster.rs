//! A request of any path, query and header gets an answer of the collector that is bounded, and JSON where it says so.
//!
//! The input is a request: the first line is the target, the others are header fields, `Name: value`.

#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Empty};
use libfuzzer_sys::fuzz_target;
use plimsoll_serve::cluster::app::{ClusterApp, ClusterOptions};
use plimsoll_serve::cluster::fake::ClusterFake;
use tokio::runtime::{Builder, Runtime};

static CLUSTER: LazyLock<(Runtime, ClusterApp)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().build().expect("a runtime of this thread alone");
    let options = ClusterOptions { series: true, ..ClusterOptions::default() };
    (runtime, ClusterApp::new(Arc::new(ClusterFake::cluster()), options))
});

fuzz_target!(|input: &[u8]| {
    let mut lines = input.split(|byte| *byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let Ok(mut request) = Request::builder().uri(target).body(Empty::<Bytes>::new()) else { return };
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(line[colon + 1..].trim_ascii()))
        {
            request.headers_mut().append(name, value);
        }
    }
    let (runtime, app) = &*CLUSTER;
    runtime.block_on(async {
        let answer = app.answer(request).await;
        let json = answer.headers().get("content-type").is_some_and(|kind| kind == "application/json")
            && !answer.headers().contains_key("content-encoding");
        let Ok(body) = answer.into_body().collect().await;
        let body = body.to_bytes();
        assert!(body.len() < 1 << 20);
        if json {
            serde_json::from_slice::<serde_json::Value>(&body).expect("JSON");
        }
    });
});
