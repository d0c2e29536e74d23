//! As much of an HTTP client as the tests need: one request a connection, and a stream of lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

pub fn get(to: SocketAddr, path: &str) -> Result<Response, String> {
    request(to, "GET", path, &[], b"")
}

pub fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response, String> {
    let mut reader = open(to, method, path, headers, body)?;
    let (status, headers) = head(&mut reader)?;
    let mut response = Response { status, headers, body: Vec::new() };
    let chunked =
        response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    if chunked {
        while let Some(chunk) = chunk(&mut reader)? {
            response.body.extend(chunk);
        }
    } else if let Some(length) =
        response.header("content-length").and_then(|value| value.parse::<usize>().ok())
    {
        response.body.resize(if method == "HEAD" { 0 } else { length }, 0);
        reader
            .read_exact(&mut response.body)
            .map_err(|error| format!("{path}: the body ended early: {error}"))?;
    } else {
        reader.read_to_end(&mut response.body).map_err(|error| error.to_string())?;
    }
    Ok(response)
}

/// An answer without end, chunk by chunk.
pub struct Stream {
    reader: BufReader<TcpStream>,
}

impl Stream {
    pub fn open(to: SocketAddr, path: &str) -> Result<Self, String> {
        let mut reader = open(to, "GET", path, &[], b"")?;
        let (status, _) = head(&mut reader)?;
        if status == 200 { Ok(Self { reader }) } else { Err(format!("{path}: status {status}")) }
    }

    /// The next line of JSON.
    pub fn next(&mut self) -> Result<serde_json::Value, String> {
        let mut line = Vec::new();
        loop {
            let part = chunk(&mut self.reader)?.ok_or("the stream ended")?;
            line.extend(part);
            if line.ends_with(b"\n") {
                return serde_json::from_slice(&line).map_err(|error| error.to_string());
            }
        }
    }
}

fn open(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<BufReader<TcpStream>, String> {
    let limit = super::seconds(20.0);
    let stream = TcpStream::connect_timeout(&to, limit).map_err(|error| format!("{to}: {error}"))?;
    stream.set_read_timeout(Some(limit)).map_err(|error| error.to_string())?;
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (key, value) in headers {
        text += &format!("{key}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += "\r\n";
    let mut writer = &stream;
    writer
        .write_all(text.as_bytes())
        .and_then(|()| writer.write_all(body))
        .map_err(|error| error.to_string())?;
    Ok(BufReader::new(stream))
}

type Head = (u16, Vec<(String, String)>);

fn head(reader: &mut impl BufRead) -> Result<Head, String> {
    let first = line(reader)?;
    let status =
        first.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(format!("not HTTP: {first:?}"))?;
    let mut headers = Vec::new();
    loop {
        let text = line(reader)?;
        let Some((key, value)) = text.split_once(':') else { return Ok((status, headers)) };
        headers.push((key.to_owned(), value.trim().to_owned()));
    }
}

fn chunk(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let size = line(reader)?;
    let size = usize::from_str_radix(size.split(';').next().unwrap_or(""), 16)
        .map_err(|error| format!("{size:?}: {error}"))?;
    let mut part = vec![0; size];
    reader.read_exact(&mut part).map_err(|error| error.to_string())?;
    line(reader)?;
    Ok((size > 0).then_some(part))
}

fn line(reader: &mut impl BufRead) -> Result<String, String> {
    let mut text = String::new();
    match reader.read_line(&mut text) {
        Ok(0) => Err("the connection ended".into()),
        Ok(_) => Ok(text.trim_end().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
