//! Where to listen, from what a flag says.

use std::error::Error;
use std::net::IpAddr;
use std::path::Path;

use plimsoll_serve::listen::Address;

/// The address of a host's name; without one, every address of both families where the kernel has IPv6, else of IPv4.
pub(crate) async fn resolve(
    flag: &str,
    host: &str,
    port: u16,
) -> Result<Address, Box<dyn Error + Send + Sync>> {
    if host.is_empty() {
        let any = if Path::new("/proc/net/if_inet6").exists() { "::" } else { "0.0.0.0" };
        return Ok(Address::Tcp((any.parse::<IpAddr>()?, port).into()));
    }
    let mut found = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| format!("-{flag} {host:?} is no address: {error}"))?;
    let first = found.next().ok_or_else(|| format!("-{flag} {host:?} has no address"))?;
    Ok(Address::Tcp(first))
}
