//! What the words behind `influxdb:` mean.

use std::time::Duration;

use plimsoll_client::{Client, Tls, basic};

use super::peer::Peer;
use super::points::Shape;
use super::retention::Retention;
use crate::options::{BuildError, Options};

/// Heapster's defaults.
const HOST: &str = "localhost:8086";
const DATABASE: &str = "k8s";
const USER: &str = "root";
const PASSWORD: &str = "root";
const CLUSTER: &str = "default";

/// How long one request may take.
const REQUEST: Duration = Duration::from_secs(30);

/// A sink's configuration.
pub(super) struct Config {
    pub peer: Peer,
    pub shape: Shape,
    /// Requests at a time.
    pub concurrency: usize,
    pub store: Store,
}

/// Where in the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Store {
    /// InfluxDB 1: a database.
    One { database: String, retention: Option<Retention> },
    /// InfluxDB 2: an organisation's bucket.
    Two { organisation: String, bucket: String },
}

const OF_ONE: [&str; 4] = ["user", "pw", "db", "retention"];
const OF_TWO: [&str; 3] = ["org", "bucket", "token"];

pub(super) fn read(options: &mut Options<'_>) -> Result<Config, BuildError> {
    let shape = Shape {
        with_fields: options.flag("withfields")?.unwrap_or(false),
        cluster_name: options.text("cluster_name").unwrap_or(CLUSTER).to_owned(),
        without_counters: options.flag("disable_counter_metrics")?.unwrap_or(false),
        with_ids: options.flag("ids")?.unwrap_or(false),
        with_workloads: options.flag("workloads")?.unwrap_or(true),
    };
    let concurrency = options.count("concurrency", 1000)?.unwrap_or(1);
    let base = base(options)?;
    let insecure = options.flag("insecuressl")?.unwrap_or(false);
    let client = Client::new(&Tls { insecure, ..Tls::default() })
        .map_err(|cause| BuildError::Tls { key: options.uri().key.clone(), cause })?;
    let zipped = options.flag("gzip")?.unwrap_or(false);
    let (store, authorization) = match options.text("version").unwrap_or("1") {
        "1" => {
            options.without_effect(&OF_TWO, "without version=2");
            one(options)?
        }
        "2" => {
            options.without_effect(&OF_ONE, "with version=2");
            two(options)?
        }
        other => return Err(options.wrong("version", "1 or 2", other)),
    };
    let peer = Peer { client, base, authorization, zipped, within: REQUEST };
    Ok(Config { peer, shape, concurrency, store })
}

type Place = (Store, Option<(http::HeaderName, http::HeaderValue)>);

fn one(options: &mut Options<'_>) -> Result<Place, BuildError> {
    let of_url = options.uri().user.as_ref();
    let user = options.text("user").or(of_url.map(|(user, _)| user.as_str())).unwrap_or(USER);
    let password = options.text("pw").or(of_url.map(|(_, password)| password.as_str())).unwrap_or(PASSWORD);
    let database = options.name("db")?.unwrap_or(DATABASE).to_owned();
    let retention = match options.text("retention") {
        None | Some("0" | "") => None,
        Some(text) => match Retention::parse(text) {
            Some(retention) if retention.is_long_enough() => Some(retention),
            _ => {
                return Err(options.wrong(
                    "retention",
                    "a duration of an hour or more such as 30d, or INF",
                    text,
                ));
            }
        },
    };
    let authorization = basic(user, password);
    if authorization.is_none() {
        return Err(options.wrong("user", "a user and a password that a header can carry", user));
    }
    Ok((Store::One { database, retention }, authorization))
}

fn two(options: &mut Options<'_>) -> Result<Place, BuildError> {
    let organisation = options.name("org")?;
    let organisation = organisation.ok_or_else(|| options.missing("org", "whose bucket it is"))?.to_owned();
    let bucket = options.name("bucket")?;
    let bucket = bucket.ok_or_else(|| options.missing("bucket", "where points are put"))?.to_owned();
    let token = options.text("token").filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| options.missing("token", "InfluxDB 2 takes nothing without one"))?;
    let Ok(mut value) = http::HeaderValue::try_from(format!("Token {token}")) else {
        return Err(options.wrong("token", "a text that a header can carry", "another one"));
    };
    value.set_sensitive(true);
    let authorization = Some((http::header::AUTHORIZATION, value));
    Ok((Store::Two { organisation, bucket }, authorization))
}

