//! Why an application's metrics are not there: one sentence each.

use std::time::Duration;

use plimsoll_kernel::inside::Refused;

/// What went wrong with one collector of one container.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The first process is not there or may not be looked into.
    #[error("the container's files cannot be reached: {0}")]
    Process(String),
    /// The configuration cannot be read.
    #[error("{path}: {cause}")]
    File {
        /// Inside the container.
        path: String,
        /// Why.
        cause: Refused,
    },
    /// Reading does not end.
    #[error("{0}: the filesystem does not answer")]
    Stuck(String),
    /// The configuration is wrong.
    #[error("{path}: {cause}")]
    Config {
        /// Inside the container.
        path: String,
        /// What is expected.
        cause: String,
    },
    /// The container has no address.
    #[error("the container has no address of its own; give the whole URL, or a unix:// socket, as endpoint")]
    NoAddress,
    /// The address is somebody else's.
    #[error("{0} is not the container's own address, and no other is asked")]
    NotOwn(String),
    /// No connection.
    #[error("{to}: {cause}")]
    Connect {
        /// Who was asked.
        to: String,
        /// Why.
        cause: String,
    },
    /// The conversation broke off.
    #[error("the answer broke off: {0}")]
    Broken(String),
    /// Another status than 200.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// The answer takes too long.
    #[error("no whole answer within {0:?}")]
    Late(Duration),
    /// The answer is too long.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The answer is compressed though nobody asked for it.
    #[error("the answer is encoded as {0}, which was not asked for")]
    Encoded(String),
    /// More metrics than allowed.
    #[error("more than {0} metrics; see -application_metrics_count_limit")]
    TooMany(usize),
    /// More series than allowed.
    #[error("more than {0} series; see -application_metrics_series_limit")]
    TooManySeries(usize),
    /// Nothing in the answer is a metric.
    #[error("the answer has no metrics; its first line that is none: {0:?}")]
    NoMetrics(String),
    /// The certificate of the flags.
    #[error(transparent)]
    Tls(#[from] crate::TlsError),
}
