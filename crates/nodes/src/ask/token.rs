//! What is shown to nodes to say who asks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use http::HeaderValue;

use crate::followed::Followed;

/// Asks somebody else for the header to show.
pub type Asked = dyn Fn() -> BoxFuture<'static, Result<Option<HeaderValue>, String>> + Send + Sync;

/// A source of `Authorization` headers. Clones share it.
#[derive(Clone, Default)]
pub struct Token(Arc<From>);

#[derive(Default)]
enum From {
    #[default]
    Nothing,
    Fixed(HeaderValue),
    File(Followed, Mutex<Last>),
    Asked(Box<Asked>, Mutex<Last>),
}

/// What was shown last, and what is wrong since.
#[derive(Default)]
struct Last {
    header: Option<HeaderValue>,
    wrong: Option<String>,
}

impl Token {
    /// This bearer token; `None` where it is none that a header can carry.
    pub fn fixed(token: &str) -> Option<Self> {
        let (_, header) = plimsoll_client::bearer(token)?;
        Some(Self(Arc::new(From::Fixed(header))))
    }

    /// The bearer token in this file, read again when the file changed. While it cannot be read the last one is shown.
    pub fn file(path: PathBuf) -> Self {
        Self(Arc::new(From::File(Followed::new(path), Mutex::default())))
    }

    /// The header that this gives, asked once a round. While it gives none the last one is shown.
    pub fn asked(ask: Box<Asked>) -> Self {
        Self(Arc::new(From::Asked(ask, Mutex::default())))
    }

    /// What to show now.
    pub(crate) async fn header(&self) -> Option<HeaderValue> {
        let (told, last) = match &*self.0 {
            From::Nothing => return None,
            From::Fixed(header) => return Some(header.clone()),
            From::File(file, last) => {
                let told = match file.changed().await {
                    Ok(None) => None,
                    Ok(Some(content)) => Some(of_file(&content)),
                    Err(error) => Some(Err(error.to_string())),
                };
                let path = file.path().display();
                (
                    told.map(|told| {
                        told.map(Some).map_err(|why| format!("{path}: expected a bearer token: {why}"))
                    }),
                    last,
                )
            }
            From::Asked(ask, last) => (Some(ask().await), last),
        };
        last.lock().unwrap_or_else(PoisonError::into_inner).take(told)
    }
}

impl Last {
    fn take(&mut self, told: Option<Result<Option<HeaderValue>, String>>) -> Option<HeaderValue> {
        match told {
            Some(Ok(header)) => *self = Self { header, wrong: None },
            Some(Err(why)) if self.wrong.as_ref() != Some(&why) => {
                tracing::warn!(error = why, "nodes are asked with the last token, or with none");
                self.wrong = Some(why);
            }
            Some(Err(_)) | None => {}
        }
        self.header.clone()
    }
}

fn of_file(content: &[u8]) -> Result<HeaderValue, String> {
    let text = String::from_utf8_lossy(content);
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let header = plimsoll_client::bearer(&text).map(|(_, header)| header);
    header.ok_or_else(|| "what stands in it can be in no header".to_owned())
}

/// Says where it comes from, never what it is.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.0 {
            From::Nothing => f.write_str("no token"),
            From::Fixed(_) => f.write_str("a token"),
            From::File(file, _) => write!(f, "the token in {}", file.path().display()),
            From::Asked(..) => f.write_str("a token that is asked for"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shown(token: &Token) -> Option<String> {
        token.header().await.map(|header| header.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_files_token_follows_the_file_and_outlives_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let token = Token::file(path.clone());
        assert_eq!(shown(&token).await, None);
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(shown(&token).await.unwrap(), "Bearer one");
        assert_eq!(shown(&token).await.unwrap(), "Bearer one");
        std::fs::write(&path, "second").unwrap();
        assert_eq!(shown(&token).await.unwrap(), "Bearer second");
        for broken in [" \n", "a\nb"] {
            std::fs::write(&path, broken).unwrap();
            assert_eq!(shown(&token).await.unwrap(), "Bearer second");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(shown(&token).await.unwrap(), "Bearer second");
        assert!(format!("{token:?}").starts_with("the token in /"));
    }

    #[tokio::test]
    async fn other_tokens_are_shown_and_never_told() {
        assert_eq!(shown(&Token::default()).await, None);
        let fixed = Token::fixed("secret").unwrap();
        assert_eq!(
            (shown(&fixed).await.unwrap().as_str(), format!("{fixed:?}").as_str()),
            ("Bearer secret", "a token")
        );
        assert!(Token::fixed("a\nb").is_none());
        let asked =
            Token::asked(Box::new(|| Box::pin(async { Ok(Some(HeaderValue::from_static("Bearer x"))) })));
        assert_eq!(shown(&asked).await.unwrap(), "Bearer x");
    }
}
