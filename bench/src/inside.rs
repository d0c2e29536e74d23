//! What this program does inside a group.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Result;

/// `enter DIR... -- PROGRAM ARG...`: becomes that program, in those groups.
pub(crate) fn enter(args: &[String]) -> Result<()> {
    let mut args = args.iter();
    for dir in args.by_ref().take_while(|arg| *arg != "--") {
        let file = Path::new(dir).join("cgroup.procs");
        fs::write(&file, "0").map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let program = args.next().ok_or("enter: no program")?;
    Err(Command::new(program).args(args).exec().into())
}

/// `work busy`, `work burn MILLISECONDS`, `work listen`.
pub(crate) fn work(args: &[String]) -> Result<()> {
    let word = |place: usize| args.get(place).map(String::as_str);
    match word(0) {
        Some("busy") => loop {
            touch();
            burn(Duration::from_micros(200));
            std::thread::sleep(Duration::from_secs(1));
        },
        Some("burn") => {
            let begin = Instant::now();
            burn(Duration::from_millis(word(1).unwrap_or("20").parse()?));
            // with the work, a life of 100 ms
            std::thread::sleep(Duration::from_millis(100).saturating_sub(begin.elapsed()));
            Ok(())
        }
        // in a network namespace of its own
        Some("listen") => {
            #[allow(
                deprecated,
                reason = "the new name is unsafe for tables of descriptors, which stay shared"
            )]
            rustix::thread::unshare(rustix::thread::UnshareFlags::NEWNET)?;
            let _socket = std::net::TcpListener::bind("0.0.0.0:80")?;
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        }
        _ => Err("work: busy, burn or listen".into()),
    }
}

/// Takes some pages and gives them back, so that memory numbers move.
fn touch() {
    let pages = vec![1_u8; 256 * 1024];
    std::hint::black_box(&pages);
}

fn burn(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::black_box(begin.elapsed());
    }
}
