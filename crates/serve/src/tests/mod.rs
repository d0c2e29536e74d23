//! The routes from outside: requests in, bytes out, over a past made of literals.

mod errors;
mod events;
pub(crate) mod golden;
mod hostile;
mod live;
mod pages;
mod recorded;
mod routes;
pub(crate) mod shape;
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

/// The answer as it goes out, with the script of a program that was built with one.
pub(crate) async fn raw(app: &App, method: &str, uri: &str, body: &str) -> Answer {
    let (parts, body) = respond(app, method, uri, body).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

/// A page as a program without the script sends it: tests say the same whether Node.js was there or not.
fn without_script(page: &str) -> String {
    let ours = |line: &&str| !(line.starts_with("<script src=\"") && line.contains("static/page.js?v="));
    page.split_inclusive('\n').filter(ours).collect()
}

pub(crate) async fn ask(app: &App, method: &str, uri: &str, body: &str) -> Answer {
    let mut answer = raw(app, method, uri, body).await;
    if answer.header("content-type").starts_with("text/html") {
        answer.body = without_script(answer.text()).into_bytes();
    }
    answer
}

pub(crate) async fn get(app: &App, uri: &str) -> Answer {
    ask(app, "GET", uri, "").await
}
