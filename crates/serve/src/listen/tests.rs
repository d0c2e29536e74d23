#![allow(clippy::disallowed_methods, reason = "curl is another implementation")]

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::auth::Guard;
use crate::body::full;

/// A server that is going, and how to end it.
struct Server {
    address: Address,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

/// So short that a test sees them run out.
fn hasty() -> Limits {
    Limits {
        connections: 8,
        head_time: Duration::from_millis(300),
        body_time: Duration::from_millis(600),
        half_closed: Duration::from_millis(500),
        idle: Duration::from_secs(2),
        stalled: Duration::from_millis(400),
        ..Limits::default()
    }
}

async fn start(limits: Limits, address: Address, tls: Option<Tls>) -> Server {
    let bound = Bound::bind(&address).await.unwrap();
    let address = bound.address().clone();
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(serve_within(limits, bound, tls, answer, async {
        let _ = stopped.await;
    }));
    Server { address, stop, done }
}

async fn local(limits: Limits) -> Server {
    start(limits, Address::Tcp(([127, 0, 0, 1], 0).into()), None).await
}

/// `/big`: 100 MB in parts; `/late`: `late`, after a while; `/events`: one, and no end; `/never`: no answer; `/echo`: the body; else `ok`.
async fn answer(request: Request<Incoming>) -> Response<Body> {
    static PARTS: AtomicUsize = AtomicUsize::new(0);
    match request.uri().path() {
        "/big" => {
            let parts = futures_util::stream::iter((0..1600).map(|_| {
                PARTS.fetch_add(1, Ordering::Relaxed);
                Ok::<_, std::convert::Infallible>(http_body::Frame::data(bytes::Bytes::from(vec![
                    b'x';
                    65536
                ])))
            }));
            Response::new(http_body_util::StreamBody::new(parts).boxed_unsync())
        }
        "/late" => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Response::new(full("late"))
        }
        "/events" => {
            let event = futures_util::stream::once(async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                bytes::Bytes::from_static(b"event")
            });
            let events = futures_util::StreamExt::chain(event, futures_util::stream::pending());
            Response::new(crate::body::streamed(events))
        }
        "/never" => std::future::pending().await,
        "/parts" => Response::new(full(PARTS.load(Ordering::Relaxed).to_string())),
        "/echo" => match request.into_body().collect().await {
            Ok(body) => Response::new(full(body.to_bytes())),
            Err(_) => Response::new(full("broken")),
        },
        _ => Response::new(full("ok")),
    }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        let Address::Tcp(at) = self.address else { panic!("not TCP") };
        TcpStream::connect(at).await.unwrap()
    }

    /// Sends bytes; what came until the server closed or ten seconds were over.
    async fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        let _ = stream.write_all(bytes).await;
        rest(&mut stream).await
    }

    async fn is_well(&self) -> bool {
        let start = Instant::now();
        let answer = self.talk(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
        answer.starts_with("HTTP/1.1 200")
            && answer.ends_with("ok")
            && start.elapsed() < Duration::from_secs(1)
    }

    async fn end(self) {
        let _ = self.stop.send(());
        self.done.await.unwrap();
    }
}

/// What comes until the end; `...` behind it where the end did not come.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut all)).await;
    let mut text = String::from_utf8_lossy(&all).into_owned();
    if read.is_err() {
        text.push_str("...");
    }
    text
}

#[tokio::test]
async fn garbage_is_answered_with_400_and_a_closed_connection() {
    let server = local(hasty()).await;
    for bytes in
        [b"\0\x01\x02\xff\xfe\r\n\r\n".as_slice(), b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"]
    {
        let answer = server.talk(bytes).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert!(!answer.ends_with("..."), "left open");
    }
    assert!(server.is_well().await);
    server.end().await;
}

#[tokio::test]
async fn a_flood_of_headers_is_refused() {
    let server = local(hasty()).await;
    let many = "x: y\r\n".repeat(200);
    let long = format!("x: {}\r\n", "y".repeat(1 << 20));
    for headers in [many, long] {
        let mut stream = server.connect().await;
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}");
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(b"\r\n").await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert!(!answer.ends_with("..."), "left open");
    }
    assert!(server.is_well().await);
    server.end().await;
}

