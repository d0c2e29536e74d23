//! A container's own address, from its network namespace as the kernel shows it.
//!
//! Reads: proc/<pid>/net/fib_trie, route, if_inet6
//! Gives: where an application is asked whose configuration tells no whole URL
//! Cost:  three short files a poll
//!
//! The runtimes tell addresses too, but not all of them (containerd) and not of each container (one that shares
//! another's network); the namespace itself always does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use plimsoll_kernel::format::{lines, words};

/// Addresses of a network namespace, less those of its loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    all: Vec<IpAddr>,
}

impl Addresses {
    /// From the texts of the three files; any may be empty.
    pub fn parse(fib_trie: &[u8], route: &[u8], if_inet6: &[u8]) -> Self {
        let networks = default_networks(route);
        let mut v4: Vec<Ipv4Addr> = local(fib_trie);
        // those on the interface of the default route first: the others may be unreachable from here
        let foreign = |at: &Ipv4Addr| !networks.iter().any(|(net, mask)| u32::from(*at) & mask == *net);
        v4.sort_by_key(foreign);
        let all = v4.into_iter().map(IpAddr::V4).chain(global(if_inet6).into_iter().map(IpAddr::V6));
        Self { all: all.collect() }
    }

    /// The one that the container is asked at.
    pub fn first(&self) -> Option<IpAddr> {
        self.all.first().copied()
    }

    /// Whether it is one of these.
    pub fn has(&self, address: IpAddr) -> bool {
        self.all.contains(&address.to_canonical())
    }
}

/// Local addresses of `fib_trie`, each once, in its order.
fn local(fib_trie: &[u8]) -> Vec<Ipv4Addr> {
    let mut all: Vec<Ipv4Addr> = Vec::new();
    let mut leaf = None;
    for (_, line) in lines(fib_trie) {
        let mut words = words(line);
        match (words.next(), words.next(), words.next()) {
            (Some(b"|--"), Some(address), None) => {
                leaf = str::from_utf8(address).ok().and_then(|text| text.parse::<Ipv4Addr>().ok());
            }
            (Some(b"/32"), Some(b"host"), Some(b"LOCAL")) => {
                all.extend(leaf.filter(|at| !at.is_loopback() && !all.contains(at)));
            }
            _ => {}
        }
    }
    all
}

/// The networks that the interface of the default route is in: network and mask.
fn default_networks(route: &[u8]) -> Vec<(u32, u32)> {
    struct Route<'a> {
        interface: &'a [u8],
        network: u32,
        gateway: u32,
        mask: u32,
    }
    // written as the number that the bytes in network order are on this machine
    let number = |word: &[u8]| {
        let number = u32::from_str_radix(str::from_utf8(word).ok()?, 16).ok()?;
        Some(u32::from_be_bytes(number.to_ne_bytes()))
    };
    let routes: Vec<Route<'_>> = lines(route)
        .filter_map(|(_, line)| {
            let mut words = words(line);
            let interface = words.next()?;
            let (network, gateway) = (number(words.next()?)?, number(words.next()?)?);
            Some(Route { interface, network, gateway, mask: number(words.nth(4)?)? })
        })
        .collect();
    let Some(default) = routes.iter().find(|route| route.mask == 0 && route.network == 0) else {
        return Vec::new();
    };
    let beside =
        |route: &&Route<'_>| route.interface == default.interface && route.gateway == 0 && route.mask != 0;
    routes.iter().filter(beside).map(|route| (route.network, route.mask)).collect()
}

/// Addresses of `if_inet6` with the scope of all the world.
fn global(if_inet6: &[u8]) -> Vec<Ipv6Addr> {
    let of = |(_, line)| {
        let mut words = words(line);
        let address = u128::from_str_radix(str::from_utf8(words.next()?).ok()?, 16).ok()?;
        (words.nth(2)? == b"00").then(|| Ipv6Addr::from(address))
    };
    lines(if_inet6).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIB_TRIE: &[u8] = include_bytes!("testdata/two-networks/fib_trie");
    const ROUTE: &[u8] = include_bytes!("testdata/two-networks/route");
    const IF_INET6: &[u8] = b"\
fe800000000000000042acfffe110002 02 40 20 80     eth0
fd000000000000000000000000000002 02 40 00 80     eth0
00000000000000000000000000000001 01 80 10 80       lo
";

    fn of(fib_trie: &[u8], route: &[u8], if_inet6: &[u8]) -> Vec<String> {
        Addresses::parse(fib_trie, route, if_inet6).all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_address_beside_the_default_route_is_first() {
        assert_eq!(of(FIB_TRIE, ROUTE, IF_INET6), ["172.18.0.2", "10.5.0.7", "fd00::2"]);
        // without the routes in the order of the trie
        assert_eq!(of(FIB_TRIE, b"", b""), ["10.5.0.7", "172.18.0.2"]);
    }

    #[test]
    fn a_namespace_with_loopback_alone_has_none() {
        let loopback = b"Local:\n  +-- 127.0.0.0/8 2 0 2\n     |-- 127.0.0.1\n        /32 host LOCAL\n";
        let addresses = Addresses::parse(loopback, b"Iface\tDestination\n", b"");
        assert_eq!(addresses.first(), None);
        assert!(!addresses.has(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }

    #[test]
    fn an_address_of_ipv4_in_ipv6s_dress_is_its_own() {
        let addresses = Addresses::parse(FIB_TRIE, ROUTE, b"");
        assert!(addresses.has("::ffff:172.18.0.2".parse().unwrap()));
        assert!(!addresses.has("172.18.0.1".parse().unwrap()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(bytes: Vec<u8>, cut in 0..FIB_TRIE.len(), byte: u8) {
            Addresses::parse(&bytes, &bytes, &bytes);
            let mut broken = FIB_TRIE.to_vec();
            broken[cut] = byte;
            Addresses::parse(&broken, ROUTE, &broken);
        }
    }
}
