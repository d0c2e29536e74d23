//! The command line: Go's grammar, one list of flags, typed settings.
//!
//! Comes in: the words of the command line. Goes out: [`Command`], or a [`UsageError`] with the
//! sentence to print. Refuses to know: files, sockets, the environment; it prints nothing.
//!
//! Read `list` first. The parser is our own because scripts for cAdvisor are written in the grammar of
//! Go's `flag` package, which no library here speaks.

pub mod cluster;
mod draft;
mod events;
pub mod flag;
mod grammar;
mod health;
mod kinds;
pub mod list;
pub mod settings;
mod suggest;
#[cfg(test)]
mod tests;
mod top;
mod usage;
pub mod value;

use std::ffi::OsString;

use std::path::Path;
use std::time::Duration;

pub use self::health::{Probe, Target};
pub use self::settings::Settings;
pub use self::top::{Agent, Format, Order, Top};
pub use self::usage::document;

use self::draft::Draft;
use self::flag::Flag;
use self::grammar::{Book, End};

/// Our version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What we call ourselves where cAdvisor tells its version: tools compare it, so the release whose interface
/// we speak comes first and ours stands behind.
pub const CADVISOR_VERSION: &str = concat!("v0.60.5+plimsoll.", env!("CARGO_PKG_VERSION"));

/// The source's revision; the build says it in `PLIMSOLL_REVISION`.
pub const REVISION: &str = match option_env!("PLIMSOLL_REVISION") {
    Some(revision) => revision,
    None => "unknown",
};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Watch this host; the notices are logged once, as warnings, when the log is up.
    Host(Box<Settings>, Vec<Notice>),
    /// Collect from many nodes; the notices are logged once, as warnings, when the log is up.
    Cluster(Box<cluster::Cluster>, Vec<Notice>),
    /// Ask a running agent how it is: exit 0 when it says ok, else 1.
    Health(Health),
    /// Show what runs here, or what an agent sees, in a terminal.
    Top(Box<Top>),
    /// Print the line to standard output and exit 0.
    Version(String),
    /// Print the text to standard error, as Go does, and exit 0.
    Help(String),
}

/// What to ask, for `plimsoll health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The question.
    pub probe: Probe,
    /// Whether any flag told where the agent is. If not, an agent that runs in the same container knows
    /// better: give the words of its command line (`/proc/1/cmdline`) to [`Health::of_agent`].
    pub told: bool,
}

impl Health {
    /// The same question to the agent with this command line (words that end in NUL, as in
    /// `/proc/<pid>/cmdline`). `None` where that is no agent.
    pub fn of_agent(&self, cmdline: &[u8]) -> Option<Probe> {
        let mut words = cmdline.strip_suffix(&[0]).unwrap_or(cmdline).split(|byte| *byte == 0);
        let mut words = words.by_ref().map(|word| String::from_utf8_lossy(word).into_owned());
        let program = words.next().filter(|program| matches!(name_of(program), "plimsoll" | "cadvisor"))?;
        match parse(&program, words.map(OsString::from)) {
            Ok(Command::Host(settings, _)) => {
                Some(Probe { timeout: self.probe.timeout, ..Probe::of_settings(&settings) })
            }
            _ => None,
        }
    }
}

/// Something to say once at start: a flag without effect, a value that was mended, an item passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// One sentence that names the flag.
    pub text: String,
}

/// A command line that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    /// For standard error: what is wrong, what would be right, where help is.
    pub message: String,
    /// The process' exit code.
    pub exit_code: u8,
}

impl UsageError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 2 }
    }

    fn with_hint(mut self, program: &str) -> Self {
        self.message.push_str(&format!("\nrun {program} -h for the list of flags"));
        self
    }
}

/// Reads a command line. `program` is the first word, `args` are those that follow. A program named
/// `cadvisor`, `heapster` or `metrics-server` takes flags only; one of any other name may take a command first.
///
/// # Errors
/// An unknown command or flag, a bad value, or flags that contradict each other.
pub fn parse(program: &str, args: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut args = args.peekable();
    let plain = |arg: &OsString| arg.to_string_lossy().starts_with('-') || arg.is_empty();
    match name_of(program) {
        "cadvisor" => return host(program, Names::Cadvisor, args),
        "heapster" => return cluster::parse(program, cluster::Speech::Heapster, args),
        "metrics-server" => return cluster::parse(program, cluster::Speech::MetricsServer, args),
        _ => {}
    }
    match args.next_if(|arg| !plain(arg)).map(|word| word.to_string_lossy().into_owned()).as_deref() {
        None | Some("host") => host(program, Names::Plimsoll, args),
        Some("health") => health(args),
        Some("top") => top(args),
        Some("version") => Ok(Command::Version(Names::Plimsoll.version())),
        Some("help") => Ok(Command::Help(usage::help(program, COMMANDS))),
        Some("cluster") => cluster::parse("plimsoll cluster", cluster::Speech::Plimsoll, args),
        Some(word) => Err(unknown_command(program, word)),
    }
}

