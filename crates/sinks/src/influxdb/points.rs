//! A batch as points: which measurement, which tags, which field, in chunks of a request each.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use plimsoll_core::cluster::batch::{Batch, Resource, Set, Value};
use plimsoll_core::cluster::key::Key;
use plimsoll_core::cluster::metric::Metric;

use super::line;

/// The field where a metric has a measurement of its own.
pub(super) const VALUE: &str = "value";

/// Heapster leaves them out since 1.5: they make a new series of what people think is the same.
const IDS: [&str; 4] = ["namespace_id", "pod_id", "hostname", "host_id"];

/// Points of a request, at most; Heapster's.
const POINTS: usize = 10_000;
/// Bytes of a request, about; the server takes 25 million.
const BYTES: usize = 8 << 20;

/// What points look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// `cpu` with fields `usage`, `limit`, ... instead of `cpu/usage` and `cpu/limit` with the field `value`.
    pub with_fields: bool,
    /// The tag `cluster_name`; without one when empty.
    pub cluster_name: String,
    /// Leaves out the counters that there are rates of.
    pub without_counters: bool,
    /// Writes the tags [`IDS`] too.
    pub with_ids: bool,
    /// Writes the sums of workloads too.
    pub with_workloads: bool,
}

impl Shape {
    fn wants(&self, metric: Metric) -> bool {
        !self.without_counters || *COUNTERS & (1 << metric as u32) == 0
    }
}

/// `cpu/usage_rate` is the field `usage_rate` of `cpu`, `uptime` the field `value` of `uptime`.
pub(super) fn split(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((measurement, field)) if !measurement.is_empty() && !field.is_empty() => (measurement, field),
        _ => (name, VALUE),
    }
}

/// A measurement with the metrics that are its fields, in the order of the list.
type Fields = Vec<(&'static str, Vec<(Metric, &'static str)>)>;

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let mut all = Fields::new();
    for metric in Metric::ALL.iter().copied().filter(|metric| metric.is_plain()) {
        let (measurement, field) = split(metric.name());
        match all.iter_mut().find(|(name, _)| *name == measurement) {
            Some((_, fields)) => fields.push((metric, field)),
            None => all.push((measurement, vec![(metric, field)])),
        }
    }
    all
});

/// The counters that there are rates of, a bit each.
static COUNTERS: LazyLock<u64> = LazyLock::new(|| {
    Metric::ALL.iter().filter_map(|metric| metric.row().rate_of).fold(0, |bits, of| bits | 1 << of as u32)
});

/// The body of a request.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub lines: Bytes,
    pub points: usize,
}

/// A batch, chunk after chunk: made when it is asked for, so that only what is on its way is in memory.
pub(super) struct Chunks {
    shape: Arc<Shape>,
    batch: Arc<Batch>,
    next: usize,
    most: usize,
    /// Bytes of the largest chunk so far: room for the next one.
    room: usize,
}

impl Chunks {
    pub(super) fn new(shape: Arc<Shape>, batch: Arc<Batch>) -> Self {
        Self { shape, batch, next: 0, most: POINTS, room: 0 }
    }
}

impl Iterator for Chunks {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        let mut writer = Writer::new(&self.shape, &self.batch, self.room);
        for set in self.batch.iter().skip(self.next) {
            let coming = set.values.len() + set.labeled().len() + set.custom().len();
            let full = writer.points + coming > self.most || writer.out.len() > BYTES;
            if full && writer.points > 0 {
                break;
            }
            writer.set(set);
            self.next += 1;
        }
        self.room = self.room.max(writer.out.len());
        (writer.points > 0).then(|| Chunk { lines: writer.out.into(), points: writer.points })
    }
}

