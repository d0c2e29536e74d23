//! The query of v1: a JSON document in the request's body.

use plimsoll_core::time::Timestamp;
use serde_json::Value;

use crate::go;
use crate::past::Window;

/// cAdvisor's own default.
const NUM_STATS: usize = 60;

/// Reads the body: `{"num_stats": 60, "start": "...", "end": "..."}`, in any case, each optional. Nothing at
/// all is all defaults; only the first value of the body counts.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn parse(body: &[u8]) -> Result<Window, String> {
    let mut window = Window { count: Some(NUM_STATS), ..Window::default() };
    for (key, value) in fields(body, "v1.ContainerInfoRequest")? {
        match key.as_str() {
            "num_stats" => window.count = count(&value)?,
            "start" => window.start = instant(&value)?,
            "end" => window.end = instant(&value)?,
            _ => {}
        }
    }
    Ok(window)
}

/// What kubelet's `/stats/` is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The group's name; the root's where none is given.
    pub container: String,
    /// Whether those below it count as well.
    pub subcontainers: bool,
    /// Which samples.
    pub window: Window,
}

/// The same of kubelet's requests, which name the group in the body and mean all samples by any negative number.
///
/// # Errors
/// A sentence about what is wrong with it.
pub fn of_kubelet(body: &[u8]) -> Result<Asked, String> {
    let window = Window { count: Some(NUM_STATS), ..Window::default() };
    let mut asked = Asked { container: "/".to_owned(), subcontainers: false, window };
    let wrong = |value: &Value, field: &str| {
        undecodable(&mistaken(value, "struct field", &format!("StatsRequest.{field}")))
    };
    for (key, value) in fields(body, "stats.StatsRequest")? {
        match key.as_str() {
            "containername" => match value {
                Value::String(name) if name.is_empty() => {}
                Value::String(name) => asked.container = go::clean(&name),
                other => return Err(wrong(&other, "containerName of type string")),
            },
            "subcontainers" => match value {
                Value::Bool(subcontainers) => asked.subcontainers = subcontainers,
                other => return Err(wrong(&other, "subcontainers of type bool")),
            },
            "num_stats" => match value.as_i64() {
                Some(count) => asked.window.count = usize::try_from(count).ok(),
                None => return Err(wrong(&value, "num_stats of type int")),
            },
            "start" => asked.window.start = instant(&value)?,
            "end" => asked.window.end = instant(&value)?,
            _ => {}
        }
    }
    Ok(asked)
}

/// The fields of the first value in the body, their names in lower case; those that are null are as if not given.
fn fields(body: &[u8], kind: &str) -> Result<impl Iterator<Item = (String, Value)>, String> {
    let first = serde_json::Deserializer::from_slice(body).into_iter::<Value>().next();
    let fields = match first.transpose().map_err(|cause| undecodable(&reason(&cause)))? {
        None | Some(Value::Null) => serde_json::Map::new(),
        Some(Value::Object(fields)) => fields,
        Some(other) => return Err(undecodable(&mistaken(&other, "value", kind))),
    };
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    Ok(given.map(|(key, value)| (key.to_ascii_lowercase(), value)))
}

fn count(value: &Value) -> Result<Option<usize>, String> {
    match value.as_i64() {
        None => {
            Err(undecodable(&mistaken(value, "struct field", "ContainerInfoRequest.num_stats of type int")))
        }
        Some(-1) => Ok(None),
        Some(n) => usize::try_from(n)
            .map(Some)
            .map_err(|_| format!("invalid num_stats: only -1 (all) and larger values allowed, not {n}")),
    }
}

fn instant(value: &Value) -> Result<Option<Timestamp>, String> {
    let Value::String(text) = value else {
        return Err(undecodable("Time.UnmarshalJSON: input is not a JSON string"));
    };
    Timestamp::parse(text).map_err(|cause| undecodable(&format!("parsing time {}: {cause}", go::quote(text))))
}

fn undecodable(cause: &str) -> String {
    format!("unable to decode the json value: {cause}")
}

