//! Which sinks there are.

use plimsoll_core::cluster::uri::Uri;

use crate::options::{BuildError, Options, nearest};
use crate::sink::Sink;
use crate::{influxdb, log};

struct Kind {
    key: &'static str,
    build: fn(&mut Options<'_>) -> Result<Box<dyn Sink>, BuildError>,
}

const KINDS: &[Kind] =
    &[Kind { key: "influxdb", build: influxdb::build }, Kind { key: "log", build: log::build }];

/// Heapster's other sinks of metrics.
const LATER: &[&str] = &[
    "elasticsearch",
    "gcm",
    "graphite",
    "hawkular",
    "honeycomb",
    "kafka",
    "librato",
    "monasca",
    "opentsdb",
    "riemann",
    "stackdriver",
    "statsd",
    "wavefront",
];

/// A sink, and what its user should know of the options.
pub struct Built {
    /// The sink; nothing was sent yet.
    pub sink: Box<dyn Sink>,
    /// Sentences for the log.
    pub notices: Vec<String>,
}

/// Makes the sink that a word names. Nobody is asked yet: a peer that is not there shows when a batch is shipped.
///
/// # Errors
/// The key is none of a sink, or an option cannot be used.
pub fn build(uri: &Uri) -> Result<Built, BuildError> {
    let key = uri.key.as_str();
    let Some(kind) = KINDS.iter().find(|kind| kind.key == key) else {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.key).collect();
        return Err(match key {
            "metric" => BuildError::Kept,
            "gcl" => BuildError::Events { key: key.to_owned() },
            _ if LATER.contains(&key) => BuildError::Later { key: key.to_owned(), known: known.join(", ") },
            _ => {
                let meant = nearest(key, known.iter().chain(LATER).chain(&["metric"]).copied());
                BuildError::Unknown { key: key.to_owned(), meant, known: known.join(", ") }
            }
        });
    };
    let mut options = Options::new(uri);
    let sink = (kind.build)(&mut options)?;
    Ok(Built { sink, notices: options.notices() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(text: &str) -> Result<Built, BuildError> {
        build(&Uri::parse(text, |_| None).unwrap())
    }

    fn error(text: &str) -> String {
        built(text).err().unwrap().to_string()
    }

    #[test]
    fn sinks_are_made_by_their_key() {
        for (text, name, place) in [
            ("log", "Log Sink", ""),
            ("influxdb:http://db:8086?user=a&pw=b", "InfluxDB Sink", "http://db:8086"),
        ] {
            let built = built(text).unwrap();
            assert_eq!((built.sink.name(), built.sink.place()), (name, place));
            assert_eq!(built.notices, [""; 0]);
        }
    }

    #[test]
    fn other_keys_are_refused_with_what_would_be_right() {
        assert_eq!(error("metric"), "sink metric: the newest rounds are always kept in memory; leave it out");
        assert_eq!(error("kafka:?brokers=b:1"), "sink kafka comes later; there are influxdb, log");
        assert_eq!(error("gcl"), "sink gcl ships events, not metrics");
        assert_eq!(
            error("influx:http://db"),
            "no sink influx: did you mean influxdb? There are influxdb, log"
        );
        assert_eq!(error("Log"), "no sink Log: did you mean log? There are influxdb, log");
        assert_eq!(error("telegraf"), "no sink telegraf; there are influxdb, log");
    }

    #[test]
    fn options_that_nobody_knows_are_named() {
        let notices =
            built("influxdb:http://db:8086?withFields=true&db=k&colour=red&colour=blue").unwrap().notices;
        assert_eq!(
            notices,
            [
                "sink influxdb: option withFields is not known and has no effect: did you mean withfields?",
                "sink influxdb: option colour is not known and has no effect",
            ]
        );
        let notices = built("log:?x=1").unwrap().notices;
        assert_eq!(notices, ["sink log: option x is not known and has no effect"]);
    }
}
