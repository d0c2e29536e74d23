//! The past, asked of InfluxDB 1: what we wrote, and what Heapster wrote before.

use std::collections::BTreeSet;
use std::sync::Arc;

use plimsoll_core::cluster::batch::Value;
use plimsoll_core::cluster::history::{
    Aggregation, Answer, Bucket, History, HistoryError, Question, Subject,
};
use plimsoll_core::time::Timestamp;
use serde_json::Number;

use super::answer::{Cell, Series, Statement};
use super::one::{Database, Policy};
use super::points::{Shape, split};
use super::ql::{equal, function, identifier, metric, name, printable, selector};

/// Bytes of an answer.
const MOST: usize = 64 << 20;

/// Every node and every pod has it, so lists are made of it, as the dashboards make theirs.
const EVERYONES: &str = "uptime";

/// A database's past.
pub(super) struct Past {
    database: Arc<Database>,
    shape: Arc<Shape>,
}

type Result<T> = std::result::Result<T, HistoryError>;

impl Past {
    pub(super) fn new(database: Arc<Database>, shape: Arc<Shape>) -> Self {
        Self { database, shape }
    }

    /// The answers to statements that all went well.
    async fn ask(&self, statements: &str) -> Result<Vec<Statement>> {
        let told = |error: &dyn std::fmt::Display| HistoryError(error.to_string());
        let answers = self.database.query(statements, MOST).await.map_err(|error| told(&error))?;
        for answer in &answers {
            if let Some(why) = &answer.error {
                return Err(HistoryError(format!("{}: {why}", self.database.base())));
            }
            if answer.partial || answer.series.iter().any(Series::is_cut) {
                return Err(HistoryError(format!(
                    "{}: the answer was cut short: raise max-row-limit there, or ask for less",
                    self.database.base()
                )));
            }
        }
        Ok(answers)
    }

    /// A measurement with the policy that it was written under.
    async fn from(&self, measurement: &str) -> Result<String> {
        let policy = self.database.policy().await.map_err(|error| HistoryError(error.to_string()))?;
        Ok(match policy {
            Policy::Heapsters => format!("\"default\".{measurement}"),
            Policy::Databases | Policy::Unseen => measurement.to_owned(),
        })
    }

    /// Ours among several clusters that write into one database; Heapster wrote no name before 1.4.
    fn of_cluster(&self) -> String {
        if self.shape.cluster_name.is_empty() {
            return String::new();
        }
        let ours = equal("cluster_name", &self.shape.cluster_name);
        format!(" AND ({ours} OR {})", equal("cluster_name", ""))
    }

    /// A statement a subject: `WHAT FROM ... WHERE ...` and what follows. No tag stands behind GROUP BY, so that an
    /// entity whose labels or image changed is still one series.
    async fn statements(
        &self,
        question: &Question,
        what: impl Fn(&str) -> String,
        end: &str,
    ) -> Result<String> {
        let (measurement, field) = self.place(&question.metric)?;
        let from = self.from(&identifier(measurement)).await?;
        let (what, cluster) = (what(field), self.of_cluster());
        let mut labels = String::new();
        for (label, value) in &question.labels {
            labels.push_str(" AND ");
            labels.push_str(&equal(metric(label)?, printable("label value", value)?));
        }
        let (start, until) = (question.start.nanos(), question.end.nanos());
        let mut all = String::new();
        for subject in &question.subjects {
            let who = selector(subject)?;
            all.push_str(&format!(
                "SELECT {what} FROM {from} WHERE {who}{labels}{cluster} AND time > {start} AND time < {until}{end};"
            ));
        }
        Ok(all)
    }

