//! `/api/v1/historical`: the questions of `/api/v1/model`, and more, to a store that a sink writes to.
//!
//! A start must be given; both ends are outside the answer. The store's failure is 500 with its own words, and so is a
//! question about which it has nothing. Containers and workloads are listed from the newest round, as in Heapster 1.5.

mod aggregated;
mod names;

use std::sync::Arc;

use http::{Response, StatusCode};
use plimsoll_core::cluster::batch::Value;
use plimsoll_core::cluster::history::{Bucket, History, HistoryError, Question, Subject};
use plimsoll_core::time::Timestamp;

use super::model::asked::{Asked, Of};
use super::model::params::{self, Params};
use super::model::points::{self, Points};
use super::past::ClusterPast;
use super::{model, reply};
use crate::body::Body;
use crate::json;
use crate::query::Query;

/// Answers a question about longer ago.
pub async fn answer(
    past: &dyn ClusterPast,
    history: Arc<dyn History>,
    asked: &Asked,
    query: Query<'_>,
) -> Response<Body> {
    let answered = match asked {
        Asked::Nodes => listed(history.nodes().await),
        Asked::Namespaces => listed(history.namespaces().await),
        Asked::Pods(namespace) => match names::check("namespace", namespace) {
            Ok(()) => listed(history.pods(namespace.to_string()).await),
            Err(sentence) => Err(Refusal::Failed(sentence)),
        },
        Asked::SystemContainers(node) => match names::check("node", node) {
            Ok(()) => listed(history.system_containers(node.to_string()).await),
            Err(sentence) => Err(Refusal::Failed(sentence)),
        },
        Asked::Containers(..) | Asked::Workloads(..) | Asked::Keys => {
            Ok(reply::pretty(&model::list(past, asked)))
        }
        Asked::Names(key) => {
            let subject = Subject::Key(key.clone());
            match names::check_subject(&subject) {
                Ok(()) => listed(history.metric_names(subject).await),
                Err(sentence) => Err(Refusal::Failed(sentence)),
            }
        }
        Asked::Values(of, metric) => values(&*history, of, metric, query, past.now()).await,
        Asked::Aggregated(of, aggregations, metric) => {
            many_made_one(&*history, of, aggregations, metric, query, past.now()).await
        }
    };
    answered.unwrap_or_else(Refusal::answer)
}

type Answered = Result<Response<Body>, Refusal>;

/// Why there is no answer, as a sentence.
enum Refusal {
    /// The question is wrong: 400.
    Bad(String),
    /// The store cannot or may not be asked, failed, or has nothing: 500.
    Failed(String),
}

impl Refusal {
    fn answer(self) -> Response<Body> {
        match self {
            Self::Bad(sentence) => reply::refused(StatusCode::BAD_REQUEST, &sentence),
            Self::Failed(sentence) => reply::refused(StatusCode::INTERNAL_SERVER_ERROR, &sentence),
        }
    }
}

impl From<HistoryError> for Refusal {
    fn from(error: HistoryError) -> Self {
        Self::Failed(error.0)
    }
}

fn listed(names: Result<Vec<String>, HistoryError>) -> Answered {
    Ok(reply::pretty(&names?))
}

async fn values(history: &dyn History, of: &Of, metric: &str, query: Query<'_>, now: Timestamp) -> Answered {
    let question = question(of, metric, query, now)?;
    let (subjects, lost) = (question.subjects.clone(), nothing(&question));
    let given = history.values(question).await?;
    let given = each(&subjects, given);
    // even one of a list that the store does not know spoils the answer, as in Heapster
    if given.iter().any(Vec::is_empty) {
        return Err(Refusal::Failed(lost(&given)));
    }
    Ok(match of {
        Of::One(_) => {
            reply::pretty(&Points(given.first().map_or(&[], |values: &Vec<(Timestamp, Value)>| values)))
        }
        Of::Each(list) => {
            let json = |values: &Vec<(Timestamp, Value)>| json::to_vec(&Points(values));
            points::items(list.places.clone(), given, json)
        }
    })
}

async fn many_made_one(
    history: &dyn History,
    of: &Of,
    aggregations: &str,
    metric: &str,
    query: Query<'_>,
    now: Timestamp,
) -> Answered {
    let question = question(of, metric, query, now)?;
    let bucket = params::bucket(query).map_err(Refusal::Bad)?;
    let aggregations = params::aggregations(aggregations).map_err(Refusal::Bad)?;
    let size = if bucket > 0 { bucket } else { question.end.since(question.start).max(0) };
    let (subjects, lost) = (question.subjects.clone(), nothing(&question));
    let given = history.aggregated(question, aggregations, bucket).await?;
    let given = each(&subjects, given);
    if given.iter().any(Vec::is_empty) {
        return Err(Refusal::Failed(lost(&given)));
    }
    Ok(match of {
        Of::One(_) => reply::pretty(&given.first().map(|buckets| aggregated::Buckets { buckets, size })),
        Of::Each(list) => {
            let json = move |buckets: &Vec<Bucket>| json::to_vec(&aggregated::Buckets { buckets, size });
            points::items(list.places.clone(), given, json)
        }
    })
}

/// The question of a request.
fn question(of: &Of, metric: &str, query: Query<'_>, now: Timestamp) -> Result<Question, Refusal> {
    let params = Params::parse(query, now).map_err(Refusal::Bad)?;
    let start = params
        .start
        .ok_or_else(|| Refusal::Bad("no start time (or a start time of zero) provided".to_owned()))?;
    let subjects = match of {
        Of::One(subject) => vec![subject.clone()],
        Of::Each(list) => list.subjects.clone(),
    };
    let labels = params.labels.unwrap_or_default();
    let legal = subjects.iter().try_for_each(names::check_subject);
    legal.and_then(|()| names::check_metric(metric, &labels)).map_err(Refusal::Failed)?;
    Ok(Question { metric: metric.to_owned(), labels, subjects, start, end: params.end })
}

/// The answers in the order of the question; a subject that a store forgot has none.
fn each<T: Default>(subjects: &[Subject], mut given: Vec<T>) -> Vec<T> {
    given.resize_with(subjects.len(), T::default);
    given
}

/// The sentence about the first subject for which there is nothing.
fn nothing<T>(question: &Question) -> impl Fn(&[Vec<T>]) -> String + use<T> {
    let (metric, subjects) = (question.metric.clone(), question.subjects.clone());
    move |given| {
        let empty = given.iter().position(Vec::is_empty).and_then(|at| subjects.get(at));
        let described = empty.map(names::described).unwrap_or_default();
        format!(
            "No results for metric {} describing {}",
            crate::go::quote(&metric),
            crate::go::quote(&described)
        )
    }
}
