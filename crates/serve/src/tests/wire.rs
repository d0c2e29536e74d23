//! Over a real connection: what hyper makes of our answers.

use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::app::{App, Options};
use crate::fake::Fake;

/// A connection to an app over this past.
fn connect(past: Arc<Fake>) -> DuplexStream {
    let app = Arc::new(App::new(past, Options::default()));
    let (client, server) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let service = service_fn(move |request| {
            let app = Arc::clone(&app);
            async move { Ok::<_, std::convert::Infallible>(app.answer(request).await) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
        // the client hangs up in the middle: that is what is tested
        let _ = connection.await;
    });
    client
}

/// Reads until the text ends so.
async fn read_until(client: &mut DuplexStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        assert_eq!(client.read(&mut byte).await.unwrap(), 1, "the connection ended after {text}");
        text.push(char::from(byte[0]));
    }
    text
}

#[tokio::test]
async fn a_stream_tells_its_head_before_anything_happens() {
    let host = Arc::new(Fake::host());
    let mut client = connect(Arc::clone(&host));
    client
        .write_all(b"GET /api/v1.3/events?stream=true&all_events=true HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let head = read_until(&mut client, "\r\n\r\n").await.to_lowercase();
    assert!(head.starts_with("http/1.1 200 ok\r\n") && head.contains("transfer-encoding: chunked"), "{head}");
    assert!(!head.contains("content-type"), "{head}");
    host.happens.send(Arc::new(host.events[0].clone())).unwrap();
    let chunk = read_until(&mut client, "}\n\r\n").await;
    assert!(chunk.contains("{\"container_name\":\"/\""), "{chunk}");
    drop(client);
    for _ in 0..1000 {
        if host.happens.receiver_count() == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the stream outlived its client");
}

#[tokio::test]
async fn head_tells_the_length_and_the_connection_goes_on() {
    let mut client = connect(Arc::new(Fake::host()));
    client.write_all(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let head = read_until(&mut client, "\r\n\r\n").await.to_lowercase();
    assert!(head.contains("content-length: 2\r\n"), "{head}");
    client.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(read_until(&mut client, "\r\n\r\nok").await.starts_with("HTTP/1.1 200 OK"));
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let mut client = connect(Arc::new(Fake::host()));
    client
        .write_all(b"POST /api/v1.3/containers/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
        .await
        .unwrap();
    // not a byte of it is sent: the declared length is enough
    assert!(read_until(&mut client, "\r\n\r\n").await.starts_with("HTTP/1.1 413"));
}