/// `http://host:8086`, with the path where there is one: a proxy's.
fn base(options: &mut Options<'_>) -> Result<String, BuildError> {
    const WANTED: &str = "influxdb:http://HOST:8086?OPTIONS";
    let uri = options.uri();
    let secure = options.flag("secure")?.unwrap_or(false) || uri.scheme == "https";
    let scheme = if secure { "https" } else { "http" };
    if uri.host.is_empty() {
        // what shells leave of quotes, as in --sink=influxdb:''
        if !uri.scheme.is_empty() || !matches!(uri.path.as_str(), "" | "''" | "\"\"") {
            return Err(options.wrong("address", WANTED, uri.text.split('?').next().unwrap_or_default()));
        }
        return Ok(format!("{scheme}://{HOST}"));
    }
    if !matches!(uri.scheme.as_str(), "http" | "https") {
        return Err(options.wrong("address", WANTED, &format!("{}://{}", uri.scheme, uri.host)));
    }
    Ok(format!("{scheme}://{}{}", uri.host, uri.path.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use plimsoll_core::cluster::uri::Uri;

    use super::*;

    fn config(text: &str) -> Result<(Config, Vec<String>), String> {
        let uri = Uri::parse(text, |_| None).unwrap();
        let mut options = Options::new(&uri);
        let config = read(&mut options).map_err(|error| error.to_string())?;
        Ok((config, options.notices()))
    }

    fn authorization(config: &Config) -> &str {
        config.peer.authorization.as_ref().unwrap().1.to_str().unwrap()
    }

    #[test]
    fn defaults_are_heapsters() {
        for text in ["influxdb", "influxdb:''", "influxdb:?db=k8s"] {
            let (config, notices) = config(text).unwrap();
            assert_eq!((config.peer.base.as_str(), config.concurrency), ("http://localhost:8086", 1));
            assert_eq!(config.store, Store::One { database: "k8s".into(), retention: None });
            let shape = Shape {
                with_fields: false,
                cluster_name: "default".into(),
                without_counters: false,
                with_ids: false,
                with_workloads: true,
            };
            assert_eq!((config.shape.clone(), config.peer.zipped), (shape, false));
            // root:root
            assert_eq!(authorization(&config), "Basic cm9vdDpyb290");
            assert_eq!(notices, [""; 0]);
        }
    }

    #[test]
    fn every_option_is_read() {
        let text = "influxdb:http://u:p@db:8086/in/?db=m&secure=true&insecuressl=1&withfields=true&retention=30d\
                    &cluster_name=c&disable_counter_metrics=true&concurrency=3&gzip=true&ids=t&workloads=0";
        let (config, notices) = config(text).unwrap();
        assert_eq!(config.peer.base, "https://db:8086/in");
        assert_eq!(authorization(&config), "Basic dTpw");
        let retention = Retention::parse("720h");
        assert_eq!(config.store, Store::One { database: "m".into(), retention });
        assert_eq!((config.concurrency, config.peer.zipped), (3, true));
        let shape = Shape {
            with_fields: true,
            cluster_name: "c".into(),
            without_counters: true,
            with_ids: true,
            with_workloads: false,
        };
        assert_eq!(config.shape, shape);
        assert_eq!(notices, [""; 0]);
        assert_eq!(self::config("influxdb:https://db?user=a&pw=b").unwrap().0.peer.base, "https://db");
    }

    #[test]
    fn version_two_has_options_of_its_own() {
        let (config, notices) =
            config("influxdb:http://db:8086?version=2&org=o&bucket=b/c&token=t0&db=x").unwrap();
        assert_eq!(config.store, Store::Two { organisation: "o".into(), bucket: "b/c".into() });
        assert_eq!(authorization(&config), "Token t0");
        assert_eq!(notices, ["sink influxdb: option db has no effect with version=2"]);
        let (_, notices) = self::config("influxdb:http://db:8086?token=t").unwrap();
        assert_eq!(notices, ["sink influxdb: option token has no effect without version=2"]);
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let f = |text: &str, wanted: &str| {
            let error = config(text).err().unwrap();
            assert_eq!(error, format!("sink influxdb: {wanted}"));
        };
        let place = "address: expected influxdb:http://HOST:8086?OPTIONS, got";
        f("influxdb:monitoring:8086?pw=secret", &format!("{place} \"monitoring:8086\""));
        f("influxdb:foo", &format!("{place} \"foo\""));
        f("influxdb:tcp://u:secret@h:1", &format!("{place} \"tcp://h:1\""));
        f("influxdb:?withfields=yes", "withfields: expected true or false, got \"yes\"");
        f("influxdb:?concurrency=0", "concurrency: expected a number from 1 to 1000, got \"0\"");
        f("influxdb:?db=", "db: expected a name, got \"\"");
        let retention = "retention: expected a duration of an hour or more such as 30d, or INF, got";
        f("influxdb:?retention=1m", &format!("{retention} \"1m\""));
        f("influxdb:?retention=long", &format!("{retention} \"long\""));
        f("influxdb:?version=3", "version: expected 1 or 2, got \"3\"");
        f("influxdb:?version=2&bucket=b&token=t", "option org is missing: whose bucket it is");
        f("influxdb:?version=2&org=o&token=t", "option bucket is missing: where points are put");
        f(
            "influxdb:?version=2&org=o&bucket=b",
            "option token is missing: InfluxDB 2 takes nothing without one",
        );
        f(
            "influxdb:?version=2&org=o&bucket=b&token=a%0Ab",
            "token: expected a text that a header can carry, got \"another one\"",
        );
    }
}
