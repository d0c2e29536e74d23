//! The configuration files inside containers: where to ask, for what, how often.
//!
//! Two forms. A *generic* one finds numbers in any text by expressions; one whose collector's name begins with
//! `prometheus` takes a Prometheus exposition. Keys are found whatever their case, as Go's JSON reader does.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::generic::{self, Metric};

/// A collector is polled this often at most.
pub const SHORTEST: Duration = Duration::from_secs(1);

/// What one file says.
#[derive(Debug)]
pub struct Config {
    /// Where to ask.
    pub endpoint: Endpoint,
    /// Time between two polls.
    pub period: Duration,
    /// For what.
    pub what: What,
    /// What is wrong with single metrics, which are left out.
    pub wrong: Vec<String>,
}

/// For what an application is asked.
#[derive(Debug)]
pub enum What {
    /// Numbers in a text.
    Generic(Vec<Metric>),
    /// The metrics of these names; all, where there are none.
    Prometheus(BTreeSet<String>),
}

/// Where to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// There, word for word.
    Url(String),
    /// At the container's address.
    Own {
        /// `http` or `https`.
        protocol: String,
        /// TCP port.
        port: u16,
        /// With its slash, and perhaps a query.
        path: String,
    },
}

/// Reads the file of a collector of this name; `limit` is on the number of metrics.
///
/// # Errors
/// A sentence about what is expected.
pub fn parse(name: &str, bytes: &[u8], limit: usize) -> Result<Config, String> {
    let all: Value = serde_json::from_slice(bytes).map_err(|cause| format!("expected JSON: {cause}"))?;
    let all = all.as_object().ok_or("expected a JSON object with endpoint and metrics_config")?;
    let endpoint = endpoint(get(all, "endpoint"))?;
    if is_prometheus(name) {
        let names = match get(all, "metrics_config") {
            None | Some(Value::Null) => BTreeSet::new(),
            Some(list) => names(list)?,
        };
        within(names.len(), limit)?;
        let period = period(get(all, "polling_frequency"))?.max(SHORTEST);
        return Ok(Config { endpoint, period, what: What::Prometheus(names), wrong: Vec::new() });
    }
    let list = get(all, "metrics_config").and_then(Value::as_array).filter(|list| !list.is_empty());
    let list = list.ok_or("expected metrics_config, a list of metrics")?;
    within(list.len(), limit)?;
    let (mut metrics, mut wrong, mut shortest) = (Vec::new(), Vec::new(), None);
    for (nth, item) in list.iter().enumerate() {
        match metric(item) {
            Ok((metric, period)) => {
                metrics.push(metric);
                let told = (!period.is_zero()).then_some(period);
                shortest = [shortest, told].into_iter().flatten().min();
            }
            Err(cause) => wrong.push(format!("metrics_config[{nth}]: {cause}")),
        }
    }
    match wrong.first() {
        Some(cause) if metrics.is_empty() => Err(cause.clone()),
        _ => {
            let period = shortest.unwrap_or_default().max(SHORTEST);
            Ok(Config { endpoint, period, what: What::Generic(metrics), wrong })
        }
    }
}

/// Whether a collector of this name takes a Prometheus exposition.
pub fn is_prometheus(name: &str) -> bool {
    name.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("prometheus"))
}

fn within(count: usize, limit: usize) -> Result<(), String> {
    if count <= limit {
        return Ok(());
    }
    Err(format!("{count} metrics, and at most {limit} are taken; see -application_metrics_count_limit"))
}

/// A key whatever its case; the very one comes first.
fn get<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let other = || object.iter().find(|(other, _)| other.eq_ignore_ascii_case(key)).map(|(_, value)| value);
    object.get(key).or_else(other)
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a str, String> {
    match get(object, key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("expected a text as {key}")),
    }
}

