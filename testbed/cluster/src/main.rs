//! The program: reads its options, starts the cluster, says where it is, waits to be ended.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test's helper, not the agent")]

use std::process::ExitCode;

use plimsoll_testcluster::{Options, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("plimsoll-testcluster: {error}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plimsoll-testcluster: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<()> {
    // a socket for each node, and one for each connection
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    if let Some(most) = most.filter(|most| *most < 2 * options.nodes as u64 + 100) {
        return Err(
            format!("{} nodes need more than the {most} open files that are allowed", options.nodes).into()
        );
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(options.threads).enable_all().build()?;
    runtime.block_on(async {
        let running = plimsoll_testcluster::start(options).await?;
        println!("{}", running.line());
        let mut ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = ended.recv() => {}
        }
        Ok(())
    })
}
