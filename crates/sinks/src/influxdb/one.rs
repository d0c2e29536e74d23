//! InfluxDB 1: a database, made when it is not there, and its retention policy.

use bytes::Bytes;
use http::StatusCode;
use plimsoll_client::Answer;
use tokio::sync::Mutex;

use super::answer::{Answers, Cell, Statement};
use super::peer::{Peer, encoded, message};
use super::ql::identifier;
use super::retention::Retention;
use crate::sink::SinkError;

/// The policy that Heapster makes and writes to; it is the default one of databases that Heapster made.
const POLICY: &str = "default";

/// A database.
pub(super) struct Database {
    peer: Peer,
    name: String,
    retention: Option<Retention>,
    policy: Mutex<Option<Policy>>,
}

/// The retention policy that points are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// Heapster's, by name.
    Heapsters,
    /// The database's default one, whatever its name.
    Databases,
    /// The default one of a database that we may not look at, if it is there.
    Unseen,
}

/// A policy as the server lists it.
struct Listed {
    name: String,
    duration: String,
    default: bool,
}

impl Database {
    pub(super) fn new(peer: Peer, name: String, retention: Option<Retention>) -> Self {
        Self { peer, name, retention, policy: Mutex::default() }
    }

    pub(super) fn base(&self) -> &str {
        &self.peer.base
    }

    /// Writes points, into a new database if there is none.
    pub(super) async fn write(&self, lines: &Bytes) -> Result<(), SinkError> {
        let mut path = format!("/write?db={}", encoded(&self.name));
        if self.policy().await? == Policy::Heapsters {
            path.push_str("&rp=");
            path.push_str(POLICY);
        }
        let answer = self.peer.write(&path, lines).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        let why = message(&answer);
        if !is_missing(&why) {
            return Err(self.peer.refusal("/write", &answer));
        }
        // dropped while we run: made again with the next try
        let mut known = self.policy.lock().await;
        *known = match known.take() {
            // who may not look would look in vain
            Some(Policy::Unseen) => Some(self.create().await?),
            _ => None,
        };
        Err(SinkError::Passing(format!("{}/write: {why}", self.peer.base)))
    }

    /// The answers to statements; times in nanoseconds. A statement's own error is in its answer.
    pub(super) async fn query(&self, statements: &str, most: usize) -> Result<Vec<Statement>, SinkError> {
        let path = format!("/query?db={}&epoch=ns", encoded(&self.name));
        let answer = self.peer.form(&path, format!("q={}", encoded(statements)), most).await?;
        if !answer.status.is_success() {
            return Err(self.peer.refusal("/query", &answer));
        }
        read(&answer).map_err(|why| SinkError::Passing(format!("{}/query: {why}", self.peer.base)))
    }

    /// Where points are, and are put. Makes the database where there is none.
    pub(super) async fn policy(&self) -> Result<Policy, SinkError> {
        let mut known = self.policy.lock().await;
        if let Some(policy) = *known {
            return Ok(policy);
        }
        let found = self.find_policy().await?;
        *known = Some(found);
        Ok(found)
    }

    async fn find_policy(&self) -> Result<Policy, SinkError> {
        let statement = format!("SHOW RETENTION POLICIES ON {}", identifier(&self.name));
        let listed = match self.ordered(&statement).await? {
            Ok(statement) => policies(&statement),
            Err(why) if is_missing(&why) => return self.create().await,
            Err(why) if is_forbidden(&why) => {
                tracing::info!("{}: writing without looking: {why}", self.peer.base);
                return Ok(Policy::Unseen);
            }
            Err(why) => return Err(SinkError::Passing(format!("{}: {statement}: {why}", self.peer.base))),
        };
        let heapsters = listed.iter().find(|policy| policy.name == POLICY);
        let Some(policy) = heapsters.or_else(|| listed.iter().find(|policy| policy.default)) else {
            return self.create_policy().await;
        };
        self.keep_as_long_as_asked(policy).await?;
        Ok(if heapsters.is_some() { Policy::Heapsters } else { Policy::Databases })
    }

