//! Why a daemon gave no answer.

use std::fmt;
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nobody there.
    Connect(String),
    /// No answer in time.
    Late(Duration),
    /// The connection broke.
    Broken(String),
    /// Another HTTP status than 200. gRPC's "not found" is 404 here.
    Status(u16, String),
    /// More than so many bytes.
    TooLong(usize),
    /// An answer that is none.
    Nonsense(String),
}

impl Fault {
    /// The daemon says that it has no such container.
    pub(crate) fn not_found() -> Self {
        Self::Status(404, "no such container".to_owned())
    }

    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Status(404, _))
    }

    /// An answer in a shape that is not the expected one.
    pub(crate) fn nonsense(error: &dyn fmt::Display) -> Self {
        Self::Nonsense(error.to_string())
    }
}

/// Whether it is not news after the other: a connection breaks in as many words as there are moments for it.
impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Broken(_), Self::Broken(_)) => true,
            _ => self.to_string() == other.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(why) => write!(f, "cannot connect: {why}"),
            Self::Late(after) => write!(f, "no answer within {after:?}"),
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::Status(code, message) => write!(f, "answered {code}: {message}"),
            Self::TooLong(limit) => write!(f, "an answer of more than {limit} bytes"),
            Self::Nonsense(why) => f.write_str(why),
        }
    }
}
