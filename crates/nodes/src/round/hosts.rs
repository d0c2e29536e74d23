//! A list of hosts outside any cluster: Heapster's JSON, or a line each.

use std::net::IpAddr;
use std::sync::Arc;

use plimsoll_core::cluster::objects::Node;
use serde::Deserialize;

/// A host that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name: the node's.
    pub name: String,
    /// An IP address or a name that can be looked up.
    pub address: String,
    /// Its port, where it has one of its own.
    pub port: Option<u16>,
}

/// A list of hosts cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// A line, or an entry, is none of a host.
    #[error("{place}: {text:?}: expected NAME ADDRESS[:PORT] or ADDRESS[:PORT]")]
    Entry {
        /// `line 3`, `entry 1`.
        place: String,
        /// What stands there.
        text: String,
    },
    /// A name is there twice.
    #[error("{0:?} is there twice: expected each name once")]
    Twice(String),
    /// It begins as JSON and is none, or of another shape.
    #[error("expected {{\"items\":[{{\"name\":\"web1\",\"ip\":\"10.0.0.1\"}}]}}: {0}")]
    Json(String),
}

/// Heapster's file.
#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Object {
        #[serde(alias = "Items")]
        items: Vec<Entry>,
    },
    List(Vec<Entry>),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, alias = "Name")]
    name: String,
    #[serde(alias = "IP", alias = "address")]
    ip: String,
    #[serde(default)]
    port: Option<u16>,
}

impl Host {
    /// Reads a list: Heapster's `{"items":[{"name":"web1","ip":"10.0.0.1"}]}` (a `port` may be told too), such a list
    /// without the object around it, or lines `NAME ADDRESS[:PORT]` with comments behind `#`. One without a name is
    /// named as its address.
    ///
    /// # Errors
    /// Something in it is no host, or a name is there twice.
    pub fn list(text: &str) -> Result<Vec<Self>, HostsError> {
        let text = text.trim_start_matches('\u{feff}');
        let hosts = match text.trim_start().starts_with(['{', '[']) {
            true => of_json(text)?,
            false => of_lines(text)?,
        };
        let mut seen = std::collections::HashSet::new();
        match hosts.iter().find(|host| !seen.insert(&host.name)) {
            Some(twice) => Err(HostsError::Twice(twice.name.clone())),
            None => Ok(hosts),
        }
    }

    /// Reads `NAME ADDRESS[:PORT]` or `ADDRESS[:PORT]`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (name, address) = match (words.next()?, words.next()) {
            (address, None) => (None, address),
            (name, Some(address)) => (Some(name), address),
        };
        if words.next().is_some() {
            return None;
        }
        let (address, port) = address_and_port(address)?;
        let name = name.unwrap_or(&address).to_owned();
        Some(Self { name, address, port })
    }

    /// As a node of its name.
    pub(super) fn node(&self) -> Arc<Node> {
        let ip: Option<IpAddr> = self.address.parse().ok();
        let kind = if ip.is_some() { "InternalIP" } else { "Hostname" };
        Arc::new(Node {
            name: self.name.as_str().into(),
            hostname: self.name.as_str().into(),
            addresses: vec![(kind.into(), self.address.as_str().into())],
            ip,
            ..Node::default()
        })
    }
}

fn of_json(text: &str) -> Result<Vec<Host>, HostsError> {
    let file: File = serde_json::from_str(text).map_err(|error| HostsError::Json(error.to_string()))?;
    let (File::Object { items } | File::List(items)) = file;
    let read = |(place, entry): (usize, Entry)| {
        let wrong = || {
            let text = format!("{} {}", entry.name, entry.ip).trim().to_owned();
            HostsError::Entry { place: format!("entry {}", place + 1), text }
        };
        let (address, port) = address_and_port(entry.ip.trim()).ok_or_else(wrong)?;
        let name = if entry.name.is_empty() { &address } else { &entry.name };
        Ok(Host { name: name.clone(), address, port: entry.port.or(port) })
    };
    items.into_iter().enumerate().map(read).collect()
}

