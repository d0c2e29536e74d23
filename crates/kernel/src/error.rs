//! What can go wrong with a kernel file: the path, the line, what was expected.

use std::path::{Path, PathBuf};

pub use rustix::io::Errno;

/// A kernel file that could not be read or understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel refused.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's reason.
        #[source]
        cause: Errno,
    },
    /// The file says something else than it should.
    #[error("{}, {cause}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and what.
        cause: ParseError,
    },
    /// Nothing of what was looked for is there.
    #[error("{}: expected {expected}", path.display())]
    Nothing {
        /// Where it was looked for.
        path: PathBuf,
        /// What would be right.
        expected: &'static str,
    },
}

impl Error {
    /// The kernel's refusal, with the path.
    pub fn read(path: impl Into<PathBuf>, cause: Errno) -> Self {
        Self::Read { path: path.into(), cause }
    }

    /// A text that was not understood, with the path.
    pub fn parse(path: impl Into<PathBuf>, cause: ParseError) -> Self {
        Self::Parse { path: path.into(), cause }
    }

    /// An error of the standard library, with the path.
    pub fn io(path: &Path, cause: &std::io::Error) -> Self {
        Self::read(path, Errno::from_io_error(cause).unwrap_or(Errno::IO))
    }

    /// The file or directory that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. } | Self::Parse { path, .. } | Self::Nothing { path, .. } => path,
        }
    }

    /// Whether the kernel has no such file or number here: an answer, not a fault.
    pub fn is_absent(&self) -> bool {
        match self {
            Self::Read { cause, .. } => is_absent(*cause),
            Self::Parse { .. } => false,
            Self::Nothing { .. } => true,
        }
    }

    /// Whether the group or the process ended while it was read.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Read { cause, .. } if is_gone(*cause))
    }
}

/// Whether the refusal says that there is no such file here, or that the kernel was built or started
/// without it (`EOPNOTSUPP`: pressure files under `psi=0`).
pub fn is_absent(cause: Errno) -> bool {
    matches!(cause, Errno::NOENT | Errno::NOTDIR | Errno::OPNOTSUPP)
}

/// Whether the refusal says that the group (`ENODEV`) or the process (`ESRCH`) behind an open file ended.
pub fn is_gone(cause: Errno) -> bool {
    matches!(cause, Errno::NODEV | Errno::SRCH)
}

/// A text that is not in the shape that it should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found:?}")]
pub struct ParseError {
    /// Counted from 1.
    pub line: u32,
    /// What would be right.
    pub expected: &'static str,
    /// The beginning of what is there.
    pub found: Box<str>,
}

impl ParseError {
    /// Keeps no more than the beginning of what was found.
    pub fn new(line: u32, expected: &'static str, found: &[u8]) -> Self {
        let start = found.get(..40).unwrap_or(found);
        Self { line, expected, found: String::from_utf8_lossy(start).into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_path_line_and_what_would_be_right() {
        let cause = ParseError::new(7, "a number", b"anon");
        let error = Error::parse("/sys/fs/cgroup/a.slice/memory.stat", cause);
        assert_eq!(
            error.to_string(),
            "/sys/fs/cgroup/a.slice/memory.stat, line 7: expected a number, found \"anon\""
        );
    }

    #[test]
    fn absent_and_gone_are_two_things() {
        let absent = |e| (Error::read("/x", e).is_absent(), Error::read("/x", e).is_gone());
        assert_eq!(absent(Errno::NOENT), (true, false));
        assert_eq!(absent(Errno::OPNOTSUPP), (true, false));
        assert_eq!(absent(Errno::NODEV), (false, true));
        assert_eq!(absent(Errno::SRCH), (false, true));
        assert_eq!(absent(Errno::ACCESS), (false, false));
    }
}
