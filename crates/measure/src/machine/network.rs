//! Network cards of the machine, as this process' network namespace has them.
//!
//! Reads: sys/class/net/*/{address,mtu,speed}
//! Gives: network_devices
//! Cost:  three files a card

use std::path::Path;

use plimsoll_core::machine::NetworkDevice;

use super::file;

/// Interfaces that are no cards; case counts.
const SKIPPED: [&str; 4] = ["lo", "veth", "docker", "nerdctl"];

/// Cards in the order of their names; `None` without the folder. What cannot be read of one is 0 or empty.
pub(super) fn read(net: &Path) -> Option<Vec<NetworkDevice>> {
    let names = file::names(net)?;
    let cards = names.iter().filter(|name| !SKIPPED.iter().any(|prefix| name.starts_with(prefix)));
    // beside the cards there are files, such as bonding_masters
    let cards = cards.filter(|name| net.join(name).is_dir());
    Some(cards.map(|name| card(&net.join(name), name)).collect())
}

fn card(dir: &Path, name: &str) -> NetworkDevice {
    NetworkDevice {
        name: name.to_owned(),
        mac_address: file::text(&dir.join("address")).unwrap_or_default(),
        speed: speed(&dir.join("speed")),
        mtu: file::number(&dir.join("mtu")).unwrap_or(0),
    }
}

/// Mbit/s. Reading gives EINVAL when the card is down or has no such thing, which is no fault.
fn speed(path: &Path) -> i64 {
    std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
