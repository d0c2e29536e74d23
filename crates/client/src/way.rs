//! The way to a peer, where it is not the straight one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

/// How connections to a peer are made. The default is the straight way, and the address's own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Whose certificate the peer must show, where it is not that of the address's host.
    pub server_name: Option<String>,
    /// Who passes the connections on.
    pub proxy: Option<Proxy>,
}

/// A proxy that is asked for tunnels (`CONNECT`), whatever is spoken through them.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) address: Uri,
    /// `Proxy-Authorization`.
    pub(crate) credentials: Option<HeaderValue>,
}

/// What was given is no proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{cause}; expected http://HOST:PORT or https://HOST:PORT, or the same with NAME:PASSWORD@ before the host"
)]
pub struct ProxyError {
    cause: String,
}

impl Proxy {
    /// Reads an address, with a name and a password or without; percent escapes in these are undone.
    ///
    /// # Errors
    /// It is none, or of a kind that is not spoken.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let wrong = |cause: String| ProxyError { cause };
        let address: Uri = text.parse().map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
        match (address.scheme_str(), address.host()) {
            (Some("http" | "https"), Some(host)) if !host.is_empty() => {}
            (Some("http" | "https"), _) => return Err(wrong("it has no host".to_owned())),
            (Some(scheme), _) => return Err(wrong(format!("proxies of {scheme} are not asked"))),
            (None, _) => return Err(wrong("it has no scheme".to_owned())),
        }
        let told = address.authority().and_then(|authority| authority.as_str().rsplit_once('@'));
        let credentials = told.map(|(user, _)| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            let mut plain: Vec<u8> = percent_decode_str(name).collect();
            plain.push(b':');
            plain.extend(percent_decode_str(password));
            let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(plain)))
                .map_err(|error| wrong(error.to_string()))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let credentials = credentials.transpose()?;
        Ok(Self { address, credentials })
    }
}

/// Passwords stay out of logs.
impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://", self.address.scheme_str().unwrap_or_default())?;
        if self.credentials.is_some() {
            f.write_str("...@")?;
        }
        f.write_str(self.address.host().unwrap_or_default())?;
        self.address.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_passwords_are_hidden() {
        let plain = Proxy::parse("http://proxy:3128").unwrap();
        assert_eq!((format!("{plain:?}").as_str(), plain.credentials), ("http://proxy:3128", None));
        let named = Proxy::parse("https://me:p%40ss%3Aword@[fd00::1]:1").unwrap();
        assert_eq!(format!("{named:?}"), "https://...@[fd00::1]:1");
        let header = named.credentials.unwrap();
        let wanted = format!("Basic {}", STANDARD.encode("me:p@ss:word"));
        assert!(header.is_sensitive() && header.to_str().unwrap() == wanted);
        let bare = Proxy::parse("http://me@h").unwrap().credentials.unwrap();
        assert_eq!(bare.to_str().unwrap(), format!("Basic {}", STANDARD.encode("me:")));
    }

    #[test]
    fn what_is_no_proxy_is_told() {
        let wrong = |text: &str| Proxy::parse(text).unwrap_err().to_string();
        let expected = "; expected http://HOST:PORT or https://HOST:PORT, or the same with NAME:PASSWORD@ before the host";
        assert_eq!(wrong("socks5://h:1"), format!("proxies of socks5 are not asked{expected}"));
        assert_eq!(wrong("h:1"), format!("it has no scheme{expected}"));
        assert_eq!(wrong("/h"), format!("it has no scheme{expected}"));
        assert!(wrong("http://a b").starts_with("invalid uri character; "));
        assert!(wrong("").contains("; expected http://HOST:PORT"));
    }
}