fn of_lines(text: &str) -> Result<Vec<Host>, HostsError> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let told = lines.enumerate().filter(|(_, line)| !line.is_empty());
    let read = |(place, line): (usize, &str)| {
        let wrong = || HostsError::Entry { place: format!("line {}", place + 1), text: line.to_owned() };
        Host::parse(line).ok_or_else(wrong)
    };
    told.map(read).collect()
}

/// `10.0.0.1`, `10.0.0.1:8080`, `fd00::1`, `[fd00::1]:8080`, `web1:8080`.
fn address_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let port = |text: &str| text.parse().ok().filter(|port| *port != 0);
    if text.parse::<IpAddr>().is_ok() {
        return Some((text.to_owned(), None));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (ip, rest) = rest.split_once(']')?;
            ip.parse::<std::net::Ipv6Addr>().ok()?;
            match rest.strip_prefix(':') {
                Some(number) => (ip, Some(port(number)?)),
                None if rest.is_empty() => (ip, None),
                None => return None,
            }
        }
        None => match text.split_once(':') {
            Some((host, number)) => (host, Some(port(number)?)),
            None => (text, None),
        },
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':');
    (!host.is_empty() && host.bytes().all(is_plain)).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(hosts: &[Host]) -> Vec<String> {
        let port = |host: &Host| host.port.map_or("-".to_owned(), |port| port.to_string());
        hosts.iter().map(|host| format!("{} {} {}", host.name, host.address, port(host))).collect()
    }

    #[test]
    fn heapsters_json_is_read() {
        let f = |text: &str, wanted: &[&str]| assert_eq!(shown(&Host::list(text).unwrap()), wanted, "{text}");
        f(
            r#"{"items":[{"name":"a","ip":"10.0.0.1"},{"name":"b","ip":"10.0.0.2"}]}"#,
            &["a 10.0.0.1 -", "b 10.0.0.2 -"],
        );
        f(r#" {"Items":[{"Name":"a","IP":"10.0.0.1"}],"kind":"x"}"#, &["a 10.0.0.1 -"]);
        f(
            r#"[{"ip":"10.0.0.1:81"},{"name":"c","address":"fd00::1","port":82}]"#,
            &["10.0.0.1 10.0.0.1 81", "c fd00::1 82"],
        );
        f(r#"[{"name":"a b","ip":"x"}]"#, &["a b x -"]);
        f(r#"{"items":[]}"#, &[]);
    }

    #[test]
    fn lines_are_read() {
        let text = "# all\nweb1 10.0.0.1\n\n  web2\tdb.example:8080 # old\n[fd00::1]:99\nfd00::2\nplain\r\n";
        let wanted = [
            "web1 10.0.0.1 -",
            "web2 db.example 8080",
            "fd00::1 fd00::1 99",
            "fd00::2 fd00::2 -",
            "plain plain -",
        ];
        assert_eq!(shown(&Host::list(text).unwrap()), wanted);
        assert!(Host::list("").unwrap().is_empty());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let f = |text: &str, wanted: &str| {
            let error = Host::list(text).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{text}: {error}");
        };
        f("a 10.0.0.1\nb 10.0.0.1:x", r#"line 2: "b 10.0.0.1:x": expected NAME ADDRESS[:PORT]"#);
        f("a b c", r#"line 1: "a b c": expected"#);
        f("a http://b/", r#"line 1: "a http://b/""#);
        f("a b:0", r#"line 1: "a b:0""#);
        f("a [10.0.0.1]:1", r#"line 1: "#);
        f("a x\nb y\na z", r#""a" is there twice"#);
        f(r#"[{"name":"a","ip":""}]"#, r#"entry 1: "a""#);
        f(r#"{"items":7}"#, r#"expected {"items":[{"name":"web1","ip":"10.0.0.1"}]}: "#);
        f("{", r#"expected {"items""#);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}:,\"a-c0-9. \n#]{0,60}") {
            let _ = Host::list(&text);
        }
    }
}
