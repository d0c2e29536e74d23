//! The page's data: who may have it, in which form, and as it changes.

use std::io::Read;
use std::sync::Arc;

use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde_json::Value;

use super::{app, get, respond};
use crate::app::{App, Options, Protect};
use crate::auth::Guard;
use crate::body::Body;
use crate::fake::{Fake, START, WEB};
use crate::overview::live::CLIENTS;

const LIVE: &str = "/api/plimsoll/v1/live?interval=1s";

async fn event(body: &mut Body) -> String {
    let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
    String::from_utf8(data.to_vec()).unwrap()
}

/// Number, kind and data of an event.
fn parts(event: &str) -> (&str, &str, Value) {
    let mut lines = event.strip_suffix("\n\n").unwrap().lines();
    let mut line = |key: &str| lines.next().unwrap().strip_prefix(key).unwrap();
    let (id, kind, data) = (line("id: "), line("event: "), line("data: "));
    assert_eq!(lines.next(), None, "an event is one line of data");
    (id, kind, serde_json::from_str(data).unwrap())
}

#[tokio::test]
async fn everything_first_then_what_changes() {
    let app = app(Fake::host());
    let answer = respond(&app, "GET", LIVE, "").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let mut body = answer.into_body();
    let full = event(&mut body).await;
    let (id, kind, overview) = parts(&full);
    assert_eq!((id, kind, overview["rows"].as_array().unwrap().len()), ("1", "full", 5));
    assert_eq!(overview, {
        let mut same = get(&app, "/api/plimsoll/v1/overview").await.json();
        // computed at another pace
        same["machine"]["spark"] = overview["machine"]["spark"].clone();
        for (nth, row) in same["rows"].as_array_mut().unwrap().iter_mut().enumerate() {
            row["spark"] = overview["rows"][nth]["spark"].clone();
        }
        same
    });
    let delta = event(&mut body).await;
    let (id, kind, delta) = parts(&delta);
    assert_eq!((id, kind), ("2", "delta"));
    assert_eq!(delta["gone"], serde_json::json!([]));
    drop(app);
    assert!(body.collect().await.unwrap().to_bytes().is_empty(), "it ends with the host");
}

#[tokio::test]
async fn one_container_alone() {
    let app = app(Fake::host());
    let uri = format!("{LIVE}&name=/docker/{WEB}");
    let mut body = respond(&app, "GET", &uri, "").await.into_body();
    let full = event(&mut body).await;
    let rows = &parts(&full).2["rows"];
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["title"]), (1, &"fx-web".into()));
    assert!(body.frame().now_or_never().is_none(), "nothing until the interval is over");
}

#[tokio::test]
async fn one_reader_too_many_is_told_so_and_one_that_goes_makes_room() {
    let app = app(Fake::host());
    let mut readers = Vec::new();
    for _ in 0..CLIENTS {
        let answer = respond(&app, "GET", LIVE, "").await;
        assert_eq!(answer.status(), 200);
        readers.push(answer);
    }
    let refused = get(&app, LIVE).await;
    assert_eq!(refused.status, 503);
    assert!(refused.text().starts_with("64 clients look on already"), "{}", refused.text());
    readers.pop();
    assert_eq!(respond(&app, "GET", LIVE, "").await.status(), 200);
}

#[tokio::test]
async fn the_head_alone_holds_no_place() {
    let app = app(Fake::host());
    for _ in 0..=CLIENTS {
        assert_eq!(respond(&app, "HEAD", LIVE, "").await.status(), 200);
    }
}

#[tokio::test]
async fn the_pages_data_is_guarded_like_the_page() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let guard = Guard::basic(file.path().to_owned(), "x".to_owned());
    let protect = Protect { guard: Some(guard), all: false };
    let app = App::new(Arc::new(Fake::host()), Options { protect, ..Options::default() });
    for (uri, status) in [
        ("/api/plimsoll/v1/overview", 401),
        ("/api/plimsoll/v1/overview/", 401),
        ("/api/plimsoll/v1/over%76iew", 401),
        ("/api/%70limsoll/v1/overview", 401),
        ("/api/plimsoll/v1/live", 401),
        ("/api/plimsoll/v1/series?name=/", 401),
        ("/api/plimsoll/v1/advice?name=/", 401),
        ("/api/plimsoll/v1/missing", 401),
        ("/api/plimsoll/v1/ended", 200),
        ("/api/v1.3/machine", 200),
    ] {
        assert_eq!(respond(&app, "GET", uri, "").await.status(), status, "{uri}");
    }
}

#[tokio::test]
async fn a_large_answer_is_compressed_where_the_client_takes_it() {
    let app = app(Fake::host());
    let ask = async |accept: &str| {
        let request = http::Request::get("/api/plimsoll/v1/overview").header("accept-encoding", accept);
        app.answer(request.body(String::new()).unwrap()).await
    };
    let plain = ask("identity").await;
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(plain.headers()["vary"], "Accept-Encoding");
    let plain = plain.into_body().collect().await.unwrap().to_bytes();
    let zipped = ask("br, gzip").await;
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    let zipped = zipped.into_body().collect().await.unwrap().to_bytes();
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&*zipped).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain);
}

#[tokio::test]
async fn a_series_begins_after_what_is_known() {
    let app = app(Fake::host());
    let ask =
        async |more: String| get(&app, &format!("/api/plimsoll/v1/series?name=/docker/{WEB}{more}")).await;
    let all = ask(String::new()).await.json();
    assert_eq!(all["at"].as_array().unwrap().len(), 3);
    assert_eq!(all["columns"]["cpu"], serde_json::json!([null, 0.2, 0.2]));
    let since = START.plus_nanos(2_811_751_959);
    let rest = ask(format!("&since={since}")).await.json();
    assert_eq!(
        (&rest["at"], &rest["columns"]["cpu"]),
        (&all["at"].as_array().unwrap()[2..].into(), &vec![0.2].into())
    );
    let few = ask("&points=2".to_owned()).await.json();
    assert_eq!(few["at"], serde_json::json!([all["at"][0], all["at"][2]]), "the newest is always there");
    assert_eq!(few["columns"]["cpu"], serde_json::json!([null, 0.2]), "the average over what is left out");
}

#[tokio::test]
async fn a_series_has_no_column_of_nothing() {
    let app = app(Fake::host());
    let columns = get(&app, "/api/plimsoll/v1/series?name=/docker").await.json()["columns"].clone();
    assert!(columns.get("rx").is_none() && columns.get("memory_limit").is_none(), "{columns}");
}
