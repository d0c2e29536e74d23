//! The routes from outside: requests in, bytes out, over a collector's past made of literals.

mod export;
mod golden;
mod historical;
mod hostile;
mod large;
mod routes;
mod scrape;
mod tls;

use std::sync::Arc;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};

use super::app::{ClusterApp, ClusterOptions};
use super::fake::ClusterFake;

/// An answer, whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn app(past: ClusterFake) -> ClusterApp {
    ClusterApp::new(Arc::new(past), ClusterOptions::default())
}

async fn ask(app: &ClusterApp, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = app.answer(request.body(Empty::<bytes::Bytes>::new()).unwrap()).await;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(app: &ClusterApp, uri: &str) -> Answer {
    ask(app, "GET", uri, &[]).await
}
