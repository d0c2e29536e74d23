//! `plimsoll top` in a real terminal, of this host and of an agent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

mod common;

use std::process::{Child, Command, Stdio};

use common::kernel::Group;
use common::program::{self, Plimsoll, binary};
use common::{Need, eventually, seconds, unique};
use rustix::process::{Pid, Signal};
use serde_json::Value;

/// A terminal of 80 by 24 with a shell in it; ended when dropped.
struct Terminal {
    socket: String,
    folder: tempfile::TempDir,
}

impl Terminal {
    /// Runs this line of the shell.
    #[track_caller]
    fn start(line: &str) -> Self {
        let terminal = Self { socket: unique("plimsoll-top"), folder: common::folder() };
        let script = terminal.folder.path().join("script");
        std::fs::write(&script, format!("{line}\nexec sleep 600\n")).unwrap();
        let shell = format!("exec sh {}", script.display());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", &shell]);
        terminal
    }

    #[track_caller]
    fn tmux(&self, words: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(words).env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        let done = program::run(&mut command, 20.0);
        assert_eq!(done.code, Some(0), "tmux {words:?}: {}", done.stderr);
        done.stdout
    }

    #[track_caller]
    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// The screen, once it is as it should be.
    #[track_caller]
    fn shows(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        eventually(what, 20.0, || {
            let screen = self.tmux(&["capture-pane", "-p"]);
            if is(&screen) { Ok(screen) } else { Err(screen) }
        })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.socket, "kill-server"]).stderr(Stdio::null()).status();
    }
}

/// A group in which a shell burns a CPU; ended when dropped.
struct Burner {
    child: Child,
    group: Group,
}

impl Burner {
    #[track_caller]
    fn start() -> Self {
        let group = Group::new(&unique("pl-burner"));
        let line = format!("{} while :; do :; done", group.enter());
        let child = Command::new("sh").arg("-c").arg(line).stdin(Stdio::null()).spawn().unwrap();
        Self { child, group }
    }

    fn name(&self) -> &str {
        self.group.name.trim_start_matches('/')
    }
}

impl Drop for Burner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cores in use, as the line of this name shows them.
fn cores(screen: &str, name: &str) -> Option<f64> {
    // above the table the filter is named
    let line = screen.lines().skip(5).find(|line| line.contains(name))?;
    line.split_once(name)?.1.split_whitespace().next()?.parse().ok()
}

#[test]
fn this_host_is_shown_and_the_terminal_is_restored() {
    require!(Need::Root, Need::Program("tmux"));
    let burner = Burner::start();
    let name = burner.name();
    let terminal =
        Terminal::start(&format!("{} top -filter {name}; echo ended with $?; stty -a", binary().display()));
    // the machine may have other work to do
    terminal.shows("the burning group", |screen| cores(screen, name).is_some_and(|cores| cores > 0.2));
    terminal.press("Enter");
    terminal.shows("its charts", |screen| screen.contains("Memory ") && screen.contains('█'));
    terminal.press("p");
    terminal.shows("its process", |screen| screen.contains(&format!(" {} root ", burner.child.id())));
    terminal.press("Escape");
    terminal.press("t");
    terminal.shows("the tree", |screen| screen.contains("by severity · tree") && screen.contains(name));
    terminal.press("q");
    let screen =
        terminal.shows("the end", |screen| screen.contains("ended with 0") && screen.contains("icanon"));
    assert!(
        screen.contains(" icanon") && screen.contains(" echo "),
        "the terminal reads lines again: {screen}"
    );
    assert!(!screen.contains("LOAD LINE"), "the screen is as it was: {screen}");
}

#[test]
fn a_signal_restores_the_terminal() {
    require!(Need::Root, Need::Program("tmux"));
    let folder = common::folder();
    let file = folder.path().join("pid");
    let line = format!(
        "sh -c 'echo $$ >{}; exec {} top'; echo ended with $?; stty -a",
        file.display(),
        binary().display()
    );
    let terminal = Terminal::start(&line);
    terminal.shows("the table", |screen| screen.contains("LOAD LINE"));
    let pid: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    rustix::process::kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    let screen =
        terminal.shows("the end", |screen| screen.contains("ended with 0") && screen.contains("icanon"));
    assert!(screen.contains(" icanon") && !screen.contains("LOAD LINE"), "{screen}");
}

