//! Kills for want of memory, as the kernel's log tells them.
//!
//! Reads: dev/kmsg
//! Gives: the events oom and oomKill, container_oom_events_total
//! Cost:  a thread that sleeps until the kernel says something

mod follow;
mod kill;
pub mod record;

#[cfg(test)]
mod tests;

pub use follow::{Since, follow};
pub use kill::{Kill, Parser};