fn endpoint(value: Option<&Value>) -> Result<Endpoint, String> {
    match value {
        Some(Value::String(url)) if !url.is_empty() => Ok(Endpoint::Url(url.clone())),
        Some(Value::Object(config)) => {
            let protocol = match text(config, "protocol")? {
                "" => "http",
                protocol => protocol,
            };
            let port = match get(config, "port") {
                None | Some(Value::Null) => Some(8000),
                Some(Value::Number(number)) => number.as_u64().and_then(|port| port.try_into().ok()),
                Some(Value::String(text)) => text.parse().ok(),
                Some(_) => None,
            };
            let port = port.ok_or("expected a number below 65536 as port of the endpoint")?;
            Ok(Endpoint::Own { protocol: protocol.to_owned(), port, path: text(config, "path")?.to_owned() })
        }
        _ => Err("expected endpoint, a URL or an object with protocol, port and path".to_owned()),
    }
}

fn names(list: &Value) -> Result<BTreeSet<String>, String> {
    const EXPECTED: &str = "expected metrics_config, a list of names";
    let list = list.as_array().ok_or(EXPECTED)?;
    list.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(|| EXPECTED.to_owned())).collect()
}

fn metric(item: &Value) -> Result<(Metric, Duration), String> {
    let item = item.as_object().ok_or("expected an object with name, data_type and regex")?;
    let name = text(item, "name")?;
    if name.is_empty() {
        return Err("expected a name".to_owned());
    }
    let whole = match text(item, "data_type")? {
        "int" => true,
        "float" => false,
        _ => return Err(format!("{name}: expected int or float as data_type")),
    };
    let kind = text(item, "metric_type")?;
    let units = text(item, "units")?;
    let regex = generic::expression(text(item, "regex")?).map_err(|cause| format!("{name}: {cause}"))?;
    let period = period(get(item, "polling_frequency"))?;
    Ok((Metric::new(name, kind, units, whole, regex), period))
}

/// A whole number counts nanoseconds, as Go's durations do in JSON; a text has units: `10s`.
fn period(value: Option<&Value>) -> Result<Duration, String> {
    let duration = match value {
        None | Some(Value::Null) => Some(Duration::ZERO),
        Some(Value::Number(number)) => number.as_i64().map(|n| Duration::from_nanos(n.max(0).unsigned_abs())),
        Some(Value::String(text)) => with_unit(text),
        Some(_) => None,
    };
    duration.ok_or_else(|| "expected polling_frequency, as \"10s\" or in whole nanoseconds".to_owned())
}

