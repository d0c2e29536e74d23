//! What is shown to the API server and to kubelets to say who asks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;
use plimsoll_client::Pem;
use tokio::sync::Mutex;

use super::plugin::Plugin;

/// A file's token is read again after this long: kubelets renew it well before it ends.
const AGAIN: Duration = Duration::from_secs(60);

/// A source of `Authorization` headers. Clones share it.
#[derive(Clone, Default)]
pub struct Token(Arc<From>);

#[derive(Default)]
enum From {
    #[default]
    Nothing,
    Fixed(HeaderValue),
    File {
        path: PathBuf,
        last: Mutex<(HeaderValue, Instant)>,
    },
    Plugin(Box<Plugin>),
}

/// What is shown now.
#[derive(Default)]
pub(super) struct Shown {
    /// `Authorization`.
    pub(super) header: Option<HeaderValue>,
    /// A plugin's certificate and its key.
    pub(super) identity: Option<(Pem, Pem)>,
    /// Which of a plugin's answers it is; 0 where no plugin was asked.
    pub(super) number: u64,
}

/// There is no token that can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read, or what stands in it can be in no header.
    #[error("{path}: expected a bearer token: {cause}")]
    File {
        /// Where it should be.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The kubeconfig's user or plugin has none.
    #[error("the kubeconfig's credentials cannot be used: {0}")]
    Kubeconfig(String),
}

impl Token {
    /// This very header.
    pub fn fixed(header: HeaderValue) -> Self {
        Self(Arc::new(From::Fixed(header)))
    }

    /// The token in a file, read again every minute. Where it cannot be read any more, the last one stays.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn file(path: &Path) -> Result<Self, TokenError> {
        let last = Mutex::new((read(path)?, Instant::now()));
        Ok(Self(Arc::new(From::File { path: path.to_owned(), last })))
    }

    pub(super) fn plugin(plugin: Plugin) -> Self {
        Self(Arc::new(From::Plugin(Box::new(plugin))))
    }

    /// What to show now; nothing where no token is known.
    ///
    /// # Errors
    /// The kubeconfig's plugin fails.
    pub async fn header(&self) -> Result<Option<HeaderValue>, TokenError> {
        match &*self.0 {
            From::Nothing => Ok(None),
            From::Fixed(header) => Ok(Some(header.clone())),
            From::File { path, last } => {
                let mut last = last.lock().await;
                if last.1.elapsed() >= AGAIN {
                    match read(path) {
                        Ok(header) => last.0 = header,
                        Err(error) => tracing::debug!(%error, "the last token stays"),
                    }
                    last.1 = Instant::now();
                }
                Ok(Some(last.0.clone()))
            }
            From::Plugin(plugin) => Ok(plugin.credential().await?.header),
        }
    }

    /// The same, with the certificate that a plugin may give.
    pub(super) async fn shown(&self) -> Result<Shown, TokenError> {
        let From::Plugin(plugin) = &*self.0 else {
            return Ok(Shown { header: self.header().await?, ..Shown::default() });
        };
        let credential = plugin.credential().await?;
        Ok(Shown { header: credential.header, identity: credential.identity, number: credential.number })
    }

    /// What had this number was shown, and nobody knows it any more.
    pub(super) async fn refused(&self, number: u64) {
        if let From::Plugin(plugin) = &*self.0 {
            plugin.refused(number).await;
        }
    }

    /// Whether there is never one.
    pub fn is_nothing(&self) -> bool {
        matches!(&*self.0, From::Nothing)
    }

    /// Lets the next call read the file again.
    #[cfg(test)]
    async fn age(&self) {
        if let From::File { last, .. } = &*self.0 {
            last.lock().await.1 -= AGAIN;
        }
    }
}

/// Says where it comes from, never what it is.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &*self.0 {
            From::Nothing => f.write_str("no token"),
            From::Fixed(_) => f.write_str("a token"),
            From::File { path, .. } => write!(f, "the token in {}", path.display()),
            From::Plugin(_) => f.write_str("a plugin's token"),
        }
    }
}

fn read(path: &Path) -> Result<HeaderValue, TokenError> {
    let wrong = |cause: String| TokenError::File { path: path.display().to_string(), cause };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    if text.trim().is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    let header = plimsoll_client::bearer(&text).map(|(_, value)| value);
    header.ok_or_else(|| wrong("what stands in it can be in no header".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_files_token_is_read_again_and_stays_when_the_file_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let error = Token::file(&path).unwrap_err().to_string();
        assert!(error.contains("token: expected a bearer token: No such file"), "{error}");
        std::fs::write(&path, " \n").unwrap();
        assert!(Token::file(&path).unwrap_err().to_string().ends_with("it is empty"));
        std::fs::write(&path, "a\nb").unwrap();
        assert!(Token::file(&path).unwrap_err().to_string().ends_with("can be in no header"));

        std::fs::write(&path, "one\n").unwrap();
        let token = Token::file(&path).unwrap();
        let shown = async || token.header().await.unwrap().unwrap().to_str().unwrap().to_owned();
        assert_eq!(shown().await, "Bearer one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(shown().await, "Bearer one");
        token.age().await;
        assert_eq!(shown().await, "Bearer two");
        std::fs::remove_file(&path).unwrap();
        token.age().await;
        assert_eq!(shown().await, "Bearer two");
        assert!(format!("{token:?}").starts_with("the token in /"));
    }

    #[tokio::test]
    async fn without_a_token_nothing_is_shown() {
        let nothing = Token::default();
        assert!(nothing.is_nothing() && nothing.header().await.unwrap().is_none());
        let fixed = Token::fixed(HeaderValue::from_static("Bearer x"));
        assert!(!fixed.is_nothing() && format!("{fixed:?}") == "a token");
    }
}
