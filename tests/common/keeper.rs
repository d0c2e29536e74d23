//! A daemon that a script of the testbed keeps: it says when the daemon is ready, stops and starts it on a word,
//! and cleans after it when its standard input ends, so in any case.
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal};

pub struct Keeper {
    /// The daemon's.
    pub pid: Pid,
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Keeper {
    /// Starts `testbed/SCRIPT WORDS`; gives what it says of the daemon besides its pid.
    #[track_caller]
    pub fn start<const N: usize>(script: &str, words: &[&str]) -> (Self, [String; N]) {
        let mut command = Command::new(super::repository().join("testbed").join(script));
        let mut child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let (pid, told) = ready(&mut answers);
        let told = told.try_into().unwrap_or_else(|told| panic!("{script} says {told:?}"));
        (Self { pid, child, orders, answers }, told)
    }

    #[track_caller]
    pub fn stop(&mut self) {
        self.order("stop");
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line, "stopped\n");
    }

    #[track_caller]
    pub fn start_again(&mut self) {
        self.order("start");
        self.pid = ready(&mut self.answers).0;
    }

    fn order(&self, word: &str) {
        writeln!(self.orders.as_ref().unwrap(), "{word}").unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid, signal).unwrap();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid, Signal::CONT);
        self.orders = None;
        let _ = self.child.wait();
    }
}

/// `ready PID WORD...`.
#[track_caller]
fn ready(answers: &mut impl BufRead) -> (Pid, Vec<String>) {
    let mut line = String::new();
    answers.read_line(&mut line).unwrap();
    let mut words = line.split_whitespace().map(str::to_owned);
    let (first, pid) = (words.next(), words.next().and_then(|word| Pid::from_raw(word.parse().ok()?)));
    match (first.as_deref(), pid) {
        (Some("ready"), Some(pid)) => (pid, words.collect()),
        _ => panic!("the daemon's keeper says {line:?}"),
    }
}
