//! Heapster's words for sources and sinks: `KEY[:URL]`, as `influxdb:http://host:8086?db=k8s`.

use std::fmt;

use url::Url;

/// A source or a sink by its key, with where it is and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uri {
    /// `influxdb`.
    pub key: String,
    /// What stood behind the key, variables expanded; empty when there was nothing.
    pub text: String,
    /// `http`; empty when there is none.
    pub scheme: String,
    /// User and password, where they stood before the host.
    pub user: Option<(String, String)>,
    /// `host` or `host:8086`; empty when there is none.
    pub host: String,
    /// With its slash; what stands behind `scheme:` where no host follows.
    pub path: String,
    /// Options, decoded, in their order.
    pub query: Vec<(String, String)>,
}

/// Why a text is no such word.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Nothing stands before the colon.
    #[error("missing uri key in {0:?}: expected KEY or KEY:URL, as in influxdb:http://host:8086")]
    NoKey(String),
    /// What follows cannot be read.
    #[error("{text:?}: {why}")]
    Broken {
        /// The whole text.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Uri {
    /// Reads `KEY[:URL]`. `$VAR` and `${VAR}` in the URL are what `variable` says, or nothing.
    ///
    /// # Errors
    /// The key is empty, or the URL cannot be read.
    pub fn parse(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Self, UriError> {
        let (key, rest) = text.split_once(':').unwrap_or((text, ""));
        if key.is_empty() {
            return Err(UriError::NoKey(text.to_owned()));
        }
        let rest = expanded(rest, variable);
        let broken = |why: String| UriError::Broken { text: text.to_owned(), why };
        well_escaped(&rest).map_err(broken)?;
        let mut uri = Self {
            key: key.to_owned(),
            text: rest.clone(),
            scheme: String::new(),
            user: None,
            host: String::new(),
            path: String::new(),
            query: Vec::new(),
        };
        if rest.is_empty() {
            return Ok(uri);
        }
        match Url::parse(&rest) {
            Ok(url) => {
                uri.scheme = url.scheme().to_owned();
                if !url.username().is_empty() {
                    let decoded = |text: &str| {
                        // of a form `&` would end a value, and `+` be a blank
                        let form = text.replace('+', "%2B").replace('&', "%26");
                        url::form_urlencoded::parse(form.as_bytes())
                            .map(|(text, _)| text.into_owned())
                            .next()
                            .unwrap_or_default()
                    };
                    uri.user = Some((decoded(url.username()), decoded(url.password().unwrap_or_default())));
                }
                uri.host = match (url.host_str(), url.port()) {
                    (Some(host), Some(port)) => format!("{host}:{port}"),
                    (Some(host), None) => host.to_owned(),
                    (None, _) => String::new(),
                };
                uri.path = url.path().to_owned();
                uri.query = url.query_pairs().map(|(key, value)| (key.into(), value.into())).collect();
            }
            // no scheme: a path or options alone
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let (path, query) = rest.split_once('?').unwrap_or((&rest, ""));
                uri.path = path.to_owned();
                let pairs = url::form_urlencoded::parse(query.as_bytes());
                uri.query = pairs.map(|(key, value)| (key.into(), value.into())).collect();
            }
            Err(why) => return Err(broken(why.to_string())),
        }
        Ok(uri)
    }

    /// An option's first value.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of an option that may be repeated.
    pub fn options<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// `KEY` or `KEY:URL`. Passwords stand in it: not for a log.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() { f.write_str(&self.key) } else { write!(f, "{}:{}", self.key, self.text) }
    }
}

/// Go refuses what is not an escape; a lenient reader would take a password apart.
fn well_escaped(text: &str) -> Result<(), String> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('%') {
        let digits = after.get(..2).filter(|two| two.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if digits.is_none() {
            let shown: String = after.chars().take(2).collect();
            return Err(format!("%{shown} is no escape: write %25 for a percent sign"));
        }
        rest = after;
    }
    Ok(())
}

fn expanded(text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, left) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, left)) => (name, left),
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        if !name.is_empty() {
            out.push_str(&variable(name).unwrap_or_default());
        }
        rest = left;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Uri, UriError> {
        Uri::parse(text, |name| (name == "PW").then(|| "secret".to_owned()))
    }

    #[test]
    fn keys_urls_and_options_are_read() {
        let uri = parse("influxdb:http://monitoring:8086?key=val&key2=val2&key=b").unwrap();
        assert_eq!((uri.scheme.as_str(), uri.host.as_str()), ("http", "monitoring:8086"));
        assert_eq!((uri.option("key"), uri.option("none")), (Some("val"), None));
        assert_eq!(uri.options("key").collect::<Vec<_>>(), ["val", "b"]);
        assert_eq!(uri.to_string(), "influxdb:http://monitoring:8086?key=val&key2=val2&key=b");
        for text in ["gcm", "gcm:"] {
            assert_eq!(parse(text).unwrap().to_string(), "gcm");
        }
        assert_eq!(parse("gcm:?metrics=all").unwrap().option("metrics"), Some("all"));
        assert_eq!(parse("kubernetes.summary_api:''").unwrap().host, "");
        assert_eq!(parse("influxdb:http://h?pw=${PW}&user=$USER.x").unwrap().option("pw"), Some("secret"));
        let user = |text: &str| parse(text).unwrap().user.unwrap();
        let wanted = |password: &str| ("u".to_owned(), password.to_owned());
        assert_eq!(user("influxdb:http://u:a&b=c+d@h:1"), wanted("a&b=c+d"));
        assert_eq!(user("influxdb:http://u:a%26b%40%2B@h:1"), wanted("a&b@+"));
        assert_eq!(
            parse("kubernetes:https://kubernetes.default:443?x=1").unwrap().host,
            "kubernetes.default"
        );
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for text in ["", ":", ":foo"] {
            assert!(matches!(parse(text), Err(UriError::NoKey(_))), "{text}");
        }
        let error = parse("key:incorrecturl/%gh&%ij").unwrap_err().to_string();
        assert_eq!(error, r#""key:incorrecturl/%gh&%ij": %gh is no escape: write %25 for a percent sign"#);
        assert!(parse("key:http://[::1").is_err());
    }
}
