//! Ships rounds of numbers to other stores.
//!
//! Comes in: a batch a round, for every sink the same one. Goes out: what each store takes, at the store's pace and not
//! at that of the rounds: a sink that is slow, down or refuses costs its own batches, which are counted, and nothing
//! else. Refuses to know: where batches come from, and who asks for the past.
//!
//! A sink is a folder and a row in [`kinds`].

mod influxdb;
mod kinds;
mod log;
mod manager;
mod options;
mod sink;
mod turn;

pub use self::kinds::{Built, build};
pub use self::manager::meters::{Loss, SinkMeters};
pub use self::manager::{Limits, Manager};
pub use self::options::BuildError;
pub use self::sink::{Ended, Sink, SinkError, Work};
pub use self::turn::Turn;
