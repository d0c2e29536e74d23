//! The program: flags, mode, exit code. The only place that prints and exits.

mod address;
mod agent;
mod collector;
mod health;
#[cfg(feature = "top")]
mod top;

use std::io::Write as _;
use std::process::ExitCode;

use plimsoll::flags::cluster::Cluster;
use plimsoll::flags::settings::{Log, LogFormat, Settings};
use plimsoll::flags::{self, Command};
use plimsoll_kernel::heap;

fn main() -> ExitCode {
    let mut args = std::env::args_os();
    let program = args.next().map_or_else(|| "plimsoll".to_owned(), |name| name.to_string_lossy().into());
    match flags::parse(&program, args) {
        Ok(Command::Host(settings, notices)) => host(*settings, &notices),
        Ok(Command::Cluster(settings, notices)) => cluster(*settings, &notices),
        Ok(Command::Health(question)) => exit_of(health::ask(&question)),
        Ok(Command::Top(question)) => top(*question),
        Ok(Command::Version(line)) => {
            say(&(line + "\n"));
            ExitCode::SUCCESS
        }
        Ok(Command::Help(text)) => {
            complain(&text);
            ExitCode::SUCCESS
        }
        Err(error) => {
            complain(&error.message);
            ExitCode::from(error.exit_code)
        }
    }
}

/// Descriptors are what reading cheaply costs, and the usual soft limit of 1024 is there for programs that use
/// `select`: takes what the hard limit allows. One that cannot be raised is lived with.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn host(settings: Settings, notices: &[flags::Notice]) -> ExitCode {
    begin(&settings.log, notices);
    // its readers hardly ever allocate; a heap for each of the threads would be a quarter of a megabyte
    heap::share();
    work(agent::workers(&settings), agent::run(settings))
}

fn cluster(settings: Cluster, notices: &[flags::Notice]) -> ExitCode {
    begin(&settings.log, notices);
    work(collector::workers(&settings), collector::run(settings))
}

/// What comes before the work.
fn begin(log: &Log, notices: &[flags::Notice]) {
    start_log(log);
    raise_descriptor_limit();
    for notice in notices {
        tracing::warn!("{}", notice.text);
    }
}

/// Does it on so many threads, to its end.
fn work<E>(threads: usize, run: impl Future<Output = Result<(), E>>) -> ExitCode
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("serve")
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run).map_err(Into::into);
            // what still runs is cut off: clients that read slowly must not hold up the end
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            exit_of(ended)
        }
        Err(error) => exit_of(Err(error.into())),
    }
}

#[cfg(not(feature = "top"))]
fn top(_: flags::Top) -> ExitCode {
    exit_of(Err("this program was built without the terminal: build it with --features top".into()))
}

#[cfg(feature = "top")]
fn top(question: flags::Top) -> ExitCode {
    raise_descriptor_limit();
    // no log: it would be written over the screen; two threads, since it reads and draws
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(top::run(question));
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            exit_of(ended.map(|text| text.iter().for_each(|text| say(text))))
        }
        Err(error) => exit_of(Err(error.into())),
    }
}

fn start_log(settings: &Log) {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(settings.level);
    match settings.format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().init(),
    }
}

/// Prints the whole chain of causes, once.
fn exit_of(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    let Err(error) = ended else { return ExitCode::SUCCESS };
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    complain(&format!("plimsoll: {text}"));
    ExitCode::FAILURE
}

/// To standard output. Who reads only the beginning of it, as `head` does, is no failure.
fn say(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

#[allow(clippy::print_stderr, reason = "the program's own words")]
fn complain(text: &str) {
    eprintln!("{text}");
}