#[tokio::test]
async fn half_a_request_ends_in_time() {
    let server = local(hasty()).await;
    for half in [
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: x\r\n",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    ] {
        let answer = server.talk(half.as_bytes()).await;
        assert!(!answer.ends_with("..."), "left open after {half:?}: {answer}");
    }
    assert!(server.is_well().await);
    server.end().await;
}

#[tokio::test]
async fn a_head_that_trickles_in_ends_in_time() {
    let server = local(hasty()).await;
    let mut stream = server.connect().await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if stream.write_all(b"x").await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(start.elapsed() < Duration::from_secs(9), "still open");
    server.end().await;
}

#[tokio::test]
async fn a_body_that_trickles_in_ends_in_time() {
    let server = local(hasty()).await;
    let mut stream = server.connect().await;
    // the second has a clock of its own
    for bytes in [6, usize::MAX] {
        let head = format!("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", bytes.min(9999));
        stream.write_all(head.as_bytes()).await.unwrap();
        let start = Instant::now();
        for sent in 0.. {
            if sent == bytes || stream.write_all(b"x").await.is_err() {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(9), "still open");
            tokio::time::sleep(Duration::from_millis(45)).await;
        }
        if bytes == 6 {
            let mut answer = [0; 1024];
            let length = stream.read(&mut answer).await.unwrap();
            assert!(String::from_utf8_lossy(&answer[..length]).ends_with("\r\nxxxxxx"));
        } else {
            assert!(start.elapsed() > Duration::from_millis(500), "{:?}", start.elapsed());
        }
    }
    server.end().await;
}

#[tokio::test]
async fn a_body_that_nobody_reads_loses_no_answer() {
    let server = local(hasty()).await;
    for (length, wait) in [(1, 0), (50_000, 0), (50_000, 100), (2_000_000, 0)] {
        let mut stream = server.connect().await;
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        stream.write_all(&vec![b'x'; length]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut answer = vec![0; 1024];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer[..read]).ends_with("ok"), "{length} bytes");
        // of a body without end a part is read
        if length > 1_000_000 {
            let start = Instant::now();
            while stream.write_all(&[b'x'; 65536]).await.is_ok() {
                assert!(start.elapsed() < Duration::from_secs(9), "still read");
            }
        }
    }
    server.end().await;
}

