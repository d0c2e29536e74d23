//! Questions about a past that somebody else keeps: a store that a sink writes to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::batch::Value;
use super::key::Key;
use super::names::Name;
use crate::time::Timestamp;

/// Whose past: an entity by its names, or a pod by its uid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// By its key.
    Key(Key),
    /// A pod by its uid.
    PodId(Name),
    /// A container of a pod by the pod's uid.
    PodIdContainer(Name, Name),
}

/// What of whom, and when. Both ends are outside the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// `cpu/usage_rate`.
    pub metric: String,
    /// Exactly these labels of the metric's own; none for a plain metric.
    pub labels: Vec<(String, String)>,
    /// The subjects, each answered.
    pub subjects: Vec<Subject>,
    /// After this instant.
    pub start: Timestamp,
    /// Before this instant.
    pub end: Timestamp,
}

/// How many values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the words say it")]
pub enum Aggregation {
    Average,
    Maximum,
    Minimum,
    Median,
    Count,
    /// 50, 95 or 99.
    Percentile(u8),
}

/// Values of a stretch of time, aggregated.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Its beginning.
    pub at: Timestamp,
    /// How many values there were, if that was asked.
    pub count: Option<u64>,
    /// The other aggregations that were asked, where there is a value.
    pub values: Vec<(Aggregation, Value)>,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct HistoryError(pub String);

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for HistoryError {}

/// An answer that is awaited.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, HistoryError>> + Send + 'a>>;

/// A store that can be asked about the past. The answers to several subjects stand in the order of the question.
pub trait History: Send + Sync {
    /// The values of each subject, oldest first.
    fn values(&self, question: Question) -> Answer<'_, Vec<Vec<(Timestamp, Value)>>>;
    /// The values of each subject by buckets of this many nanoseconds; 0 is one bucket over all.
    fn aggregated(
        &self,
        question: Question,
        aggregations: Vec<Aggregation>,
        bucket_nanos: i64,
    ) -> Answer<'_, Vec<Vec<Bucket>>>;
    /// The names of the metrics that the store has of this entity.
    fn metric_names(&self, subject: Subject) -> Answer<'_, Vec<String>>;
    /// The nodes in the store.
    fn nodes(&self) -> Answer<'_, Vec<String>>;
    /// The namespaces in the store.
    fn namespaces(&self) -> Answer<'_, Vec<String>>;
    /// The pods of a namespace in the store.
    fn pods(&self, namespace: String) -> Answer<'_, Vec<String>>;
    /// The containers of a node that are no pod's.
    fn system_containers(&self, node: String) -> Answer<'_, Vec<String>>;
}
