//! Against a socket with hand-made answers.

use std::cell::Cell;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::timeout;

use super::*;

const LONG: Duration = Duration::from_secs(20);
const ID: &str = "a6ee0b5b4d4e09e3a6d36797665f428a9939f580df4f82d541ee58ebeb6082eb";
const WEB: &str = include_str!("testdata/container-web.json");

fn answer(path: &str) -> String {
    let body = match path {
        "/info" => r#"{"storage_driver":"overlay"}"#,
        path if path == format!("/containers/{ID}") => WEB,
        _ => return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
    };
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_container_is_known_with_its_start_and_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for folder in ["proc/18191", "proc/9", "exits"] {
        std::fs::create_dir_all(at(folder)).unwrap();
    }
    std::fs::write(at("proc/stat"), "btime 1795255200\n").unwrap();
    std::fs::write(at("proc/18191/stat"), "1 (a) S 1 1 1 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 9 0 5250 7")
        .unwrap();
    std::fs::write(at("proc/9/comm"), "conmon\n").unwrap();
    std::fs::write(at("proc/9/cmdline"), format!("conmon\0-c\0{ID}\0--exit-dir\0/exits")).unwrap();
    let listener = UnixListener::bind(at("crio.sock")).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let len = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..len]).into_owned();
            let _ = stream.write_all(answer(request.split(' ').nth(1).unwrap_or_default()).as_bytes()).await;
        }
    });
    let (to, mut told) = mpsc::channel(64);
    let config = Config {
        socket: at("crio.sock"),
        proc: at("proc"),
        rootfs: dir.path().to_owned(),
        ..Config::default()
    };
    let crio = start(config, &Handle::current(), to);
    crio.ask(ID);
    let mut next = async |fits: &dyn Fn(&Told) -> bool| loop {
        let next = timeout(LONG, told.recv()).await.unwrap().unwrap();
        if fits(&next) {
            return next;
        }
    };
    let Told::Known { identity, .. } = next(&|told| matches!(told, Told::Known { .. })).await else {
        panic!()
    };
    assert_eq!(identity.aliases[0], "k8s_main_web_default_0f9c2b8e_3");
    assert_eq!(identity.started.unwrap().to_string(), "2026-11-21T10:00:52.5Z");
    std::fs::write(at("exits/.x"), "7").unwrap();
    std::fs::rename(at("exits/.x"), at("exits").join(ID)).unwrap();
    let ended = Told::Ended { id: ID.to_owned(), exit_code: Some(7), oom_killed: false, again: false };
    next(&|told| *told == ended).await;
    let none = "0".repeat(64);
    crio.ask(&none);
    next(&|told| *told == Told::Unknown { id: none.clone() }).await;
}

#[tokio::test]
async fn while_it_is_away_its_files_tell_and_when_it_is_back_it_does() {
    const CONFIG: &str = include_str!("testdata/1.30/config-container.json");
    const OF_FILE: &str = "4b1f6f8f9a3a4bb8a2e8b2c53a7d0c4f0a3e9d8c7b6a5f4e3d2c1b0a99887766";
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let put = |name: &str, text: &str| {
        std::fs::create_dir_all(at(name).parent().unwrap()).unwrap();
        std::fs::write(at(name), text).unwrap();
    };
    let bundle = format!("var/lib/containers/storage/overlay-containers/{ID}/userdata");
    put(&format!("{bundle}/config.json"), &CONFIG.replace(OF_FILE, ID));
    put(&format!("{bundle}/pidfile"), "18191");
    put("proc/18191/cgroup", &format!("0::/x/crio-{ID}.scope\n"));
    put("proc/18191/stat", "1 (a) S 1 1 1 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 9 0 5250 7");
    put("proc/stat", "btime 1795255200\n");
    let (to, mut told) = mpsc::channel(64);
    let config = Config {
        socket: at("crio.sock"),
        proc: at("proc"),
        rootfs: dir.path().to_owned(),
        timeouts: Timeouts { ping_every: Duration::from_millis(20), ..Timeouts::default() },
    };
    let crio = start(config, &Handle::current(), to);
    crio.ask(ID);
    let mut seen = Vec::new();
    let mut next = async |fits: &dyn Fn(&Told) -> bool| loop {
        let next = timeout(LONG, told.recv()).await.unwrap().unwrap();
        seen.push(next.clone());
        if fits(&next) {
            return next;
        }
    };
    let named = |name: &'static str| move |told: &Told| matches!(told, Told::Known { identity, .. } if identity.aliases[0] == name);
    let Told::Known { identity, .. } =
        next(&named("k8s_main_web_default_408d24a5-0f17-411c-96d6-45c7002c5df9_0")).await
    else {
        panic!()
    };
    assert_eq!((identity.pid, identity.volumes.len()), (Some(18191), 1));
    assert_eq!(identity.started.unwrap().to_string(), "2026-11-21T10:00:52.5Z");
    // and it is told that it is not there
    next(&|told| matches!(told, Told::Down { .. })).await;
    let listener = UnixListener::bind(at("crio.sock")).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let len = stream.read(&mut request).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..len]).into_owned();
            let _ = stream.write_all(answer(request.split(' ').nth(1).unwrap_or_default()).as_bytes()).await;
        }
    });
    // in whichever order
    let (is_named, is_up) = (Cell::new(false), Cell::new(false));
    next(&|told| {
        is_named.set(is_named.get() || named("k8s_main_web_default_0f9c2b8e_3")(told));
        is_up.set(is_up.get() || matches!(told, Told::Up { .. }));
        is_named.get() && is_up.get()
    })
    .await;
    let downs = seen.iter().filter(|told| matches!(told, Told::Down { .. })).count();
    assert_eq!(downs, 1, "{seen:?}");
}