    fn place<'a>(&self, name: &'a str) -> Result<(&'a str, &'a str)> {
        let name = metric(name)?;
        Ok(if self.shape.with_fields { split(name) } else { (name, super::points::VALUE) })
    }

    async fn select(&self, question: Question) -> Result<Vec<Vec<(Timestamp, Value)>>> {
        let what = |field: &str| format!("{} AS \"v\"", identifier(field));
        let statements = self.statements(&question, what, "").await?;
        let answers = self.ask(&statements).await?;
        Ok(one_each(&question.subjects, answers, |series| {
            let at = times(series);
            let values = column(series, "v");
            let both = at.into_iter().zip(values);
            both.filter_map(|(at, value)| Some((at?, value?))).collect()
        }))
    }

    async fn aggregate(
        &self,
        question: Question,
        aggregations: Vec<Aggregation>,
        bucket: i64,
    ) -> Result<Vec<Vec<Bucket>>> {
        if aggregations.is_empty() {
            return Err(HistoryError("no aggregation is asked for".to_owned()));
        }
        let what = |field: &str| {
            let words = aggregations.iter().enumerate();
            let words: Vec<_> =
                words.map(|(i, one)| format!("{} AS \"a{i}\"", function(*one, field))).collect();
            words.join(", ")
        };
        let end = match bucket {
            0 => String::new(),
            nanos if nanos > 0 && nanos % 1000 == 0 => {
                format!(" GROUP BY time({}u) fill(none)", nanos / 1000)
            }
            nanos => {
                return Err(HistoryError(format!("expected a bucket of whole microseconds, got {nanos} ns")));
            }
        };
        let statements = self.statements(&question, what, &end).await?;
        let answers = self.ask(&statements).await?;
        // where everything is one bucket, servers tell times of their own choice
        let whole = (bucket == 0).then_some(question.start);
        Ok(one_each(&question.subjects, answers, |series| buckets(series, &aggregations, whole)))
    }

    async fn names(&self, subject: Subject) -> Result<Vec<String>> {
        let (who, cluster) = (selector(&subject)?, self.of_cluster());
        let mut names = BTreeSet::new();
        if self.shape.with_fields {
            // fields are not listed by tags: the last value of each tells which there are
            let from = self.from("/.*/").await?;
            for answer in self.ask(&format!("SELECT LAST(*) FROM {from} WHERE {who}{cluster}")).await? {
                names.extend(answer.series.iter().flat_map(fields));
            }
        } else {
            let show = format!("SHOW TAG VALUES WITH KEY = \"type\" WHERE {who}{cluster}");
            for answer in self.ask(&show).await? {
                names.extend(answer.series.into_iter().map(|series| series.name));
            }
        }
        Ok(names.into_iter().collect())
    }

    async fn list(&self, key: &str, condition: &str) -> Result<Vec<String>> {
        let (key, from) = (identifier(key), identifier(EVERYONES));
        let cluster = self.of_cluster();
        let show = format!("SHOW TAG VALUES FROM {from} WITH KEY = {key} WHERE {condition}{cluster}");
        let mut names = BTreeSet::new();
        for series in self.ask(&show).await?.iter().flat_map(|answer| &answer.series) {
            // before 1.0 a table of one column
            let place = series.column("value").unwrap_or_default();
            let values = series.values.iter().filter_map(|row| row.get(place)?.text());
            names.extend(values.map(str::to_owned));
        }
        Ok(names.into_iter().collect())
    }
}

