//! How nodes are reached: address, port, certificates, who we say we are.

use std::net::IpAddr;
use std::time::Duration;

use plimsoll_client::Tls;
use plimsoll_core::cluster::objects::Node;

use crate::kube::{self, Token};

/// How nodes are reached.
#[derive(Clone, Debug)]
pub struct NodeAccess {
    /// Over TLS.
    pub https: bool,
    /// The port, where the node's own is not asked for or not told.
    pub port: u16,
    /// Take the port that the node's object tells, if it does.
    pub node_status_port: bool,
    /// Which of a node's addresses.
    pub address: AddressRule,
    /// What is shown to it.
    pub token: Token,
    /// Whom to believe, and the certificate to show.
    pub tls: Tls,
    /// How long an answer of one node may take.
    pub within: Duration,
    /// How many bytes an answer may have.
    pub body: usize,
}

/// Which of a node's addresses is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressRule {
    /// Heapster's: the last InternalIP that can be read, else LegacyHostIP, else ExternalIP.
    Ip,
    /// metrics-server's: the first of these types that the node has an address of.
    Preferred(Vec<String>),
}

/// A node has no address that can be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it has no address that can be asked: expected one of type {wanted}, there is {there}")]
pub struct NoAddress {
    wanted: String,
    there: String,
}

impl NodeAccess {
    /// Bytes of an answer, where nothing else is said.
    pub const BODY: usize = 64 << 20;

    /// As Heapster: HTTP on port 10255, by IP.
    pub fn heapster() -> Self {
        Self {
            https: false,
            port: 10255,
            node_status_port: false,
            address: AddressRule::Ip,
            token: Token::default(),
            tls: Tls::default(),
            within: Duration::from_secs(20),
            body: Self::BODY,
        }
    }

    /// As Heapster's `--source` says, with the certificates and the token that the API server is asked with. Over HTTPS
    /// without a known authority everybody is believed, as Heapster does.
    pub fn of_source(source: &kube::Source, tls: &Tls, token: &Token) -> Self {
        let https = source.kubelet_https;
        let insecure = tls.insecure || (https && tls.ca.is_none());
        Self {
            https,
            port: source.kubelet_port,
            token: token.clone(),
            tls: Tls { insecure, ..tls.clone() },
            ..Self::heapster()
        }
    }

    /// As metrics-server: HTTPS on port 10250, host names before addresses.
    pub fn metrics_server() -> Self {
        let types = ["Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP"];
        Self {
            https: true,
            port: 10250,
            address: AddressRule::Preferred(types.map(str::to_owned).to_vec()),
            within: Duration::from_secs(10),
            ..Self::heapster()
        }
    }

    /// `10.0.0.1:10250`: where the node is asked.
    ///
    /// # Errors
    /// It has no address that can be asked.
    pub fn authority(&self, node: &Node) -> Result<String, NoAddress> {
        let port = match node.kubelet_port {
            told if self.node_status_port && told != 0 => told,
            _ => self.port,
        };
        let no_address = |wanted: String| {
            let types: Vec<_> = node.addresses.iter().map(|(kind, _)| &**kind).collect();
            let there = if types.is_empty() { "none".to_owned() } else { types.join(", ") };
            NoAddress { wanted, there }
        };
        match &self.address {
            AddressRule::Ip => match node.ip {
                Some(ip) => Ok(authority(&ip.to_string(), port)),
                None => Err(no_address("InternalIP, LegacyHostIP or ExternalIP".to_owned())),
            },
            AddressRule::Preferred(types) => {
                let of_type = |kind: &String| node.addresses.iter().find(|(known, _)| **known == **kind);
                match types.iter().find_map(of_type) {
                    Some((_, address)) => Ok(authority(address, port)),
                    None => Err(no_address(types.join(", "))),
                }
            }
        }
    }
}

/// A host and its port as URLs write them; IPv6 stands in brackets.
pub(crate) fn authority(host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_client::Pem;

    use super::*;

    fn node(addresses: &[(&str, &str)]) -> Node {
        let addresses = addresses.iter().map(|(kind, address)| ((*kind).into(), (*address).into())).collect();
        Node { addresses, kubelet_port: 10350, ip: Some("10.0.0.7".parse().unwrap()), ..Node::default() }
    }

    #[test]
    fn heapster_takes_the_ip_and_its_own_port() {
        let mut node = node(&[]);
        let mut access = NodeAccess::heapster();
        assert_eq!(access.authority(&node).unwrap(), "10.0.0.7:10255");
        access.node_status_port = true;
        assert_eq!(access.authority(&node).unwrap(), "10.0.0.7:10350");
        node.ip = Some("fd00::1".parse().unwrap());
        node.kubelet_port = 0;
        assert_eq!(access.authority(&node).unwrap(), "[fd00::1]:10255");
        node.ip = None;
        let error = access.authority(&node).unwrap_err().to_string();
        let wanted = "it has no address that can be asked: expected one of type InternalIP, LegacyHostIP or \
                      ExternalIP, there is none";
        assert_eq!(error, wanted);
    }

    #[test]
    fn heapsters_source_says_port_and_scheme() {
        let of = |text: &str, ca: bool| {
            let uri = plimsoll_core::cluster::uri::Uri::parse(text, |_| None).unwrap();
            let tls = Tls { ca: ca.then(|| Pem::Content(Vec::new())), ..Tls::default() };
            let access = NodeAccess::of_source(&kube::Source::of_uri(&uri).unwrap(), &tls, &Token::default());
            (access.https, access.port, access.tls.insecure)
        };
        assert_eq!(of("kubernetes", true), (false, 10255, false));
        let https = "kubernetes.summary_api:?kubeletHttps=true&kubeletPort=10250";
        assert_eq!((of(https, true), of(https, false)), ((true, 10250, false), (true, 10250, true)));
    }

    #[test]
    fn metrics_server_takes_the_first_type_that_there_is() {
        let mut access = NodeAccess::metrics_server();
        let both = node(&[("InternalIP", "10.0.0.1"), ("Hostname", "n1"), ("InternalIP", "10.0.0.2")]);
        assert_eq!(access.authority(&both).unwrap(), "n1:10250");
        access.address = AddressRule::Preferred(vec!["ExternalIP".to_owned(), "InternalIP".to_owned()]);
        assert_eq!(access.authority(&both).unwrap(), "10.0.0.1:10250");
        let error = access.authority(&node(&[("Hostname", "n1")])).unwrap_err().to_string();
        assert!(error.ends_with("expected one of type ExternalIP, InternalIP, there is Hostname"), "{error}");
    }
}