#[test]
fn an_agent_behind_a_prefix_and_a_password() {
    require!(Need::Root, Need::Program("tmux"));
    let burner = Burner::start();
    let name = burner.name();
    let folder = common::folder();
    let users = folder.path().join("users");
    // the password is "password"
    std::fs::write(&users, "me:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n").unwrap();
    let file = format!("--http_auth_file={}", users.display());
    let mut agent = Plimsoll::start_at("/load", &["--url_base_prefix=/load", &file]);
    let refused = program::run(
        Command::new(binary()).args(["top", &format!("http://me:wrong-one@{}/load", agent.address)]),
        20.0,
    );
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("refuses this name or password"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("wrong-one"), "{}", refused.stderr);
    let url = format!("http://me:password@{}/load", agent.address);
    let terminal = Terminal::start(&format!("{} top -interval=1s {url} -filter {name}", binary().display()));
    terminal.shows("the burning group", |screen| cores(screen, name).is_some_and(|cores| cores > 0.2));
    terminal.press("Enter");
    terminal.shows("its charts", |screen| screen.contains("Memory ") && screen.contains('█'));
    terminal.press("p");
    terminal.shows("its process", |screen| screen.contains(&format!(" {} root ", burner.child.id())));
    let _ = agent.end(Signal::TERM);
    let screen = terminal.shows("that the agent is gone", |screen| screen.contains("trying again"));
    assert!(!screen.contains("me:password"), "{screen}");
    terminal.press("q");
    terminal.shows("the end", |screen| !screen.contains("trying again"));
}

#[test]
fn without_a_terminal_it_prints_once() {
    require!(Need::Root);
    let burner = Burner::start();
    let name = burner.name();
    std::thread::sleep(seconds(0.2));
    let print = |words: &[&str]| {
        let done = program::run(Command::new(binary()).arg("top").args(words).args(["-filter", name]), 30.0);
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{words:?}");
        done.stdout
    };
    let table = print(&[]);
    assert!(table.starts_with("NAME ") && table.lines().count() == 2, "{table}");
    let csv = print(&["-format", "csv"]);
    assert!(csv.lines().nth(1).is_some_and(|line| line.starts_with(&format!("/{name},{name},"))), "{csv}");
    // on a machine with other work it may get little of the processors at one time
    eventually("its CPU is told", 30.0, || {
        let json: Value = serde_json::from_str(&print(&["-format=json"])).unwrap();
        let row = &json["rows"][0];
        assert_eq!(row["title"], name);
        if row["cpu"].as_f64().is_some_and(|cores| cores > 0.2) { Ok(()) } else { Err(row.to_string()) }
    });
    let gone = program::run(Command::new(binary()).args(["top", "http://127.0.0.1:9/"]), 30.0);
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.starts_with("plimsoll: 127.0.0.1:9: "), "{}", gone.stderr);
}

#[test]
fn an_agent_over_https() {
    require!(Need::Root, Need::Program("openssl"));
    let folder = common::folder();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let made = program::run(
        Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args([
                "-addext",
                "subjectAltName=IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
                "-keyout",
                &key,
                "-out",
                &cert,
            ]),
        60.0,
    );
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut agent = Command::new("setpriv");
    agent
        .args(["--pdeathsig", "KILL"])
        .arg(binary())
        .arg("--listen_ip=127.0.0.1")
        .arg(format!("--port={port}"));
    agent.args([format!("--tls_cert_file={cert}"), format!("--tls_private_key_file={key}")]);
    let mut agent = agent.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let url = format!("https://127.0.0.1:{port}/");
    let top = |words: &[&str]| {
        program::run(
            Command::new(binary()).args(["top", "-once", "-format=json"]).args(words).arg(&url),
            30.0,
        )
    };
    let trusted = eventually("it answers over TLS", 20.0, || {
        let done = top(&["-ca_file", &cert]);
        if done.code == Some(0) { Ok(done.stdout) } else { Err(done.stderr) }
    });
    let trusted: Value = serde_json::from_str(&trusted).unwrap();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(trusted["machine"]["name"], host.trim());
    assert_eq!(top(&["-insecure"]).code, Some(0));
    let doubted = top(&[]);
    assert_eq!(doubted.code, Some(1));
    assert!(doubted.stderr.contains("certificate"), "{}", doubted.stderr);
    agent.kill().unwrap();
    agent.wait().unwrap();
}