#[tokio::test]
async fn who_sends_no_more_still_gets_the_answer() {
    let server = local(hasty()).await;
    for (request, want) in [
        ("GET / HTTP/1.0\r\n\r\n", "ok"),
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "ok"),
        ("GET /late HTTP/1.1\r\nHost: x\r\n\r\n", "late"),
        ("GET /late HTTP/1.0\r\n\r\n", "late"),
        ("POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "late"),
        ("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        // one behind the other
        ("GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "ok"),
    ] {
        let mut stream = server.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let start = Instant::now();
        let answer = rest(&mut stream).await;
        assert!(
            answer.starts_with("HTTP/1.") && answer.ends_with(&format!("\r\n{want}")),
            "{request}: {answer}"
        );
        assert!(start.elapsed() < Duration::from_secs(2), "{request}");
    }
    // however long it takes to send it
    let mut stream = server.connect().await;
    stream.write_all(b"GET /big HTTP/1.0\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let (mut piece, mut all) = (vec![0; 1 << 20], 0);
    let start = Instant::now();
    while let read @ 1.. = stream.read(&mut piece).await.unwrap() {
        all += read;
        if start.elapsed() < Duration::from_millis(1200) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(all > 1600 * 65536, "{all} bytes");
    server.end().await;
}

#[tokio::test]
async fn who_has_gone_is_noticed_while_there_is_nothing_to_tell() {
    let server = local(Limits { connections: 1, ..hasty() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    let start = Instant::now();
    while !server.is_well().await {
        assert!(start.elapsed() < Duration::from_secs(5), "still held");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // nobody can tell who has gone from who reads on: both are told for a while what there is to tell
    let mut stream = server.connect().await;
    stream.write_all(b"GET /events HTTP/1.0\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let start = Instant::now();
    assert!(rest(&mut stream).await.ends_with("event"));
    assert!(start.elapsed() < Duration::from_secs(5), "still held");
    server.end().await;
}

#[tokio::test]
async fn a_connection_is_kept_between_requests_but_not_for_ever() {
    let server = local(hasty()).await;
    let mut stream = server.connect().await;
    let mut buffer = [0; 1024];
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        // longer than a head may take, shorter than a connection may idle
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    assert_eq!(rest(&mut stream).await, "");
    server.end().await;
}

#[tokio::test]
async fn who_does_not_read_holds_up_nobody_and_is_dropped() {
    let server = local(hasty()).await;
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        slow.push(stream);
    }
    for _ in 0..10 {
        assert!(server.is_well().await);
    }
    tokio::time::sleep(Duration::from_millis(2500)).await;
    // dropped: what the kernel still holds can be read, but not the hundred megabytes
    for mut stream in slow {
        let mut all = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await;
        assert!(read.is_ok(), "left open");
        assert!(all.len() < 50_000_000, "{}", all.len());
    }
    let parts: usize =
        server.talk(b"GET /parts HTTP/1.0\r\n\r\n").await.lines().last().unwrap().parse().unwrap();
    assert!(parts < 1600, "made {parts} parts for clients that read none");
    server.end().await;
}

#[tokio::test]
async fn the_connection_that_is_too_many_is_told_503_and_idle_ones_make_room() {
    let server =
        local(Limits { idle: Duration::from_secs(30), head_time: Duration::from_secs(30), ..hasty() }).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        held.push(stream);
    }
    let answer = server.talk(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.ends_with("too many connections\n"), "{answer}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(server.is_well().await);
    drop(held);
    server.end().await;
}

#[tokio::test]
async fn the_kernel_asks_whether_a_silent_client_is_still_there() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (taken, _) = listener.accept().await.unwrap();
    prepare(&taken);
    assert!(taken.nodelay().unwrap());
    assert!(sockopt::socket_keepalive(&taken).unwrap());
    assert_eq!(sockopt::tcp_keepidle(&taken).unwrap(), Duration::from_secs(15));
    assert_eq!(sockopt::tcp_keepintvl(&taken).unwrap(), Duration::from_secs(15));
    drop(client);

    // each that is taken: the kernel's own list tells which timer of a connection runs
    let server = local(Limits::default()).await;
    let client = server.connect().await;
    let ends = [client.peer_addr(), client.local_addr()]
        .map(|end| format!("{:08X}:{:04X}", u32::from_ne_bytes([127, 0, 0, 1]), end.unwrap().port()));
    let timer = || {
        let all = fs::read_to_string("/proc/net/tcp").unwrap();
        let line = all.lines().find(|line| line.contains(&ends.join(" "))).map(str::to_owned);
        line.and_then(|line| line.split_ascii_whitespace().nth(5).map(|timer| timer[..2].to_owned()))
    };
    let start = Instant::now();
    while timer().as_deref() != Some("02") {
        assert!(start.elapsed() < Duration::from_secs(5), "no keep-alive: {:?}", timer());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.end().await;
}

#[tokio::test]
async fn the_end_comes_within_a_second_or_so() {
    let server = local(Limits::default()).await;
    let mut waiting = server.connect().await;
    waiting.write_all(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let idle = server.connect().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    server.end().await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(rest(&mut waiting).await, "");
    drop(idle);
}

#[tokio::test]
async fn a_unix_socket_replaces_a_stale_one_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a socket that nobody listens on");
    let server = start(hasty(), Address::Unix(path.clone()), None).await;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let second = Bound::bind(&Address::Unix(path.clone())).await.unwrap_err();
    assert!(second.to_string().starts_with("cannot listen on unix:/"), "{second}");
    let mut stream = UnixStream::connect(&path).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("ok"), "{answer}");
    server.end().await;
    assert!(!path.exists(), "removed at the end");
    fs::write(&path, "a file of somebody else").unwrap();
    assert!(Bound::bind(&Address::Unix(path.clone())).await.is_err());
    assert!(path.exists());
}

/// What curl answers, or nothing where there is none.
async fn curl(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "5"]).args(arguments);
    match tokio::task::spawn_blocking(move || command.output()).await.unwrap() {
        Ok(done) => Some(String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()),
        Err(_) => {
            println!("skipped: no curl here");
            None
        }
    }
}

#[tokio::test]
async fn curl_speaks_tls_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("crt"), folder.path().join("key"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1", "-out"])
        .arg(&cert)
        .arg("-keyout")
        .arg(&key)
        .output();
    if !made.is_ok_and(|done| done.status.success()) {
        return println!("skipped: no openssl here");
    }
    let tls = Tls::load(cert.clone(), key, None).unwrap();
    let server = start(hasty(), Address::Tcp(([127, 0, 0, 1], 0).into()), Some(tls)).await;
    let Address::Tcp(at) = server.address else { panic!("not TCP") };
    let (url, resolve) =
        (format!("https://localhost:{}/", at.port()), format!("localhost:{}:127.0.0.1", at.port()));
    if let Some(answer) = curl(&["--cacert", cert.to_str().unwrap(), "--resolve", &resolve, &url]).await {
        assert_eq!(answer, "ok");
    }
    let plain = server.talk(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!plain.contains("200"), "{plain}");
    server.end().await;
}

#[tokio::test]
async fn curl_logs_in_with_basic_and_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (basic, digest) = (folder.path().join("basic"), folder.path().join("digest"));
    fs::write(&basic, "admin:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
    fs::write(&digest, "admin:localhost:70f2631dded4ce5ad0ebbea5faa6ad6e\n").unwrap();
    for (guard, how, password) in [
        (Guard::basic(basic, "localhost".into()), "--basic", "secret"),
        (Guard::digest(digest, "localhost".into()), "--digest", "password1"),
    ] {
        let guard = Arc::new(guard);
        let bound = Bound::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).await.unwrap();
        let url = format!("http://{}/containers/a?b=c", bound.address());
        let handler = move |request: Request<Incoming>| {
            let guard = Arc::clone(&guard);
            async move {
                match guard.check(request.method(), request.uri(), request.headers()).await {
                    Ok(extra) => {
                        let mut response = Response::new(full("welcome"));
                        response.headers_mut().extend(extra);
                        response
                    }
                    Err(refusal) => refusal,
                }
            }
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(serve(bound, None, handler, async {
            let _ = stopped.await;
        }));
        let good = format!("admin:{password}");
        if let Some(answer) = curl(&[how, "-u", &good, &url]).await {
            assert_eq!(answer, "welcome");
            // twice over one connection: the second digest counts on with the same nonce
            assert_eq!(curl(&[how, "-u", &good, &url, &url]).await.unwrap(), "welcomewelcome");
            assert_eq!(curl(&[how, "-u", "admin:wrong", &url]).await.unwrap(), "401 Unauthorized\n");
            assert_eq!(curl(&[how, "-u", "other:wrong", &url]).await.unwrap(), "401 Unauthorized\n");
            assert_eq!(curl(&[&url]).await.unwrap(), "401 Unauthorized\n");
        }
        let _ = stop.send(());
        done.await.unwrap();
    }
}
