//! A client that costs little: one kept connection, GET, the body whole.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Result;

/// A kept connection.
pub(crate) struct Client {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, stream: None }
    }

    /// Asks; a connection that the server has closed is made anew.
    pub(crate) fn get(&mut self, path: &str, gzip: bool) -> Result<Answer> {
        for _ in 0..2 {
            let fresh = self.stream.is_none();
            match self.ask(path, gzip) {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    self.stream = None;
                    if fresh {
                        return Err(error);
                    }
                }
            }
        }
        Err("the connection was closed twice".into())
    }

    fn ask(&mut self, path: &str, gzip: bool) -> Result<Answer> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            self.stream = Some(BufReader::with_capacity(256 * 1024, stream));
        }
        let reader = self.stream.as_mut().ok_or("no connection")?;
        let encoding = if gzip { "gzip" } else { "identity" };
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {encoding}\r\n\r\n");
        reader.get_mut().write_all(request.as_bytes())?;

        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no status line")?;
        let (mut length, mut chunked, mut close) = (None, false, false);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let field = line.trim_end().to_ascii_lowercase();
            match field.split_once(": ") {
                Some(("content-length", value)) => length = Some(value.parse::<usize>()?),
                Some(("transfer-encoding", "chunked")) => chunked = true,
                Some(("connection", "close")) => close = true,
                None if field.is_empty() => break,
                _ => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            read_chunks(reader, &mut body)?;
        } else if let Some(length) = length {
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
        } else {
            reader.read_to_end(&mut body)?;
            close = true;
        }
        if close {
            self.stream = None;
        }
        Ok(Answer { status, body })
    }
}

fn read_chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end().split(';').next().unwrap_or(""), 16)?;
        let start = body.len();
        body.resize(start + size, 0);
        if let Some(rest) = body.get_mut(start..) {
            reader.read_exact(rest)?;
        }
        line.clear();
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}
