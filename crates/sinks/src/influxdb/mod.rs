//! InfluxDB: Heapster's schema in a database of version 1, or in a bucket of version 2.
//!
//! `influxdb:http://HOST:8086?OPTIONS`; see `docs/sinks.md` for the options and the schema.

mod answer;
mod config;
#[cfg(test)]
mod fake;
mod history;
mod line;
mod one;
mod peer;
mod points;
mod ql;
mod retention;
#[cfg(test)]
mod tests;
mod two;

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use plimsoll_core::cluster::batch::Batch;
use plimsoll_core::cluster::history::History;

use self::config::Store;
use self::history::Past;
use self::one::Database;
use self::points::{Chunk, Chunks, Shape};
use self::two::Bucket;
use crate::options::{BuildError, Options};
use crate::sink::{Sink, SinkError, Work};
use crate::turn::Turn;

/// `influxdb:http://HOST:8086?OPTIONS`.
pub(crate) fn build(options: &mut Options<'_>) -> Result<Box<dyn Sink>, BuildError> {
    let config = config::read(options)?;
    let server = match config.store {
        Store::One { database, retention } => {
            Server::One(Arc::new(Database::new(config.peer, database, retention)))
        }
        Store::Two { organisation, bucket } => {
            Server::Two(Box::new(Bucket::new(config.peer, &organisation, &bucket)))
        }
    };
    Ok(Box::new(Influx { server, shape: Arc::new(config.shape), concurrency: config.concurrency }))
}

enum Server {
    One(Arc<Database>),
    Two(Box<Bucket>),
}

struct Influx {
    server: Server,
    shape: Arc<Shape>,
    concurrency: usize,
}

impl Influx {
    async fn write(&self, chunk: &Chunk) -> Result<(), SinkError> {
        match &self.server {
            Server::One(database) => database.write(&chunk.lines).await,
            Server::Two(bucket) => bucket.write(&chunk.lines).await,
        }
    }

    /// Chunk by chunk, some at a time. What is refused for its content costs its own chunk, everything else the rest
    /// of the batch: a server that is not there does not come back for the next chunk.
    async fn ship(&self, batch: Arc<Batch>, turn: &Turn) -> Result<(), SinkError> {
        let chunks = Chunks::new(Arc::clone(&self.shape), batch);
        let writes = stream::iter(chunks).map(|chunk| async move {
            let done = turn.retried(|| self.write(&chunk)).await;
            (chunk.points, done)
        });
        let mut writes = std::pin::pin!(writes.buffer_unordered(self.concurrency));
        let (mut requests, mut refused, mut points, mut first) = (0, 0, 0, None);
        while let Some((size, done)) = writes.next().await {
            requests += 1;
            match done {
                Ok(()) => points += size,
                Err(SinkError::Partly(why)) => {
                    refused += 1;
                    first.get_or_insert(why);
                }
                Err(error) => return Err(error),
            }
        }
        tracing::debug!("{}: wrote {points} points in {requests} requests", self.place());
        match first {
            None => Ok(()),
            Some(why) => Err(SinkError::Partly(format!("{refused} of {requests} requests: {why}"))),
        }
    }
}

impl Sink for Influx {
    fn name(&self) -> &'static str {
        "InfluxDB Sink"
    }

    fn place(&self) -> &str {
        match &self.server {
            Server::One(database) => database.base(),
            Server::Two(bucket) => bucket.base(),
        }
    }

    fn export<'a>(&'a self, batch: Arc<Batch>, turn: &'a Turn) -> Work<'a> {
        Box::pin(self.ship(batch, turn))
    }

    /// Of version 1; version 2 would have to be asked in another language.
    fn history(&self) -> Option<Arc<dyn History>> {
        match &self.server {
            Server::One(database) => Some(Arc::new(Past::new(Arc::clone(database), Arc::clone(&self.shape)))),
            Server::Two(_) => None,
        }
    }
}