    /// A database as Heapster makes it, and it keeps its points as long as asked.
    async fn create(&self) -> Result<Policy, SinkError> {
        let (name, policy) = (identifier(&self.name), identifier(POLICY));
        let duration = self.retention.map(|keep| format!("DURATION {keep} ")).unwrap_or_default();
        self.made(&format!("CREATE DATABASE {name} WITH {duration}REPLICATION 1 NAME {policy}")).await
    }

    /// For a database whose policies were all dropped.
    async fn create_policy(&self) -> Result<Policy, SinkError> {
        let (name, policy) = (identifier(&self.name), identifier(POLICY));
        let keep = self.retention.unwrap_or(Retention::FOR_EVER);
        self.made(&format!(
            "CREATE RETENTION POLICY {policy} ON {name} DURATION {keep} REPLICATION 1 DEFAULT"
        ))
        .await
    }

    async fn made(&self, statement: &str) -> Result<Policy, SinkError> {
        match self.ordered(statement).await? {
            Ok(_) => {
                tracing::info!("{}: {statement}", self.peer.base);
                Ok(Policy::Heapsters)
            }
            Err(why) if is_forbidden(&why) => {
                let name = &self.name;
                Err(SinkError::Refused(format!(
                    "{}: there is no database {name:?} to write to, and {why}",
                    self.peer.base
                )))
            }
            Err(why) => Err(SinkError::Passing(format!("{}: {statement}: {why}", self.peer.base))),
        }
    }

    /// Points of a database that was there before are never thrown away: only a longer time is set.
    async fn keep_as_long_as_asked(&self, policy: &Listed) -> Result<(), SinkError> {
        let (Some(asked), Some(kept)) = (self.retention, Retention::parse(&policy.duration)) else {
            return Ok(());
        };
        if asked == kept {
            return Ok(());
        }
        let (database, name) = (identifier(&self.name), identifier(&policy.name));
        let statement = format!("ALTER RETENTION POLICY {name} ON {database} DURATION {asked}");
        if !asked.is_longer_than(kept) {
            tracing::warn!(
                "{}: the database keeps points for {kept}, not {asked} (retention); to throw older ones away: {statement}",
                self.peer.base
            );
        } else if let Err(why) = self.ordered(&statement).await? {
            tracing::warn!("{}: {statement}: {why}", self.peer.base);
        }
        Ok(())
    }

    /// One statement's answer, or the server's words against it.
    async fn ordered(&self, statement: &str) -> Result<Result<Statement, String>, SinkError> {
        const MOST: usize = 1 << 20;
        let path = "/query?epoch=ns";
        let answer = self.peer.form(path, format!("q={}", encoded(statement)), MOST).await?;
        if answer.status == StatusCode::UNAUTHORIZED || answer.status.is_server_error() {
            return Err(self.peer.refusal("/query", &answer));
        }
        if !answer.status.is_success() {
            return Ok(Err(message(&answer)));
        }
        let statements =
            read(&answer).map_err(|why| SinkError::Passing(format!("{}/query: {why}", self.peer.base)))?;
        let first = statements.into_iter().next().unwrap_or_default();
        Ok(match first.error {
            Some(why) => Err(why),
            None => Ok(first),
        })
    }
}

fn read(answer: &Answer) -> Result<Vec<Statement>, String> {
    let answers: Answers =
        serde_json::from_slice(&answer.body).map_err(|error| format!("expected InfluxQL's JSON: {error}"))?;
    match answers.error {
        Some(why) => Err(why),
        None => Ok(answers.results),
    }
}

/// The database or its policy went away.
fn is_missing(why: &str) -> bool {
    why.contains("database not found") || why.contains("retention policy not found")
}

/// We are known, but may not do this.
fn is_forbidden(why: &str) -> bool {
    why.contains("not authorized") || why.contains("requires admin privilege")
}

fn policies(statement: &Statement) -> Vec<Listed> {
    let mut all = Vec::new();
    for series in &statement.series {
        let (name, duration, default) =
            (series.column("name"), series.column("duration"), series.column("default"));
        all.extend(series.values.iter().filter_map(|row| {
            let text = |place: Option<usize>| row.get(place?).and_then(Cell::text);
            Some(Listed {
                name: text(name)?.to_owned(),
                duration: text(duration).unwrap_or_default().to_owned(),
                default: default.and_then(|place| row.get(place)).is_some_and(Cell::truth),
            })
        }));
    }
    all
}
