//! The API from outside: requests in, bytes out, over the small cluster.

mod errors;
mod golden;
mod lists;

use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;

use super::access::{Mode, Options};
use super::*;
use crate::cluster::fake::ClusterFake;

const BASE: &str = "/apis/metrics.k8s.io/v1beta1";

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The names of a list's items.
    fn names(&self) -> Vec<String> {
        let json = self.json();
        assert_eq!(self.status, 200, "{json}");
        let items = json["items"].as_array().unwrap();
        items.iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn open(past: ClusterFake) -> Kubernetes {
    gated(past, Mode::Open)
}

fn gated(past: ClusterFake, mode: Mode) -> Kubernetes {
    let gate = Arc::new(Gate::new(mode, Options::default()).unwrap());
    let meters = Arc::new(Meters::new(Duration::from_secs(60)));
    Kubernetes::new(Arc::new(past), gate, meters, Arc::default())
}

async fn ask(k8s: &Kubernetes, method: &str, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = k8s.answer(&request.body(()).unwrap().into_parts().0).await;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(k8s: &Kubernetes, uri: &str) -> Answer {
    ask(k8s, "GET", uri, &[]).await
}
