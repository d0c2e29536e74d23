//! Plimsoll as a library: what an agent such as a kubelet embeds.
//!
//! Build a [`host::Host`] with [`host::Options`], start it, ask it about containers and the machine
//! ([`host::Host::past`] answers every question), mount its routes into a server of your own
//! ([`host::Host::app`]) or have them served on a port ([`server::export`]).
//!
//! ```no_run
//! use std::time::Duration;
//! use plimsoll::host::{Host, Options, Pace};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let pace = Pace { base: Duration::from_secs(10), longest: Duration::from_secs(15), ..Pace::default() };
//! let options = Options { pace, storage_duration: Duration::from_secs(120), ..Options::default() };
//! let host = Host::new(options, tokio::runtime::Handle::current())?;
//! host.start()?;
//! host.ready().await;
//! for container in host.past().containers() {
//!     println!("{}", container.reference.name);
//! }
//! host.stop();
//! # Ok(())
//! # }
//! ```

pub mod cluster;
pub mod flags;
pub mod host;
pub mod server;

pub use plimsoll_core as core;
pub use plimsoll_measure as measure;
pub use plimsoll_serve as serve;