const COMMANDS: &str = "
Commands (the first word)
  host     watch this host; the default
  cluster  collect from the nodes of a cluster, or from many hosts
  health   ask a running agent: exit 0 when it is well
  top      show what runs here, or what an agent sees, in the terminal
  version  print the version
  help     print this
";

/// Whose words we speak.
#[derive(Clone, Copy)]
enum Names {
    Cadvisor,
    Plimsoll,
}

impl Names {
    fn version(self) -> String {
        match self {
            Self::Cadvisor => format!("cAdvisor version {CADVISOR_VERSION} ({REVISION})"),
            Self::Plimsoll => format!("plimsoll {VERSION}"),
        }
    }

    fn commands(self) -> &'static str {
        match self {
            Self::Cadvisor => "",
            Self::Plimsoll => COMMANDS,
        }
    }
}

fn host(program: &str, names: Names, args: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut draft = Draft::default();
    match grammar::walk(&mut draft, &Book::new(list::SECTIONS), args).map_err(|e| e.with_hint(program))? {
        End::Help => return Ok(Command::Help(usage::help(program, names.commands()))),
        End::Rest(..) if draft.version => return Ok(Command::Version(names.version())),
        End::Rest(words, bare_bool) => tell_rest(&mut draft, &words, bare_bool),
    }
    let settings = draft.finish().map_err(|e| e.with_hint(program))?;
    Ok(Command::Host(Box::new(settings), draft.notices))
}

fn health(args: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut draft = Draft::default();
    let args: Vec<OsString> = args.collect();
    let book = Book::new(list::SECTIONS.iter().chain([&list::HEALTH]));
    let hint = |error: UsageError| error.with_hint("plimsoll health");
    if let End::Help = grammar::walk(&mut draft, &book, args.into_iter()).map_err(hint)? {
        return Ok(Command::Help(usage::help_health()));
    }
    let told = draft.probe.is_some() || draft.listens();
    Ok(Command::Health(Health { probe: draft.probe().map_err(hint)?, told }))
}

fn top(args: impl Iterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut draft = Draft::default();
    let book = Book::new([&list::TOP].into_iter().chain(list::SECTIONS));
    let hint = |error: UsageError| error.with_hint("plimsoll top");
    let mut agent: Option<Agent> = None;
    let mut args: Vec<OsString> = args.collect();
    loop {
        match grammar::walk(&mut draft, &book, args.into_iter()).map_err(hint)? {
            End::Help => return Ok(Command::Help(usage::help_top())),
            End::Rest(words, _) => {
                // unlike an agent's, whose flags Go ends here, the words behind the address count
                let mut words = words.into_iter();
                let Some(url) = words.next() else { break };
                if agent.is_some() {
                    return Err(hint(UsageError::new(format!("one agent at a time; unexpected {url:?}"))));
                }
                let wrong = |reason| hint(UsageError::new(format!("invalid address of an agent: {reason}")));
                agent = Some(Agent::of_url(&url).map_err(wrong)?);
                args = words.map(OsString::from).collect();
            }
        }
    }
    let settings = draft.finish().map_err(hint)?;
    if draft.top.interval < Duration::from_secs(1) {
        return Err(hint(UsageError::new("-interval: expected 1s or more")));
    }
    Ok(Command::Top(Box::new(Top { settings, agent, ..draft.top })))
}

/// Go drops what follows the flags without a word; that hides mistakes.
fn tell_rest(draft: &mut Draft, words: &[String], bare_bool: Option<&Flag>) {
    let Some(first) = words.first() else { return };
    let mut text = format!("ignored, since {first:?} is no flag and ends the flags: {}", words.join(" "));
    if let (Some(flag), Ok(value)) = (bare_bool, value::boolean(first)) {
        text.push_str(&format!("; -{0} is now true, and -{0}={value} would set it to {value}", flag.name));
    }
    draft.warn(text);
}

fn unknown_command(program: &str, word: &str) -> UsageError {
    let commands = ["host", "health", "version", "help", "cluster", "top"];
    let near = suggest::nearest(word, commands.into_iter());
    let near = near.map(|near| format!("\ndid you mean {near}?"));
    let message = format!("unknown command {word:?}{}", near.unwrap_or_default());
    UsageError::new(message).with_hint(program)
}

/// The last part of a path.
fn name_of(program: &str) -> &str {
    Path::new(program).file_name().and_then(|name| name.to_str()).unwrap_or(program)
}