impl History for Past {
    fn values(&self, question: Question) -> Answer<'_, Vec<Vec<(Timestamp, Value)>>> {
        Box::pin(self.select(question))
    }

    fn aggregated(
        &self,
        question: Question,
        aggregations: Vec<Aggregation>,
        bucket_nanos: i64,
    ) -> Answer<'_, Vec<Vec<Bucket>>> {
        Box::pin(self.aggregate(question, aggregations, bucket_nanos))
    }

    fn metric_names(&self, subject: Subject) -> Answer<'_, Vec<String>> {
        Box::pin(self.names(subject))
    }

    fn nodes(&self) -> Answer<'_, Vec<String>> {
        Box::pin(self.list("nodename", "\"type\" = 'node'"))
    }

    fn namespaces(&self) -> Answer<'_, Vec<String>> {
        Box::pin(self.list("namespace_name", "\"type\" = 'pod'"))
    }

    fn pods(&self, namespace: String) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let condition = format!("\"type\" = 'pod' AND {}", equal("namespace_name", name(&namespace)?));
            self.list("pod_name", &condition).await
        })
    }

    fn system_containers(&self, node: String) -> Answer<'_, Vec<String>> {
        Box::pin(async move {
            let condition = format!("\"type\" = 'sys_container' AND {}", equal("nodename", name(&node)?));
            self.list("container_name", &condition).await
        })
    }
}

/// A table a subject, in their order; a subject without data has an empty one.
fn one_each<T: Default>(
    subjects: &[Subject],
    answers: Vec<Statement>,
    read: impl Fn(&Series) -> T,
) -> Vec<T> {
    let mut answers = answers.into_iter();
    let next = |_| answers.next().and_then(|answer| answer.series.first().map(&read)).unwrap_or_default();
    subjects.iter().map(next).collect()
}

fn times(series: &Series) -> Vec<Option<Timestamp>> {
    let place = series.column("time");
    let at = |row: &Vec<Cell>| row.get(place?)?.number()?.as_i64().map(Timestamp);
    series.values.iter().map(at).collect()
}

/// A column's numbers: whole ones if all are, as Heapster has it, else fractions.
fn column(series: &Series, name: &str) -> Vec<Option<Value>> {
    let place = series.column(name);
    let numbers: Vec<_> =
        series.values.iter().map(|row| place.and_then(|place| row.get(place)?.number())).collect();
    let whole = numbers.iter().flatten().all(|number| number.is_i64());
    let value = |number: &Number| match number.as_i64().filter(|_| whole) {
        Some(value) => Some(Value::Int(value)),
        None => number.as_f64().map(Value::Float),
    };
    numbers.into_iter().map(|number| value(number?)).collect()
}

/// The rows of a table of `a0`, `a1`, ... in the order of the aggregations; rows without a value are none.
fn buckets(series: &Series, aggregations: &[Aggregation], whole: Option<Timestamp>) -> Vec<Bucket> {
    let columns: Vec<_> =
        aggregations.iter().enumerate().map(|(i, one)| (*one, column(series, &format!("a{i}")))).collect();
    let rows = times(series).into_iter().enumerate();
    let bucket = |(row, at): (usize, Option<Timestamp>)| {
        let mut bucket = Bucket { at: whole.or(at)?, count: None, values: Vec::new() };
        for (aggregation, values) in &columns {
            match (aggregation, values.get(row).copied().flatten()) {
                (_, None) => {}
                (Aggregation::Count, Some(Value::Int(count))) => bucket.count = u64::try_from(count).ok(),
                (Aggregation::Count, Some(Value::Float(_))) => {}
                (other, Some(value)) => bucket.values.push((*other, value)),
            }
        }
        let is_empty = bucket.count.is_none_or(|count| count == 0) && bucket.values.is_empty();
        (!is_empty).then_some(bucket)
    };
    rows.filter_map(bucket).collect()
}

/// The metrics of a measurement, from the columns `last_<field>` that have a value.
fn fields(series: &Series) -> Vec<String> {
    let measurement = series.name.as_str();
    let there = |place: usize| {
        series.values.iter().any(|row| row.get(place).is_some_and(|cell| !matches!(cell, Cell::Nothing(()))))
    };
    let columns = series.columns.iter().enumerate().filter(|(place, _)| there(*place));
    let fields = columns.filter_map(|(_, column)| column.strip_prefix("last_"));
    fields
        .map(|field| match field {
            super::points::VALUE => measurement.to_owned(),
            field => format!("{measurement}/{field}"),
        })
        .collect()
}
