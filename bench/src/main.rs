//! What the program costs on a host: CPU, memory, answers, the way from a cgroup to the API.
//!
//! `bench/run` builds this and the program and says how to call it. Each scenario makes containers (raw
//! cgroups of its own, `/plimsoll-bench-<pid>`), starts the subjects on them (the program, and a peer where one
//! is given), and prints medians as tables in Markdown. Needs root. Removes what it made.
//!
//! Every subject runs in a cgroup of its own, whose CPU time (nanoseconds on v1) is its process CPU time, and
//! whose memory counts what the kernel holds for it besides RSS.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::print_stderr)]

mod cluster;
mod groups;
mod http;
mod inside;
mod minimal;
mod rest;
mod scenario;
mod stats;
mod subject;
mod sweep;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// What went wrong, in words.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
usage: plimsoll-bench [options] SCENARIO...

scenarios:
  host      CPU, memory, answers and start with --sizes containers, idle and busy
  kinds     CPU of each kind of metric that is off by default, with the largest of --sizes, 300 at most
  appear    from a new cgroup to the API
  short     containers that live 100 ms: seen, and with which totals
  churn     100 new containers a minute
  cluster   the collector over 100, 1,000 and 5,000 nodes that are not there, or over --sizes nodes; needs no root
  soak      --cycles containers come and go: fails if memory or descriptors grow; churn for --hours if given
options:
  --program FILE   the program (target/release/plimsoll)
  --peer FILE      cAdvisor, see bench/peer-cadvisor; none by default
  --testcluster FILE   the cluster that is not there, see testbed/cluster
  --cluster-peer FILE  metrics-server, see bench/peer-metrics-server; none by default
  --sizes LIST     containers, 1,100,1000 by default
  --history SECS   how long samples are gathered before memory is read, 130 by default
  --rounds N       rounds of each subject in turns, 5 by default
  --window SECS    of a round, 5 by default
  --cycles N       containers of a soak, 2000 by default
  --hours N        how long to soak";

/// What the command line says.
pub(crate) struct Settings {
    pub(crate) program: PathBuf,
    pub(crate) peer: Option<PathBuf>,
    pub(crate) testcluster: Option<PathBuf>,
    pub(crate) cluster_peer: Option<PathBuf>,
    /// As the command line says; each scenario has its own otherwise.
    pub(crate) sizes: Option<Vec<usize>>,
    pub(crate) history: u64,
    pub(crate) rounds: usize,
    pub(crate) window: u64,
    pub(crate) cycles: usize,
    pub(crate) hours: Option<f64>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // the roles that this program plays inside the groups
    let done = match args.split_first() {
        Some((role, rest)) if role == "enter" => inside::enter(rest),
        Some((role, rest)) if role == "work" => inside::work(rest),
        Some((role, _)) if role == "minimal" => minimal::run(),
        Some((role, rest)) if role == "fetch" => cluster::fetch::run(rest),
        _ => run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plimsoll-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Lets this process open as many files as it may at all.
pub(crate) fn open_files() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?)
}

fn run(args: &[String]) -> Result<()> {
    let mut settings = Settings {
        program: "target/release/plimsoll".into(),
        peer: None,
        testcluster: None,
        cluster_peer: None,
        sizes: None,
        history: 130,
        rounds: 5,
        window: 5,
        cycles: 2000,
        hours: None,
    };
    let mut scenarios = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} wants a value\n{USAGE}"));
        match arg.as_str() {
            "--program" => settings.program = value()?.into(),
            "--peer" => {
                settings.peer = Some(value()?.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty())
            }
            "--testcluster" => settings.testcluster = Some(value()?.into()),
            "--cluster-peer" => {
                settings.cluster_peer =
                    Some(value()?.into()).filter(|path: &PathBuf| !path.as_os_str().is_empty())
            }
            "--sizes" => {
                let sizes: std::result::Result<Vec<usize>, _> = value()?.split(',').map(str::parse).collect();
                let mut sizes = sizes?;
                // groups are only ever added
                sizes.sort_unstable();
                settings.sizes = Some(sizes);
            }
            "--history" => settings.history = value()?.parse()?,
            "--rounds" => settings.rounds = value()?.parse()?,
            "--window" => settings.window = value()?.parse()?,
            "--cycles" => settings.cycles = value()?.parse()?,
            "--hours" => settings.hours = Some(value()?.parse()?),
            "host" | "kinds" | "appear" | "short" | "churn" | "cluster" | "soak" => {
                scenarios.push(arg.as_str())
            }
            other => return Err(format!("{other}?\n{USAGE}").into()),
        }
    }
    if scenarios.is_empty() {
        return Err(USAGE.into());
    }
    if scenarios != ["cluster"] {
        sweep::arrange()?;
    }
    scenario::machine(&settings)?;
    for name in scenarios {
        match name {
            "host" => scenario::host::run(&settings)?,
            "kinds" => scenario::kinds::run(&settings)?,
            "appear" => scenario::appear::run(&settings)?,
            "short" => scenario::short::run(&settings)?,
            "cluster" => scenario::cluster::run(&settings)?,
            "churn" => scenario::churn::run(&settings, 120.0)?,
            _ => match settings.hours {
                Some(hours) => scenario::churn::run(&settings, hours * 3600.0)?,
                None => scenario::soak::run(&settings)?,
            },
        }
    }
    Ok(())
}