struct Writer<'a> {
    shape: &'a Shape,
    out: Vec<u8>,
    points: usize,
    /// The tags of the set that is being written, escaped: `,type=pod,...`.
    tags: Vec<u8>,
    /// ` 1473847320000000000\n`
    end: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn new(shape: &'a Shape, batch: &Batch, room: usize) -> Self {
        let end = format!(" {}\n", batch.at.nanos()).into_bytes();
        Self { shape, out: Vec::with_capacity(room), points: 0, tags: Vec::new(), end }
    }

    fn set(&mut self, set: &Set) {
        if matches!(set.key, Key::Workload { .. }) && !self.shape.with_workloads {
            return;
        }
        self.tag(set, None);
        if self.shape.with_fields {
            self.fields(set)
        } else {
            self.values(set)
        }
        for custom in set.custom() {
            self.point(&custom.name, custom.value);
        }
        let (shape, mut last) = (self.shape, None);
        for labeled in set.labeled().iter().filter(|labeled| shape.wants(labeled.metric)) {
            if last != Some(&labeled.resource) {
                self.tag(set, Some(&labeled.resource));
                last = Some(&labeled.resource);
            }
            self.point(labeled.metric.name(), labeled.value);
        }
    }

    /// In the order of their names, which spares the server the sorting.
    fn tag(&mut self, set: &Set, resource: Option<&Resource>) {
        let mut tags: Vec<(&str, &str)> = set.labels();
        // no tag may be called so
        tags.retain(|(name, _)| *name != "time" && (self.shape.with_ids || !IDS.contains(name)));
        for (name, value) in resource.into_iter().flat_map(Resource::labels) {
            tags.push((name, value));
        }
        tags.push(("cluster_name", self.shape.cluster_name.as_str()));
        tags.sort_by_key(|(name, _)| *name);
        self.tags.clear();
        for (place, (name, value)) in tags.iter().enumerate() {
            // of two with one name the later one counts
            let again = tags.get(place + 1).is_some_and(|(next, _)| next == name);
            if again || value.is_empty() || name.is_empty() {
                continue;
            }
            self.tags.push(b',');
            line::word(&mut self.tags, name);
            self.tags.push(b'=');
            line::word(&mut self.tags, value);
        }
    }

    /// A line a metric.
    fn values(&mut self, set: &Set) {
        for (metric, value) in set.values.iter() {
            if self.shape.wants(metric) {
                self.point(metric.name(), value);
            }
        }
    }

    /// A line a measurement, with all its fields: what the server makes of several lines in any case.
    fn fields(&mut self, set: &Set) {
        let shape = self.shape;
        for (measurement, fields) in FIELDS.iter() {
            let start = self.out.len();
            self.begin(measurement);
            let mut count = 0;
            for (metric, field) in fields.iter().filter(|(metric, _)| shape.wants(*metric)) {
                let Some(value) = set.values.get(*metric) else { continue };
                count += usize::from(self.field(field, value, count == 0));
            }
            self.finish(start, count > 0);
        }
    }

    /// A line of one field.
    fn point(&mut self, name: &str, value: Value) {
        let (measurement, field) = if self.shape.with_fields { split(name) } else { (name, VALUE) };
        let start = self.out.len();
        self.begin(measurement);
        let there = self.field(field, value, true);
        self.finish(start, there);
    }

    fn begin(&mut self, measurement: &str) {
        line::measurement(&mut self.out, measurement);
        self.out.extend_from_slice(&self.tags);
    }

    fn field(&mut self, name: &str, value: Value, first: bool) -> bool {
        let start = self.out.len();
        self.out.push(if first { b' ' } else { b',' });
        line::word(&mut self.out, name);
        self.out.push(b'=');
        let there = line::value(&mut self.out, value);
        if !there {
            self.out.truncate(start);
        }
        there
    }

    fn finish(&mut self, start: usize, there: bool) {
        if there {
            self.out.extend_from_slice(&self.end);
            self.points += 1;
        } else {
            self.out.truncate(start);
        }
    }
}

#[cfg(test)]
mod tests;
