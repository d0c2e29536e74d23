//! The routes from outside: requests in, bytes out, over a past made of literals.

mod errors;
mod events;
mod golden;
mod hostile;
mod live;
mod pages;
mod recorded;
mod routes;
mod shape;
mod wire;

use std::sync::Arc;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};

use crate::app::{App, Options};
use crate::body::Body;
use crate::fake::Fake;

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub(crate) fn app(past: Fake) -> App {
    App::new(Arc::new(past), Options::default())
}

pub(crate) async fn respond(app: &App, method: &str, uri: &str, body: &str) -> Response<Body> {
    let request =
        Request::builder().method(method).uri(uri).body(Full::<bytes::Bytes>::from(body.to_owned())).unwrap();
    app.answer(request).await
}

pub(crate) async fn ask(app: &App, method: &str, uri: &str, body: &str) -> Answer {
    let (parts, body) = respond(app, method, uri, body).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

pub(crate) async fn get(app: &App, uri: &str) -> Answer {
    ask(app, "GET", uri, "").await
}
