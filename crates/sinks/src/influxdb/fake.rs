//! A server for tests that writes down what it is asked and answers as it is told.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A request: `POST /write?db=k8s`, its headers in lower case, its body.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text; of a form the first value.
    pub(super) fn text(&self) -> String {
        let text = String::from_utf8(self.body.clone()).unwrap();
        match text.strip_prefix("q=") {
            Some(_) => url::form_urlencoded::parse(&self.body).next().unwrap().1.into_owned(),
            None => text,
        }
    }
}

pub(super) struct Fake {
    /// `http://127.0.0.1:4711`
    pub base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// One that answers each request with the status and the body that `answer` gives.
    pub(super) async fn start(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (asked, answer) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(answer));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move { serve(stream, &seen, &*answer).await });
            }
        });
        Self { base, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked, without headers.
    pub(super) fn lines(&self) -> Vec<(String, String)> {
        self.asked().into_iter().map(|asked| (asked.line.clone(), asked.text())).collect()
    }
}

async fn serve(
    stream: TcpStream,
    seen: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked) -> (u16, String) + Sync),
) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let pairs = lines[1..].iter().map(|line| line.split_once(": ").unwrap());
        let headers: Vec<_> = pairs.map(|(key, value)| (key.to_lowercase(), value.to_owned())).collect();
        let line = lines[0].trim_end_matches(" HTTP/1.1").to_owned();
        let mut asked = Asked { line, headers, body: Vec::new() };
        asked.body.resize(asked.header("content-length").map_or(0, |size| size.parse().unwrap()), 0);
        stream.read_exact(&mut asked.body).await.unwrap();
        let (status, body) = answer(&asked);
        seen.lock().unwrap().push(asked);
        let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.get_mut().write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}
