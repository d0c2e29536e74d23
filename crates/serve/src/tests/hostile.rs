//! No request panics, and every answer is bounded.

use std::sync::LazyLock;

use http::Request;
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::app::App;
use crate::fake::Fake;

static HOST: LazyLock<(Runtime, App)> = LazyLock::new(|| {
    (tokio::runtime::Builder::new_current_thread().build().unwrap(), super::app(Fake::host()))
});

/// Asks without waiting for streams; a request that `http` itself refuses never comes here.
fn answered(method: &str, uri: &str, body: &[u8]) -> Option<(u16, usize)> {
    let request =
        Request::builder().method(method).uri(uri).body(Full::<bytes::Bytes>::from(body.to_vec())).ok()?;
    let (runtime, app) = &*HOST;
    Some(runtime.block_on(async {
        let answer = app.answer(request).await;
        let status = answer.status().as_u16();
        let stream = status == 200 && !answer.headers().contains_key("content-type");
        let length = if stream { 0 } else { answer.into_body().collect().await.unwrap().to_bytes().len() };
        (status, length)
    }))
}

/// What a browser is told: the status, where to go, how many bytes.
fn shown(path: &str) -> (u16, String, usize) {
    let request = Request::get(path).header("accept", "text/html");
    let (runtime, app) = &*HOST;
    runtime.block_on(async {
        let answer = app.answer(request.body(Full::<bytes::Bytes>::default()).unwrap()).await;
        let to = answer.headers().get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
        (answer.status().as_u16(), to, answer.into_body().collect().await.unwrap().to_bytes().len())
    })
}

#[test]
fn no_page_grows_with_the_length_of_its_path() {
    for place in ["containers", "docker", "podman"] {
        for again in ["/%2e", "/%2E%2e", "/%2F", "/.%2F", "/%2F/%2e%2e/x%2F.."] {
            for (end, to) in [("", ""), ("/", ""), ("/a%20b", "a%20b"), ("/a/", "a/")] {
                let path = format!("/{place}{}{end}", again.repeat(60_000 / again.len()));
                let (status, location, length) = shown(&path);
                assert_eq!((status, location), (301, format!("/{place}/{to}")), "{again} {end}");
                assert!(length < 100, "{length} bytes");
            }
        }
        // nobody's names
        let (status, _, length) = shown(&format!("/{place}{}", "/a".repeat(32_000)));
        assert_eq!(status, 404);
        assert!(length < 200_000, "{length} bytes");
    }
    let (status, to, _) = shown("/containers/%2e%2e/docker%2f/?x=%2e");
    assert_eq!((status, to.as_str()), (301, "/containers/docker/?x=%2e"));
}

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => prop::sample::select(vec![
            "api", "v1.0", "v1.1", "v1.2", "v1.3", "v2.0", "v2.1", "containers", "subcontainers", "docker", "podman",
            "machine", "events", "appmetrics", "attributes", "machinestats", "ps", "spec", "stats", "storage",
            "summary", "version", "static", "validate", "healthz", "metrics", "debug", "resource", "cadvisor", "pods", "summary", "pprof", "fx-web", "", "..",
            ".", "%2F", "%zz", "%00", "%5Cx2d", "%ff",
        ]).prop_map(str::to_owned),
        1 => "[!-~]{0,20}",
    ];
    prop::collection::vec(part, 0..7).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn query() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "type",
        "count",
        "recursive",
        "max_age",
        "label",
        "uuid",
        "max_events",
        "start_time",
        "end_time",
        "all_events",
        "oom_events",
        "subcontainers",
        "stream",
        "x",
        "",
    ]);
    let value = prop_oneof![
        4 => prop::sample::select(vec![
            "docker", "podman", "name", "-1", "-2", "0", "1", "true", "false", "10s", "0s", "-5s", "1h1m",
            "99999999999999999999", "9223372036854775807", "-9223372036854775808", "2026-11-21T10:48:04Z",
            "0001-01-01T00:00:00Z", "%zz", "",
        ]).prop_map(str::to_owned),
        1 => "[!-\"$-~]{0,20}",
    ];
    let pair = (key, value).prop_map(|(key, value)| format!("{key}={value}"));
    prop::collection::vec(pair, 0..5).prop_map(|pairs| pairs.join("&"))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..200),
        Just("[".repeat(100_000).into_bytes()),
        Just(vec![b' '; (1 << 20) + 1]),
        "\\{\"(num_stats|NUM_STATS|start|end|x)\":(-?[0-9]{1,25}|null|\"[^\"]{0,30}\"|\\{\\}|1e400)\\}"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_request_panics(
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "OPTIONS", "X"]),
        path in path(),
        query in query(),
        body in body(),
    ) {
        if let Some((status, length)) = answered(method, &format!("{path}?{query}"), &body) {
            prop_assert!([200, 301, 307, 400, 404, 413, 500].contains(&status), "{status}");
            prop_assert!(length < 200_000, "{length} bytes");
            prop_assert!(method != "HEAD" || length == 0);
        }
    }

    #[test]
    fn json_answers_are_json(path in path(), query in query()) {
        let uri = format!("/api{path}?{query}");
        let Ok(request) = Request::builder().uri(&uri).body(Full::<bytes::Bytes>::default()) else { return Ok(()) };
        let (runtime, app) = &*HOST;
        runtime.block_on(async {
            let answer = app.answer(request).await;
            if answer.headers().get("content-type").is_some_and(|kind| kind == "application/json") {
                let body = answer.into_body().collect().await.unwrap().to_bytes();
                assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok(), "{uri}");
            }
        });
    }
}
