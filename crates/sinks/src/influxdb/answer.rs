//! What InfluxDB 1 answers to InfluxQL.

use serde::Deserialize;
use serde_json::Number;

/// The answers of a request's statements, in their order.
#[derive(Debug, Deserialize)]
pub(super) struct Answers {
    #[serde(default)]
    pub results: Vec<Statement>,
    /// The request could not be read at all.
    pub error: Option<String>,
}

/// A statement's answer. An error may come with a status of success.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Statement {
    #[serde(default)]
    pub series: Vec<Series>,
    pub error: Option<String>,
    /// The server has a limit of rows, and this is not all.
    #[serde(default)]
    pub partial: bool,
}

/// A table.
#[derive(Debug, Deserialize)]
pub(super) struct Series {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub columns: Vec<String>,
    #[serde(default)]
    pub values: Vec<Vec<Cell>>,
    #[serde(default)]
    pub partial: bool,
}

/// What stands in a table.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(super) enum Cell {
    Number(Number),
    Text(String),
    Truth(bool),
    Nothing(()),
}

impl Cell {
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn number(&self) -> Option<&Number> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    pub(super) fn truth(&self) -> bool {
        *self == Self::Truth(true)
    }
}

impl Series {
    /// The place of a column.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Whether the server cut it short.
    pub(super) fn is_cut(&self) -> bool {
        self.partial
    }
}
