//! Against an agent with hand-made answers.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::*;

const LONG: Duration = Duration::from_secs(20);
const WEB: &str = "8f26097e-759a-49ec-bf97-ea8c4ce682da";

/// What the agent answers to a request, which must be one that it understands.
fn answer(request: &str) -> String {
    let (head, body) = request.split_once("\r\n\r\n").unwrap_or_default();
    let json = head.to_ascii_lowercase().contains("content-type: application/json");
    let body = match body {
        _ if !head.starts_with("POST /api/v1 ") || !json => "",
        r#"{"type":"GET_CONTAINERS"}"# => include_str!("testdata/get_containers.json"),
        r#"{"type":"GET_STATE"}"# => include_str!("testdata/get_state.json"),
        _ => "",
    };
    let status = if body.is_empty() { "415 Unsupported Media Type" } else { "200 OK" };
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn agent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    serve(listener);
    address
}

fn serve(listener: TcpListener) {
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = String::new();
            while !request.ends_with('}') {
                let mut part = vec![0; 4096];
                let len = stream.read(&mut part).await.unwrap_or(0);
                request.push_str(&String::from_utf8_lossy(&part[..len]));
                if len == 0 {
                    break;
                }
            }
            let _ = stream.write_all(answer(&request).as_bytes()).await;
        }
    });
}

#[tokio::test]
async fn a_container_is_known_with_its_labels_and_another_is_not() {
    let (to, mut told) = mpsc::channel(64);
    let config = Config { agent: agent().await, timeout: LONG };
    let mesos = start(config, &Handle::current(), to).unwrap();
    let group = format!("mesos/{WEB}");
    mesos.ask(&group);
    let Told::Known { id, identity } = timeout(LONG, told.recv()).await.unwrap().unwrap() else { panic!() };
    assert_eq!((id.as_str(), identity.namespace, identity.id.as_str()), (group.as_str(), "mesos", WEB));
    assert_eq!(identity.aliases, [WEB, &format!("/mesos/{WEB}")]);
    assert_eq!(
        (identity.labels["framework"].as_str(), identity.labels["team"].as_str()),
        ("marathon", "web")
    );
    assert_eq!((identity.pid, identity.has_network), (Some(18_191), false));
    let none = group.replace('8', "9");
    mesos.ask(&none);
    assert_eq!(timeout(LONG, told.recv()).await.unwrap().unwrap(), Told::Unknown { id: none });
}

#[tokio::test]
async fn one_that_only_mesos_can_know_waits_for_the_agent_and_others_do_not() {
    let (to, mut told) = mpsc::channel(64);
    // free, and nobody listens
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config = Config { agent: format!("http://{address}"), timeout: LONG };
    let mesos = start(config, &Handle::current(), to).unwrap();
    let (sure, perhaps) = (format!("mesos/{WEB}"), format!("x/{WEB}"));
    mesos.ask(&sure);
    mesos.ask(&perhaps);
    let word = timeout(LONG, told.recv()).await.unwrap().unwrap();
    assert_eq!(word, Told::Unknown { id: perhaps });
    serve(TcpListener::bind(address).await.unwrap());
    let word = timeout(LONG, told.recv()).await.unwrap().unwrap();
    assert!(matches!(&word, Told::Known { id, .. } if *id == sure), "{word:?}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    for agent in ["", "host:port:x", "http://"] {
        let config = Config { agent: agent.to_owned(), ..Config::default() };
        assert!(Mesos::new(config).is_err(), "{agent}");
    }
}
