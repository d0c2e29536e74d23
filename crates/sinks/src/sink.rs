//! What a sink is.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::history::History;

use crate::turn::Turn;

/// A batch on its way.
pub type Work<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

/// The end of a sink.
pub type Ended<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Somewhere to ship batches to.
pub trait Sink: Send + Sync {
    /// Heapster's name for it, which meters have as `exporter`: `InfluxDB Sink`.
    fn name(&self) -> &'static str;

    /// Where it ships to, without credentials; empty where there is only one place.
    fn place(&self) -> &str {
        ""
    }

    /// Ships a batch. It is shared with others, and is called for one batch at a time. What fails for the moment is
    /// tried again with [`Turn::retried`]; when the turn is over, the work is dropped wherever it is.
    fn export<'a>(&'a self, batch: Arc<Batch>, turn: &'a Turn) -> Work<'a>;

    /// Hands over what it may hold back. Nothing is exported after it.
    fn stop(&self) -> Ended<'_> {
        Box::pin(std::future::ready(()))
    }

    /// The store's past, where it can be asked.
    fn history(&self) -> Option<Arc<dyn History>> {
        None
    }
}

/// Why a batch, or a part of it, did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It may go well when it is tried again: nobody there, too slow, too busy.
    #[error("{0}")]
    Passing(String),
    /// Trying again changes nothing: credentials, a name that is not known.
    #[error("{0}")]
    Refused(String),
    /// A part was refused for what stands in it; other parts can go well.
    #[error("{0}")]
    Partly(String),
}

impl SinkError {
    /// Whether it is worth another try.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(_))
    }
}
