//! Known work, on command: the tests' containers run this and nothing else.
//!
//!     workload serve SOCKET        obeys lines that come over a Unix socket
//!     workload do COMMAND...       obeys its arguments, one after the other
//!
//! The answer to a line is one line: `ok ...` or `error: ...`. The commands:
//!
//!     burn MS              computes until this process has used MS more of CPU time
//!     hold MIB             holds MIB more, every page written
//!     release              gives all held memory back
//!     write PATH MIB       writes MIB to PATH past the page cache (O_DIRECT)
//!     sync PATH MIB        writes MIB to PATH through the page cache, then fsync
//!     send HOST:PORT MIB   sends MIB over TCP and waits until all was taken
//!     receive HOST:PORT MIB
//!     fork N               starts N processes that sleep
//!     sleep MS
//!     exit CODE
//!
//! It is linked statically, so that an image needs nothing else.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a test's helper, not the agent")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command};
use std::time::Duration;

const MIB: usize = 1 << 20;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut state = State::default();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve", path] => {
            if let Err(error) = serve(path, &mut state) {
                println!("error: {path}: {error}");
                leave(70);
            }
        }
        ["do", commands @ ..] => {
            for command in commands {
                let answer = state.answer(command);
                println!("{answer}");
                if answer.starts_with("error") {
                    leave(70);
                }
            }
        }
        _ => leave(64),
    }
}

fn leave(code: i32) -> ! {
    std::process::exit(code)
}

fn serve(path: &str, state: &mut State) -> std::io::Result<()> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    loop {
        let (stream, _) = listener.accept()?;
        let mut answers = stream.try_clone()?;
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { break };
            if writeln!(answers, "{}", state.answer(&line)).is_err() {
                break;
            }
        }
    }
}

/// What was taken and is still held.
#[derive(Default)]
struct State {
    memory: Vec<Vec<u8>>,
    children: Vec<Child>,
}

impl State {
    fn answer(&mut self, line: &str) -> String {
        match self.obey(line) {
            Ok(told) => format!("ok {told}"),
            Err(error) => format!("error: {line}: {error}"),
        }
    }

    fn obey(&mut self, line: &str) -> Result<String, Box<dyn std::error::Error>> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["burn", ms] => Ok(burn(Duration::from_millis(ms.parse()?)).as_nanos().to_string()),
            ["hold", mib] => {
                // a value other than zero, else the allocator hands out pages that nobody touched
                self.memory.push(vec![1; mib.parse::<usize>()? * MIB]);
                Ok(self.memory.len().to_string())
            }
            ["release"] => {
                self.memory.clear();
                Ok(String::new())
            }
            ["write", path, mib] => write_direct(path, mib.parse()?),
            ["sync", path, mib] => write_synced(path, mib.parse()?),
            ["send", to, mib] => send(to, mib.parse()?),
            ["receive", from, mib] => receive(from, mib.parse()?),
            ["fork", count] => {
                for _ in 0..count.parse::<usize>()? {
                    self.children.push(Command::new("/proc/self/exe").args(["do", "sleep 3600000"]).spawn()?);
                }
                Ok(self.children.len().to_string())
            }
            ["sleep", ms] => {
                std::thread::sleep(Duration::from_millis(ms.parse()?));
                Ok(String::new())
            }
            ["exit", code] => leave(code.parse()?),
            _ => Err("no such command".into()),
        }
    }
}

fn cpu_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Gives what was used in fact: a little more than asked.
fn burn(want: Duration) -> Duration {
    let start = cpu_time();
    loop {
        for _ in 0..10_000 {
            std::hint::spin_loop();
        }
        let used = cpu_time().saturating_sub(start);
        if used >= want {
            return used;
        }
    }
}

fn write_direct(path: &str, mib: usize) -> Result<String, Box<dyn std::error::Error>> {
    let direct = i32::try_from(rustix::fs::OFlags::DIRECT.bits())?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .custom_flags(direct)
        .open(path)?;
    // O_DIRECT wants a buffer that starts at a block of the disk
    let buffer = vec![7_u8; MIB + 4096];
    let skip = buffer.as_ptr().align_offset(4096);
    let block = buffer.get(skip..skip + MIB).ok_or("no aligned buffer")?;
    for _ in 0..mib {
        file.write_all(block)?;
    }
    Ok(mib.to_string())
}

fn write_synced(path: &str, mib: usize) -> Result<String, Box<dyn std::error::Error>> {
    let mut file = std::fs::File::create(path)?;
    let block = vec![7_u8; MIB];
    for _ in 0..mib {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    Ok(mib.to_string())
}

fn send(to: &str, mib: usize) -> Result<String, Box<dyn std::error::Error>> {
    let mut stream = TcpStream::connect(to)?;
    let block = vec![7_u8; MIB];
    for _ in 0..mib {
        stream.write_all(&block)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest)?;
    Ok(mib.to_string())
}

fn receive(from: &str, mib: usize) -> Result<String, Box<dyn std::error::Error>> {
    let mut stream = TcpStream::connect(from)?;
    let mut block = vec![0; MIB];
    let mut got = 0;
    loop {
        match stream.read(&mut block)? {
            0 if got == mib * MIB => return Ok(mib.to_string()),
            0 => return Err(format!("{got} bytes came").into()),
            n => got += n,
        }
    }
}