fn with_unit(text: &str) -> Option<Duration> {
    let (number, nanos) =
        [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)]
            .iter()
            .find_map(|(unit, nanos)| Some((text.strip_suffix(unit)?, *nanos)))?;
    number.parse::<u64>().ok()?.checked_mul(nanos).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(bytes: &str) -> Result<Config, String> {
        parse("nginx", bytes.as_bytes(), 100)
    }

    #[test]
    fn cadvisors_own_examples_are_taken() {
        let own = |protocol: &str, port, path: &str| Endpoint::Own {
            protocol: protocol.to_owned(),
            port,
            path: path.to_owned(),
        };
        let url = |url: &str| Endpoint::Url(url.to_owned());
        let f = |name: &str, bytes: &[u8], endpoint: Endpoint, count: usize| {
            let config = parse(name, bytes, 100).unwrap();
            assert_eq!((config.endpoint, config.period, config.wrong), (endpoint, SHORTEST, vec![]));
            let (What::Generic(_) | What::Prometheus(_)) = &config.what;
            let found = match config.what {
                What::Generic(metrics) => metrics.len(),
                What::Prometheus(names) => names.len(),
            };
            assert_eq!(found, count);
        };
        f(
            "nginx",
            include_bytes!("testdata/config/generic.json"),
            url("http://localhost:8000/nginx_status"),
            4,
        );
        f(
            "nginx",
            include_bytes!("testdata/config/generic_own.json"),
            own("https", 8000, "/nginx_status"),
            4,
        );
        f(
            "prometheus",
            include_bytes!("testdata/config/prometheus.json"),
            url("http://localhost:8080/metrics"),
            0,
        );
        f(
            "Prometheus_x",
            include_bytes!("testdata/config/prometheus_own.json"),
            own("http", 8081, "/METRICS"),
            0,
        );
        f(
            "prometheus",
            include_bytes!("testdata/config/prometheus_filtered.json"),
            url("http://localhost:8080/metrics"),
            2,
        );
    }

    #[test]
    fn an_empty_endpoint_object_has_defaults_and_a_port_may_be_a_text() {
        let f = |text: &str, expected: Result<(&str, u16, &str), ()>| {
            let got = endpoint(Some(&serde_json::from_str(text).unwrap()));
            let expected = expected.map(|(protocol, port, path)| Endpoint::Own {
                protocol: protocol.to_owned(),
                port,
                path: path.to_owned(),
            });
            assert_eq!(got.map_err(|_| ()), expected, "{text}");
        };
        f("{}", Ok(("http", 8000, "")));
        f(r#"{"PORT":"81","Path":"/x?y=1","other":1}"#, Ok(("http", 81, "/x?y=1")));
        for wrong in
            [r#"{"port":65536}"#, r#"{"port":-1}"#, r#"{"port":[]}"#, r#"{"path":1}"#, "\"\"", "7", "null"]
        {
            f(wrong, Err(()));
        }
    }

    #[test]
    fn the_shortest_period_counts_and_is_a_second_at_least() {
        let f = |periods: &[&str], expected: Duration| {
            let metrics: Vec<String> = periods
                .iter()
                .map(|p| format!(r#"{{"name":"a","data_type":"int","regex":"(.)","polling_frequency":{p}}}"#))
                .collect();
            let text = format!(r#"{{"endpoint":"http://x","metrics_config":[{}]}}"#, metrics.join(","));
            assert_eq!(generic(&text).unwrap().period, expected, "{periods:?}");
        };
        f(&["10"], SHORTEST);
        f(&["0", "5000000000", "7000000000"], Duration::from_secs(5));
        f(&["-3", "null"], SHORTEST);
        f(&["\"2m\"", "\"90s\""], Duration::from_secs(90));
        f(&["\"1h\""], Duration::from_secs(3600));
        f(&["\"1500ms\""], Duration::from_millis(1500));
    }

    #[test]
    fn one_bad_metric_costs_itself_alone() {
        let config = generic(
            r#"{"endpoint":"http://x","metrics_config":[
                {"name":"good","data_type":"float","regex":"(.)"},
                {"name":"no group","data_type":"int","regex":"x"},
                {"name":"bad","data_type":"int","regex":"("},
                {"name":"kind","data_type":"bool","regex":"(.)"},
                {"data_type":"int"}, 7]}"#,
        )
        .unwrap();
        let What::Generic(metrics) = &config.what else { panic!("generic") };
        assert_eq!((metrics.len(), config.wrong.len()), (1, 5), "{:?}", config.wrong);
        assert!(config.wrong[0].starts_with("metrics_config[1]: no group: expected"), "{:?}", config.wrong);
    }

    #[test]
    fn what_is_no_configuration_says_what_is_expected() {
        let f = |name: &str, text: &str, limit: usize, said: &str| {
            let error = parse(name, text.as_bytes(), limit).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        };
        f("x", "", 9, "expected JSON");
        f("x", "[]", 9, "expected a JSON object");
        f("x", r#"{"metrics_config":[]}"#, 9, "expected endpoint");
        f("x", r#"{"endpoint":"http://x"}"#, 9, "expected metrics_config");
        f("x", r#"{"endpoint":"http://x","metrics_config":[1]}"#, 9, "expected an object with name");
        f("prometheus", r#"{"endpoint":"http://x","metrics_config":["a","b"]}"#, 1, "at most 1");
        f("prometheus", r#"{"endpoint":"http://x","metrics_config":[1]}"#, 9, "a list of names");
        f("prometheus", r#"{"endpoint":"http://x","polling_frequency":"often"}"#, 9, "polling_frequency");
        f("x", r#"{"endpoint":"http://x","metrics_config":[1,2]}"#, 1, "at most 1");
    }

    proptest::proptest! {
        #[test]
        fn no_file_panics(bytes: Vec<u8>, cut in 0..400usize, byte: u8) {
            let _ = parse("x", &bytes, 9);
            let mut broken = include_bytes!("testdata/config/generic_own.json").to_vec();
            broken[cut] = byte;
            let _ = parse("x", &broken, 9);
            let _ = parse("prometheus", &broken, 9);
        }
    }
}
