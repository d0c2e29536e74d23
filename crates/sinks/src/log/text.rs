//! A round in Heapster's words, as people search for them in logs.

use std::fmt::Write;

use plimsoll_core::cluster::batch::{Batch, Set, Value};
use plimsoll_core::time::Timestamp;

/// Go's zero time, which stands for one that is not known.
const NEVER: &str = "0001-01-01 00:00:00 +0000 UTC -6795364578871345152";

/// The text of a batch in pieces that end with a set.
pub(super) struct Text<'a> {
    sets: std::vec::IntoIter<&'a Set>,
    head: Option<String>,
    size: usize,
}

impl<'a> Text<'a> {
    /// In pieces of about `size` bytes.
    pub(super) fn new(batch: &'a Batch, size: usize) -> Self {
        let mut sets: Vec<_> = batch.iter().collect();
        sets.sort_by_cached_key(|set| set.key.to_string());
        let head = format!("DataBatch     Timestamp: {}\n\n", spelled(batch.at));
        Self { sets: sets.into_iter(), head: Some(head), size }
    }
}

impl Iterator for Text<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.head.is_none() && self.sets.len() == 0 {
            return None;
        }
        let mut out = self.head.take().unwrap_or_default();
        while out.len() < self.size
            && let Some(set) = self.sets.next()
        {
            // a String takes everything
            let _ = push(&mut out, set);
        }
        Some(out)
    }
}

fn push(out: &mut String, set: &Set) -> std::fmt::Result {
    writeln!(out, "MetricSet: {}", set.key)?;
    writeln!(out, "   Scrape time: {}", instant(set.scraped))?;
    writeln!(out, "   Create time: {}", instant(set.started))?;
    writeln!(out, "   Labels:")?;
    let mut labels = set.labels();
    labels.sort_by_key(|(name, _)| *name);
    for (place, (name, value)) in labels.iter().enumerate() {
        // of two with one name the later one counts
        if labels.get(place + 1).is_none_or(|(next, _)| next != name) {
            writeln!(out, "      {name} = {value}")?;
        }
    }
    writeln!(out, "   Metrics:")?;
    let plain = set.values.iter().map(|(metric, value)| (metric.name(), value));
    let custom = set.custom().iter().map(|custom| (&*custom.name, custom.value));
    let mut metrics: Vec<_> = plain.chain(custom).collect();
    metrics.sort_by_key(|(name, _)| *name);
    for (name, value) in metrics {
        writeln!(out, "      {name} = {}", Number(value))?;
    }
    writeln!(out, "   Labeled Metrics:")?;
    for labeled in set.labeled() {
        writeln!(out, "      {} = {}", labeled.metric.name(), Number(labeled.value))?;
        for (name, value) in labeled.resource.labels() {
            writeln!(out, "         {name} = {value}")?;
        }
    }
    out.push('\n');
    Ok(())
}

struct Number(Value);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:.6}"),
        }
    }
}

fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NEVER.to_owned(), |at| format!("{} {}", spelled(at), at.nanos()))
}

/// As Go prints times: `2016-09-14 10:02:00.5 +0000 UTC`.
fn spelled(at: Timestamp) -> String {
    at.to_string().replace('T', " ").replace('Z', " +0000 UTC")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_core::cluster::batch::{Custom, Resource};
    use plimsoll_core::cluster::key::Key;
    use plimsoll_core::cluster::metric::{Kind, Metric};
    use plimsoll_core::cluster::objects::{Copied, Namespace, Pod};

    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::new(Timestamp(1_473_847_320_500_000_000));
        let mut set = Set::new(Key::Pod { namespace: "shop".into(), pod: "web".into() });
        set.scraped = Some(Timestamp::from_secs(1_473_847_315));
        set.started = Some(Timestamp::from_secs(1_473_840_000));
        let stored = vec![("type".into(), "user's".into())];
        let copied = Copied { joined: "app:web".into(), stored };
        set.pod = Some(Arc::new(Pod { uid: "u-1".into(), copied, ..Pod::default() }));
        set.namespace = Some(Arc::new(Namespace { name: "shop".into(), uid: "".into() }));
        set.values.set_int(Metric::Uptime, 7_315_000);
        set.values.set_int(Metric::CpuUsageRate, 12);
        set.values.set_float(Metric::NetworkRxRate, 1.0 / 3.0);
        set.push_labeled(Metric::FilesystemUsage, Resource::Id("Volume:data".into()), Value::Int(4096));
        let custom = Custom { name: "custom/qps".into(), kind: Kind::Gauge, value: Value::Float(2.0) };
        set.more.get_or_insert_default().custom.push(custom);
        batch.insert(set);
        batch.insert(Set::new(Key::Cluster));
        batch
    }

    const CLUSTER: &str = "\
MetricSet: cluster
   Scrape time: 0001-01-01 00:00:00 +0000 UTC -6795364578871345152
   Create time: 0001-01-01 00:00:00 +0000 UTC -6795364578871345152
   Labels:
      type = cluster
   Metrics:
   Labeled Metrics:

";

    const POD: &str = "\
MetricSet: namespace:shop/pod:web
   Scrape time: 2016-09-14 10:01:55 +0000 UTC 1473847315000000000
   Create time: 2016-09-14 08:00:00 +0000 UTC 1473840000000000000
   Labels:
      labels = app:web
      namespace_id = 
      namespace_name = shop
      pod_id = u-1
      pod_name = web
      type = user's
   Metrics:
      cpu/usage_rate = 12
      custom/qps = 2.000000
      network/rx_rate = 0.333333
      uptime = 7315000
   Labeled Metrics:
      filesystem/usage = 4096
         resource_id = Volume:data

";

    const HEAD: &str = "DataBatch     Timestamp: 2016-09-14 10:02:00.5 +0000 UTC\n\n";

    #[test]
    fn a_batch_is_written_as_heapster_does() {
        let text: Vec<_> = Text::new(&batch(), usize::MAX).collect();
        assert_eq!(text, [format!("{HEAD}{CLUSTER}{POD}")]);
        let empty: Vec<_> = Text::new(&Batch::new(Timestamp(1_473_847_320_500_000_000)), 100).collect();
        assert_eq!(empty, [HEAD]);
    }

    #[test]
    fn pieces_end_with_a_set() {
        let pieces: Vec<_> = Text::new(&batch(), 100).collect();
        assert_eq!(pieces, [format!("{HEAD}{CLUSTER}"), POD.to_owned()]);
    }
}
