//! What each container and the machine use: one folder a subject.
//!
//! Comes in: kernel files. Goes out: a [`sample::Sample`] of each container at an instant, the machine's
//! description, and the rows that name every number outward.
//! Refuses to know: runtimes, history, HTTP.

pub mod sample;

pub mod families;
pub mod host;
pub mod meters;
pub mod reader;
pub mod rounds;
pub mod spec;

mod group;
mod keyed;
mod pressure;

pub mod accelerator;
pub mod cpu;
pub mod cpuset;
pub mod filesystem;
pub mod hugetlb;
pub mod io;
pub mod load;
pub mod machine;
pub mod memory;
pub mod network;
pub mod oom;
pub mod perf;
pub mod pids;
pub mod processes;
pub mod referenced;
pub mod resctrl;
pub mod sockets;
