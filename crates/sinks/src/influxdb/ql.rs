//! InfluxQL's words: names and values in quotes, entities as conditions.

use plimsoll_core::cluster::history::{Aggregation, HistoryError, Subject};
use plimsoll_core::cluster::key::Key;

/// A name: of a database, a measurement, a field, a tag.
pub(super) fn identifier(text: &str) -> String {
    quoted('"', text)
}

/// A value of a tag.
pub(super) fn string(text: &str) -> String {
    quoted('\'', text)
}

fn quoted(quote: char, text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// `"pod_name" = 'web'`.
pub(super) fn equal(tag: &str, value: &str) -> String {
    format!("{} = {}", identifier(tag), string(value))
}

/// The condition that only an entity's series meet.
///
/// # Errors
/// A name has characters that none of Kubernetes' names has.
pub(super) fn selector(subject: &Subject) -> Result<String, HistoryError> {
    let tags: Vec<(&str, &str)> = match subject {
        Subject::Key(Key::Cluster) => vec![("type", "cluster")],
        Subject::Key(Key::Node(node)) => vec![("type", "node"), ("nodename", name(node)?)],
        Subject::Key(Key::SystemContainer { node, container }) => vec![
            ("type", "sys_container"),
            ("container_name", printable("container name", container)?),
            ("nodename", name(node)?),
        ],
        Subject::Key(Key::Namespace(namespace)) => vec![("type", "ns"), ("namespace_name", name(namespace)?)],
        Subject::Key(Key::Pod { namespace, pod }) => {
            vec![("type", "pod"), ("namespace_name", name(namespace)?), ("pod_name", name(pod)?)]
        }
        Subject::Key(Key::Container { namespace, pod, container }) => vec![
            ("type", "pod_container"),
            ("namespace_name", name(namespace)?),
            ("pod_name", name(pod)?),
            ("container_name", name(container)?),
        ],
        Subject::Key(Key::Workload { namespace, kind, name: workload }) => vec![
            ("type", kind.word()),
            ("namespace_name", name(namespace)?),
            ("workload_name", name(workload)?),
        ],
        Subject::PodId(uid) => vec![("type", "pod"), ("pod_id", name(uid)?)],
        Subject::PodIdContainer(uid, container) => {
            vec![("type", "pod_container"), ("pod_id", name(uid)?), ("container_name", name(container)?)]
        }
    };
    let conditions: Vec<_> = tags.into_iter().map(|(tag, value)| equal(tag, value)).collect();
    Ok(conditions.join(" AND "))
}

/// A name of an object.
pub(super) fn name(text: &str) -> Result<&str, HistoryError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    checked("name", text, fits, "letters, digits, '_', '.' and '-'")
}

/// A name of a metric or of a label.
pub(super) fn metric(text: &str) -> Result<&str, HistoryError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '-');
    checked("metric or label name", text, fits, "letters, digits, '_', '.', '/', ':' and '-'")
}

/// A label's value, a path.
pub(super) fn printable<'a>(what: &str, text: &'a str) -> Result<&'a str, HistoryError> {
    let fits = |c: char| !c.is_control() && !matches!(c, '\'' | '"');
    checked(what, text, fits, "printable characters without quotes")
}

fn checked<'a>(
    what: &str,
    text: &'a str,
    fits: impl Fn(char) -> bool,
    wanted: &str,
) -> Result<&'a str, HistoryError> {
    if text.is_empty() || !text.chars().all(fits) {
        return Err(HistoryError(format!("illegal characters in {what} {text:?}: expected {wanted}")));
    }
    Ok(text)
}

/// `MEAN("value")`.
pub(super) fn function(aggregation: Aggregation, field: &str) -> String {
    let field = identifier(field);
    match aggregation {
        Aggregation::Average => format!("MEAN({field})"),
        Aggregation::Maximum => format!("MAX({field})"),
        Aggregation::Minimum => format!("MIN({field})"),
        Aggregation::Median => format!("MEDIAN({field})"),
        Aggregation::Count => format!("COUNT({field})"),
        Aggregation::Percentile(percent) => format!("PERCENTILE({field}, {percent})"),
    }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::cluster::key::WorkloadKind;

    use super::*;

    #[test]
    fn words_stay_within_their_quotes() {
        assert_eq!(identifier("cpu/usage_rate"), r#""cpu/usage_rate""#);
        assert_eq!(identifier("a\"; DROP DATABASE x\n\\"), r#""a\"; DROP DATABASE x\n\\""#);
        assert_eq!(string(r"system.slice/dev\x2d'a'"), r"'system.slice/dev\\x2d\'a\''");
        assert_eq!(equal("labels", "app:\"x\""), r#""labels" = 'app:"x"'"#);
    }

    #[test]
    fn entities_are_conditions() {
        let (ns, p, c, n) = ("ns".into(), "p".into(), "c".into(), "n".into());
        let f = |subject: Subject, wanted: &str| assert_eq!(selector(&subject).unwrap(), wanted);
        f(Subject::Key(Key::Cluster), "\"type\" = 'cluster'");
        f(Subject::Key(Key::Node("n".into())), "\"type\" = 'node' AND \"nodename\" = 'n'");
        f(
            Subject::Key(Key::SystemContainer { node: n, container: "system.slice/a.service".into() }),
            "\"type\" = 'sys_container' AND \"container_name\" = 'system.slice/a.service' AND \"nodename\" = 'n'",
        );
        f(Subject::Key(Key::Namespace("ns".into())), "\"type\" = 'ns' AND \"namespace_name\" = 'ns'");
        f(
            Subject::Key(Key::Pod { namespace: "ns".into(), pod: "p".into() }),
            "\"type\" = 'pod' AND \"namespace_name\" = 'ns' AND \"pod_name\" = 'p'",
        );
        f(
            Subject::Key(Key::Container { namespace: ns, pod: p, container: c }),
            "\"type\" = 'pod_container' AND \"namespace_name\" = 'ns' AND \"pod_name\" = 'p' AND \"container_name\" = 'c'",
        );
        f(
            Subject::Key(Key::Workload {
                namespace: "ns".into(),
                kind: WorkloadKind::Deployment,
                name: "d".into(),
            }),
            "\"type\" = 'deployment' AND \"namespace_name\" = 'ns' AND \"workload_name\" = 'd'",
        );
        f(Subject::PodId("u-1".into()), "\"type\" = 'pod' AND \"pod_id\" = 'u-1'");
        f(
            Subject::PodIdContainer("u-1".into(), "c".into()),
            "\"type\" = 'pod_container' AND \"pod_id\" = 'u-1' AND \"container_name\" = 'c'",
        );
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for bad in ["a'b", "a b", "", "a;b", "a\"", "é", "a/b", "a\n"] {
            let error = selector(&Subject::Key(Key::Node(bad.into()))).unwrap_err().to_string();
            assert!(error.starts_with("illegal characters in name "), "{error}");
        }
        assert!(metric("cpu/usage_rate").is_ok() && metric("a:b-c.d").is_ok() && metric("a b").is_err());
        assert!(printable("label value", "Volume:a b").is_ok() && printable("label value", "a'").is_err());
        assert!(printable("label value", "a\tb").is_err());
    }
}
