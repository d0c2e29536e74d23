//! `GET /events`: what happens to containers, a JSON object a line.

use crate::runtime::fault::Fault;
use crate::runtime::http::Lines;
use crate::runtime::json;
use crate::runtime::remote::{Events, What};

/// Which events are asked for. Those of `exec`, which health checks make every few seconds, are not.
pub(super) const PATH: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22start%22%2C\
%22die%22%2C%22oom%22%2C%22destroy%22%2C%22rename%22%2C%22pause%22%2C%22unpause%22%2C%22health_status%22%5D%7D";

/// The engine's events from some moment on.
pub(super) struct Happenings(pub(super) Lines);

impl Events for Happenings {
    async fn next(&mut self) -> Result<Option<(String, What)>, Fault> {
        self.0.next().await.map(|line| parse(&line))
    }
}

/// Reads a line; `None` for what is no event of ours.
pub(super) fn parse(line: &[u8]) -> Option<(String, What)> {
    let event = json::object(line, "an event").ok()?;
    if json::text(&event, "/Type").is_some_and(|kind| kind != "container") {
        return None;
    }
    let id =
        json::text(&event, "/Actor/ID").or_else(|| json::text(&event, "/id")).filter(|id| !id.is_empty())?;
    let action = json::text(&event, "/Action").or_else(|| json::text(&event, "/status"))?;
    let what = match action {
        "create" => What::Created,
        "start" => What::Started,
        "die" => {
            What::Died(json::text(&event, "/Actor/Attributes/exitCode").and_then(|code| code.parse().ok()))
        }
        "oom" => What::Oom,
        "destroy" => What::Destroyed,
        "rename" | "pause" | "unpause" => What::Changed,
        other => What::Health(other.strip_prefix("health_status:")?.trim().to_owned()),
    };
    Some((id.to_owned(), what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_engine_are_read() {
        let f = |line: &str, what| assert_eq!(parse(line.as_bytes()), Some(("a".to_owned(), what)), "{line}");
        f(
            r#"{"status":"start","id":"a","Type":"container","Action":"start","Actor":{"ID":"a"}}"#,
            What::Started,
        );
        f(
            r#"{"Type":"container","Action":"die","Actor":{"ID":"a","Attributes":{"exitCode":"137"}}}"#,
            What::Died(Some(137)),
        );
        f(
            r#"{"Type":"container","Action":"die","Actor":{"ID":"a","Attributes":{"exitCode":137}}}"#,
            What::Died(None),
        );
        f(r#"{"status":"oom","id":"a"}"#, What::Oom);
        for word in ["pause", "unpause"] {
            f(&format!(r#"{{"Action":"{word}","Actor":{{"ID":"a"}}}}"#), What::Changed);
        }
        f(
            r#"{"Action":"health_status: unhealthy","Actor":{"ID":"a"}}"#,
            What::Health("unhealthy".to_owned()),
        );
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in [
            "",
            "{}",
            "nonsense",
            r#"{"Action":"start"}"#,
            r#"{"Action":"exec_start: sh","Actor":{"ID":"a"}}"#,
            r#"{"Type":"network","Action":"destroy","Actor":{"ID":"a"}}"#,
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }
}