fn reason(cause: &serde_json::Error) -> String {
    if cause.is_eof() { "unexpected EOF".to_owned() } else { cause.to_string() }
}

/// Go's sentence for a value of another type.
fn mistaken(value: &Value, what: &str, expected: &str) -> String {
    let got = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(n) => format!("number {n}"),
        Value::String(_) => "string".to_owned(),
        Value::Array(_) => "array".to_owned(),
        Value::Object(_) => "object".to_owned(),
    };
    let of_type = if what == "value" { "of type " } else { "" };
    format!("json: cannot unmarshal {got} into Go {what} {of_type}{expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(count: Option<usize>) -> Window {
        Window { count, ..Window::default() }
    }

    #[test]
    fn bodies_that_are_understood() {
        let f = |body: &str, want| assert_eq!(parse(body.as_bytes()), Ok(want), "{body}");
        f("", window(Some(60)));
        f(" \n", window(Some(60)));
        f("null", window(Some(60)));
        f("{}", window(Some(60)));
        f(r#"{"num_stats":2}"#, window(Some(2)));
        f(r#"{"NUM_Stats":0,"other":{}}"#, window(Some(0)));
        f(r#"{"num_stats":-1}"#, window(None));
        f(r#"{"num_stats":2} trailing"#, window(Some(2)));
        f(r#"{"num_stats":null}"#, window(Some(60)));
        f(r#"{"start":"0001-01-01T00:00:00Z","end":"0001-01-01T00:00:00Z"}"#, window(Some(60)));
        let range =
            Window { start: Some(Timestamp(0)), end: Some(Timestamp(1_500_000_000)), count: Some(60) };
        f(r#"{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:01.5Z"}"#, range);
    }

    #[test]
    fn kubelets_bodies() {
        let f = |body: &str, container: &str, subcontainers, count| {
            let asked = Asked { container: container.to_owned(), subcontainers, window: window(count) };
            assert_eq!(of_kubelet(body.as_bytes()), Ok(asked), "{body}");
        };
        f("", "/", false, Some(60));
        f(r#"{"containerName":"","num_stats":1}"#, "/", false, Some(1));
        f(
            r#"{"containerName":"system.slice/","subcontainers":true,"num_stats":-7}"#,
            "/system.slice",
            true,
            None,
        );
        for (body, sentence) in [
            (
                r#"{"subcontainers":"yes"}"#,
                "unable to decode the json value: json: cannot unmarshal string into Go struct field StatsRequest.subcontainers of type bool",
            ),
            (
                r#"{"containerName":7}"#,
                "unable to decode the json value: json: cannot unmarshal number 7 into Go struct field StatsRequest.containerName of type string",
            ),
            (
                r#"{"num_stats":1.5}"#,
                "unable to decode the json value: json: cannot unmarshal number 1.5 into Go struct field StatsRequest.num_stats of type int",
            ),
            ("{", "unable to decode the json value: unexpected EOF"),
        ] {
            assert_eq!(of_kubelet(body.as_bytes()), Err(sentence.to_owned()));
        }
    }

    #[test]
    fn bodies_that_are_refused() {
        let f = |body: &str, want: &str| {
            let sentence = parse(body.as_bytes()).unwrap_err();
            assert!(sentence.starts_with(want), "{body}: {sentence}");
        };
        f(r#"{"num_stats":"#, "unable to decode the json value: unexpected EOF");
        f(
            r#"{"num_stats":"2"}"#,
            "unable to decode the json value: json: cannot unmarshal string into Go struct field ContainerInfoRequest.num_stats of type int",
        );
        f(
            "[]",
            "unable to decode the json value: json: cannot unmarshal array into Go value of type v1.ContainerInfoRequest",
        );
        f("x", "unable to decode the json value: expected value");
        f(r#"{"num_stats":-2}"#, "invalid num_stats: only -1 (all) and larger values allowed, not -2");
        f(
            r#"{"start":5}"#,
            "unable to decode the json value: Time.UnmarshalJSON: input is not a JSON string",
        );
        f(r#"{"end":"x"}"#, "unable to decode the json value: parsing time \"x\"");
    }
}
