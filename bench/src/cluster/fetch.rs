//! The least that a collector must do: ask every node for the same, with the same client, at the same pace, and
//! throw the answers away.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use plimsoll_client::{Client, Limits, Tls};

use crate::Result;

/// Questions under way at once, at most.
const AT_ONCE: usize = 256;

/// Starts it, for these nodes and this path.
pub(crate) fn start(kubelets: &[String], path: &str, every: Duration) -> Result<Child> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["fetch", path, &every.as_secs().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().ok_or("no pipe")?;
    kubelets.iter().try_for_each(|kubelet| writeln!(input, "{kubelet}"))?;
    Ok(child)
}

/// The reader itself: path and seconds as arguments, nodes on stdin.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let [path, seconds] = args else { return Err("fetch PATH SECONDS".into()) };
    let every = Duration::from_secs(seconds.parse()?);
    let urls: Vec<String> =
        std::io::stdin().lines().map(|line| Ok(format!("http://{}{path}", line?))).collect::<Result<_>>()?;
    crate::open_files()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let client = Client::new(&Tls::default())?;
        let limits = Limits { within: Duration::from_secs(10), body: 64 << 20 };
        let places = std::sync::Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
        let mut due = tokio::time::interval(every);
        loop {
            due.tick().await;
            let mut round = tokio::task::JoinSet::new();
            for url in &urls {
                let place = std::sync::Arc::clone(&places).acquire_owned().await?;
                let (client, request) = (client.clone(), Request::get(url).body(Bytes::new())?);
                round.spawn(async move {
                    let _ = std::hint::black_box(client.ask(request, limits).await);
                    drop(place);
                });
            }
            round.join_all().await;
        }
    })
}

/// Asks once, over TLS or without, and gives the body.
pub(crate) fn once(client: &Client, runtime: &tokio::runtime::Runtime, url: &str) -> Result<Bytes> {
    let mut request = Request::get(url).body(Bytes::new())?;
    if let Some((name, value)) = plimsoll_client::bearer(super::TOKEN) {
        request.headers_mut().insert(name, value);
    }
    let limits = Limits { within: Duration::from_secs(60), body: 1 << 30 };
    let answer = runtime.block_on(client.ask(request, limits))?;
    if answer.status != 200 {
        let body = String::from_utf8_lossy(&answer.body);
        return Err(format!("{url}: {} {}", answer.status, body.chars().take(300).collect::<String>()).into());
    }
    Ok(answer.body)
}
