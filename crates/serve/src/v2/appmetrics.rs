//! `/api/v2.x/appmetrics/<name>`: what applications tell of themselves, by metric and label.

use http::Response;
use serde::ser::{SerializeMap, Serializer};

use super::options::RequestOptions;
use crate::body::Body;
use crate::custom::{ByLabel, by_label};
use crate::past::{Past, View};
use crate::{names, reply};

/// Answers with an object: the name as it was asked for, to its metrics. Of several containers, their values
/// together.
///
/// # Errors
/// cAdvisor's sentence.
pub fn answer(past: &dyn Past, options: &RequestOptions, name: &str) -> Result<Response<Body>, String> {
    let views = names::select(past, options, name)?;
    Ok(reply::value(&OfName { name, views: &views, count: options.count }))
}

struct OfName<'a> {
    name: &'a str,
    views: &'a [View],
    count: Option<usize>,
}

impl serde::Serialize for OfName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.views.is_empty() {
            let mut all = ByLabel::new();
            for app in self.views.iter().filter_map(|view| view.app.as_deref()) {
                for (metric, labels) in by_label(app, self.count) {
                    let known = all.entry(metric).or_default();
                    for (label, values) in labels {
                        known.entry(label).or_default().extend(values);
                    }
                }
            }
            map.serialize_entry(self.name, &all)?;
        }
        map.end()
    }
}
