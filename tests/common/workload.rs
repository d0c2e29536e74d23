//! Orders to the static helper (`testbed/workload`) over the Unix socket that it listens on.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The helper's file.
pub fn path() -> Result<PathBuf, String> {
    std::env::var_os("PLIMSOLL_TEST_WORKLOAD")
        .map(PathBuf::from)
        .ok_or_else(|| "PLIMSOLL_TEST_WORKLOAD is not set; `make e2e` builds it".into())
}

/// Waits for the helper's socket, then gives one order and waits for its answer.
#[track_caller]
pub fn order(socket: &Path, line: &str) -> String {
    let stream = super::eventually("the workload listens", 20.0, || {
        UnixStream::connect(socket).map_err(|error| error.to_string())
    });
    stream.set_read_timeout(Some(super::seconds(60.0))).unwrap();
    writeln!(&stream, "{line}").unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    match answer.trim_end().strip_prefix("ok ").or(answer.trim_end().strip_prefix("ok")) {
        Some(told) => told.to_owned(),
        None => panic!("the workload answers {answer:?} to {line:?}"),
    }
}

/// Gives an order whose answer does not come, because it ends the helper.
#[track_caller]
pub fn last_order(socket: &Path, line: &str) {
    let stream = super::eventually("the workload listens", 20.0, || {
        UnixStream::connect(socket).map_err(|error| error.to_string())
    });
    stream.set_read_timeout(Some(super::seconds(60.0))).unwrap();
    writeln!(&stream, "{line}").unwrap();
    let _ = BufReader::new(stream).read_line(&mut String::new());
}
