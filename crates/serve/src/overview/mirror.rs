//! The other end of `/api/plimsoll/v1/live`: an overview that follows the one that is sent.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Dot, Machine, Overview, Row, Runtime};

type Fields = Map<String, Value>;

/// Follows `full` and `delta` events.
#[derive(Debug, Default)]
pub struct Mirror {
    overview: Overview,
    machine: Fields,
    rows: BTreeMap<String, Fields>,
}

/// `delta` as it is written; what it has not, has not changed.
#[derive(Deserialize)]
struct Delta {
    at: plimsoll_core::time::Timestamp,
    machine: Fields,
    runtimes: Option<Vec<Runtime>>,
    changed: Vec<Fields>,
    gone: Vec<String>,
    lost: BTreeMap<String, Vec<String>>,
}

impl Mirror {
    /// The overview as it is now.
    pub fn overview(&self) -> &Overview {
        &self.overview
    }

    /// Begins anew from the data of a `full` event, which is what the overview's route answers too.
    ///
    /// # Errors
    /// It is no such thing.
    pub fn full(&mut self, data: &[u8]) -> Result<(), serde_json::Error> {
        #[derive(Deserialize)]
        struct Raw {
            machine: Fields,
            rows: Vec<Fields>,
        }
        self.overview = serde_json::from_slice(data)?;
        let raw: Raw = serde_json::from_slice(data)?;
        self.machine = raw.machine;
        self.machine.remove("spark");
        self.rows.clear();
        for mut row in raw.rows {
            row.remove("spark");
            self.rows.insert(name_of(&row), row);
        }
        Ok(())
    }

    /// Follows the data of a `delta` event.
    ///
    /// # Errors
    /// It is no such thing.
    pub fn delta(&mut self, data: &[u8]) -> Result<(), serde_json::Error> {
        let mut delta: Delta = serde_json::from_slice(data)?;
        let dot = dot_of(&mut delta.machine)?;
        self.machine.append(&mut delta.machine);
        forget(&mut self.machine, delta.lost.get(""));
        let mut spark = self.overview.machine.spark.clone();
        spark.push(dot);
        let machine: Machine = serde_json::from_value(Value::Object(self.machine.clone()))?;
        self.overview.machine = Machine { spark, ..machine };
        self.overview.at = delta.at;
        if let Some(runtimes) = delta.runtimes {
            self.overview.runtimes = runtimes;
        }
        let gone: BTreeSet<&str> = delta.gone.iter().map(String::as_str).collect();
        self.overview.rows.retain(|row| !gone.contains(row.name()));
        self.rows.retain(|name, _| !gone.contains(name.as_str()));
        let mut moved = BTreeSet::new();
        for mut fields in delta.changed {
            let (name, dot) = (name_of(&fields), dot_of(&mut fields)?);
            let known = self.rows.entry(name.clone()).or_default();
            known.append(&mut fields);
            forget(known, delta.lost.get(&name));
            let row: Row = serde_json::from_value(Value::Object(known.clone()))?;
            match self.overview.rows.binary_search_by(|row| row.name().cmp(&name)) {
                Ok(at) => {
                    if let Some(old) = self.overview.rows.get_mut(at) {
                        let mut spark = old.spark.clone();
                        spark.push(dot);
                        *old = Row { spark, ..row };
                    }
                }
                Err(at) => {
                    let mut row = row;
                    row.spark.push(dot);
                    self.overview.rows.insert(at, row);
                }
            }
            moved.insert(name);
        }
        // one that is not named stands still
        for row in self.overview.rows.iter_mut().filter(|row| !moved.contains(&row.who.name)) {
            let last = row.spark.last();
            row.spark.push(last);
        }
        Ok(())
    }
}

fn name_of(fields: &Fields) -> String {
    fields.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn dot_of(fields: &mut Fields) -> Result<Dot, serde_json::Error> {
    fields.remove("spark").map_or(Ok(Dot::default()), serde_json::from_value)
}

fn forget(fields: &mut Fields, lost: Option<&Vec<String>>) {
    for field in lost.into_iter().flatten() {
        fields.remove(field);
    }
}
