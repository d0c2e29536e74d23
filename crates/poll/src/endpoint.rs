//! Where to ask, word by word: of a URL, or of a Unix socket inside the container.

use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use http::uri::Scheme;

use crate::config::Endpoint;

/// Where to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Over TCP.
    Tcp {
        /// Name or address, IPv6 without brackets.
        host: String,
        port: u16,
        /// Whether to speak TLS.
        tls: bool,
        request: Request,
    },
    /// A socket inside the container.
    Unix { socket: String, request: Request },
}

/// What is written in the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Path and query.
    pub(crate) path: String,
    /// The header of that name.
    pub(crate) host: String,
    /// `Authorization`, where the URL has a user.
    pub(crate) authorization: Option<String>,
}

const EXPECTED: &str =
    "expected endpoint as http://host:port/path, https://host:port/path or unix:///socket:/path";

impl Target {
    /// `own` is asked for the container's address where the endpoint has none.
    ///
    /// # Errors
    /// What is expected.
    pub(crate) fn of(endpoint: &Endpoint, own: Option<IpAddr>) -> Result<Option<Self>, String> {
        match endpoint {
            Endpoint::Url(url) => Self::parse(url).map(Some),
            Endpoint::Own { protocol, port, path } => {
                let Some(own) = own else { return Ok(None) };
                let host = match own {
                    IpAddr::V4(address) => address.to_string(),
                    IpAddr::V6(address) => format!("[{address}]"),
                };
                Self::parse(&format!("{protocol}://{host}:{port}{path}")).map(Some)
            }
        }
    }

    fn parse(url: &str) -> Result<Self, String> {
        let wrong = || format!("{EXPECTED}, got {:?}", url.chars().take(200).collect::<String>());
        if let Some(rest) = url.strip_prefix("unix://") {
            let (socket, path) = rest.rsplit_once(":/").map_or((rest, ""), |(socket, path)| (socket, path));
            if !socket.starts_with('/') {
                return Err(wrong());
            }
            let path: Uri = format!("/{path}").parse().map_err(|_| wrong())?;
            let request = Request { path: path_of(&path), host: "localhost".to_owned(), authorization: None };
            return Ok(Self::Unix { socket: socket.to_owned(), request });
        }
        let uri: Uri = url.trim().parse().map_err(|_| wrong())?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong());
        }
        let (user, place) = match authority.as_str().rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority.as_str()),
        };
        // a colon without a number after it is the usual port
        let port = match place.strip_prefix(authority.host()).ok_or_else(wrong)? {
            "" | ":" => {
                if tls {
                    443
                } else {
                    80
                }
            }
            port => port.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or_else(wrong)?,
        };
        let request = Request {
            path: path_of(&uri),
            host: place.to_owned(),
            authorization: user.map(|user| format!("Basic {}", BASE64_STANDARD.encode(user))),
        };
        Ok(Self::Tcp { host: host.to_owned(), port, tls, request })
    }
}

fn path_of(uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16, tls: bool, path: &str, header: &str) -> Target {
        let request = Request { path: path.to_owned(), host: header.to_owned(), authorization: None };
        Target::Tcp { host: host.to_owned(), port, tls, request }
    }

    #[test]
    fn urls_that_are_taken() {
        let f = |url: &str, expected: Target| assert_eq!(Target::parse(url), Ok(expected), "{url}");
        f(
            "http://localhost:8000/nginx_status",
            tcp("localhost", 8000, false, "/nginx_status", "localhost:8000"),
        );
        f("https://10.0.0.1", tcp("10.0.0.1", 443, true, "/", "10.0.0.1"));
        f("HTTP://h?x=1", tcp("h", 80, false, "/?x=1", "h"));
        f("http://[fd00::2]:81/a", tcp("fd00::2", 81, false, "/a", "[fd00::2]:81"));
        let socket = |socket: &str, path: &str| Target::Unix {
            socket: socket.to_owned(),
            request: Request { path: path.to_owned(), host: "localhost".to_owned(), authorization: None },
        };
        f("unix:///run/app.sock", socket("/run/app.sock", "/"));
        f("unix:///run/app.sock:/metrics?all=1", socket("/run/app.sock", "/metrics?all=1"));
    }

    #[test]
    fn a_user_becomes_a_header() {
        let Ok(Target::Tcp { request, host, .. }) = Target::parse("http://u:p@h:1/") else { panic!() };
        assert_eq!((host.as_str(), request.host.as_str()), ("h", "h:1"));
        assert_eq!(request.authorization.as_deref(), Some("Basic dTpw"));
    }

    #[test]
    fn what_is_no_endpoint_says_what_is_expected() {
        for url in [
            "",
            "h",
            "/metrics",
            "ftp://h/",
            "http://",
            "http://:80/",
            "http://h:99999/",
            "http://h:x/",
            "unix://run/app.sock",
            "unix:///s:/a b",
            "http://h/a b",
            "http://a\n/",
        ] {
            let error = Target::parse(url).unwrap_err();
            assert!(error.starts_with("expected endpoint as"), "{url}: {error}");
        }
    }

    #[test]
    fn without_an_address_there_is_no_target() {
        let own = |path: &str| Endpoint::Own { protocol: "http".to_owned(), port: 81, path: path.to_owned() };
        assert_eq!(Target::of(&own("/m"), None), Ok(None));
        let at = |address: &str| Target::of(&own("/m"), Some(address.parse().unwrap()));
        assert_eq!(at("10.0.0.1"), Ok(Some(tcp("10.0.0.1", 81, false, "/m", "10.0.0.1:81"))));
        assert_eq!(at("fd00::2"), Ok(Some(tcp("fd00::2", 81, false, "/m", "[fd00::2]:81"))));
        // a path cannot make another host of it
        assert!(matches!(
            Target::of(&own("0@evil/"), Some("10.0.0.1".parse().unwrap())),
            Err(_) | Ok(Some(Target::Tcp { .. }))
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_url_panics(url: String, rest: String) {
            let _ = Target::parse(&url);
            let _ = Target::parse(&format!("http://{rest}"));
            let _ = Target::parse(&format!("unix://{rest}"));
        }
    }
}
