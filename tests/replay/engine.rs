//! A Docker that answers what the captured one answered, on a Unix socket; its events never come.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::Archive;

/// Serves until the test's process ends. Gives the socket.
pub fn start(folder: &Path, archive: &Archive) -> PathBuf {
    let socket = folder.join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let answers = Arc::new(answers(archive));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = answers.clone();
            // a client that goes away early is no concern of the test
            std::thread::spawn(move || drop(answer(stream, &answers)));
        }
    });
    socket
}

/// Bodies by path.
fn answers(archive: &Archive) -> HashMap<String, Vec<u8>> {
    let mut answers = HashMap::from([("/_ping".to_owned(), b"OK".to_vec())]);
    for path in archive.paths().filter_map(|path| path.strip_prefix("docker/")) {
        let body = archive.file(&format!("docker/{path}")).unwrap().to_vec();
        let at = match path.strip_suffix(".json").unwrap() {
            "containers" => "/containers/json".to_owned(),
            "images" => "/images/json".to_owned(),
            name if name.starts_with("inspect-") => {
                let inspect: serde_json::Value = serde_json::from_slice(&body).unwrap();
                format!("/containers/{}/json", inspect["Id"].as_str().unwrap())
            }
            name => format!("/{name}"),
        };
        answers.insert(at, body);
    }
    answers
}

fn answer(stream: UnixStream, answers: &HashMap<String, Vec<u8>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let mut stream = stream;
    if path == "/events" {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        // open and silent, until the client goes
        return reader.read_line(&mut line).map(drop);
    }
    let (status, body) = match answers.get(path) {
        Some(body) => ("200 OK", body.as_slice()),
        None => ("404 Not Found", &br#"{"message":"no such thing"}"#[..]),
    };
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(body)
}
