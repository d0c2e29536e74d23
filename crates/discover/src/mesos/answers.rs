//! What the agent answers, as JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::runtime::json::{self, ParseError};

/// A container in the answer to `GET_CONTAINERS`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Who started it.
    pub framework: String,
    /// In which executor it runs.
    pub executor: String,
    /// Its first process as the host counts.
    pub pid: Option<u32>,
}

/// The container of that id; absent when the agent has none such.
///
/// # Errors
/// The answer is none.
pub fn container(bytes: &[u8], id: &str) -> Result<Option<Container>, ParseError> {
    let all = json::object(bytes, "the containers as an object")?;
    let list = json::list(&all, "/get_containers/containers");
    let found = list.iter().find(|one| json::text(one, "/container_id/value") == Some(id));
    Ok(found.map(|one| Container {
        framework: json::text_or_empty(one, "/framework_id/value"),
        executor: json::text_or_empty(one, "/executor_id/value"),
        pid: json::int(one, "/container_status/executor_pid")
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|pid| *pid > 0),
    }))
}

/// The container's labels in the answer to `GET_STATE`: `framework`, `source`, `scheduler_sla` and those of its
/// task. What the state does not have is left out.
///
/// # Errors
/// The answer is none.
pub fn labels(bytes: &[u8], container: &Container) -> Result<BTreeMap<String, String>, ParseError> {
    let all = json::object(bytes, "the agent's state as an object")?;
    let mut labels = BTreeMap::new();
    let frameworks = json::list(&all, "/get_state/get_frameworks/frameworks");
    let framework = frameworks
        .iter()
        .find(|one| json::text(one, "/framework_info/id/value") == Some(&container.framework));
    if let Some(name) = framework.and_then(|one| json::text(one, "/framework_info/name")) {
        labels.insert("framework".to_owned(), name.to_owned());
    }
    let executors = json::list(&all, "/get_state/get_executors/executors");
    let info = executors.iter().filter_map(|one| one.get("executor_info"));
    let executor = info.clone().find(|info| {
        json::text(info, "/executor_id/value") == Some(&container.executor)
            && json::text(info, "/framework_id/value").is_none_or(|of| of == container.framework)
    });
    if let Some(executor) = executor {
        // one without a source has the label all the same
        labels.insert("source".to_owned(), json::text_or_empty(executor, "/source"));
    }
    let Some(task) = task(&all, container) else { return Ok(labels) };
    let cpus =
        json::list(task, "/resources").iter().find(|resource| json::text(resource, "/name") == Some("cpus"));
    if let Some(cpus) = cpus {
        let sla = if cpus.get("revocable").is_some() { "revocable" } else { "non_revocable" };
        labels.insert("scheduler_sla".to_owned(), sla.to_owned());
    }
    for label in json::list(task, "/labels/labels") {
        if let Some(key) = json::text(label, "/key") {
            labels.insert(key.to_owned(), json::text_or_empty(label, "/value"));
        }
    }
    Ok(labels)
}

/// The task that the executor has launched, else one that waits for it. A task of the command executor has no
/// executor named: there the task's id is the executor's.
fn task<'a>(state: &'a Value, container: &Container) -> Option<&'a Value> {
    let fits = |task: &&Value| {
        let of = json::text(task, "/executor_id/value").or_else(|| json::text(task, "/task_id/value"));
        let framework = json::text(task, "/framework_id/value");
        of == Some(container.executor.as_str()) && framework.is_none_or(|id| id == container.framework)
    };
    ["launched_tasks", "queued_tasks"]
        .iter()
        .find_map(|list| json::list(state, &format!("/get_state/get_tasks/{list}")).iter().find(fits))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINERS: &[u8] = include_bytes!("testdata/get_containers.json");
    const STATE: &[u8] = include_bytes!("testdata/get_state.json");
    const WEB: &str = "8f26097e-759a-49ec-bf97-ea8c4ce682da";
    const NESTED: &str = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

    fn told(id: &str) -> (Option<u32>, BTreeMap<String, String>) {
        let container = container(CONTAINERS, id).unwrap().unwrap();
        let labels = labels(STATE, &container).unwrap();
        (container.pid, labels)
    }

    #[test]
    fn a_task_of_the_command_executor_has_the_labels_of_its_task() {
        let (pid, labels) = told(WEB);
        assert_eq!(pid, Some(18_191));
        let all: Vec<_> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            all,
            [("framework", "marathon"), ("scheduler_sla", "non_revocable"), ("source", ""), ("team", "web")]
        );
    }

    #[test]
    fn a_task_group_has_its_executors_source_and_revocable_resources() {
        let (_, labels) = told("11111111-2222-4333-8444-555555555555");
        assert_eq!(labels["source"], "batch.nightly");
        assert_eq!(labels["scheduler_sla"], "revocable");
        assert_eq!(labels["framework"], "chronos");
    }

    #[test]
    fn a_nested_container_is_found_by_its_own_id() {
        let (pid, labels) = told(NESTED);
        assert_eq!((pid, labels["framework"].as_str()), (None, "chronos"));
    }

    #[test]
    fn what_the_state_does_not_have_is_left_out() {
        assert_eq!(container(CONTAINERS, "none").unwrap(), None);
        let nobody = Container { framework: "x".into(), executor: "y".into(), pid: None };
        assert_eq!(labels(STATE, &nobody).unwrap(), BTreeMap::new());
        assert_eq!(labels(b"{}", &nobody).unwrap(), BTreeMap::new());
        for text in [&b"[]"[..], b"", b"<html>"] {
            assert!(container(text, WEB).is_err() && labels(text, &nobody).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_panics(bytes: Vec<u8>) {
            let _ = container(&bytes, WEB);
            let _ = labels(&bytes, &Container { framework: String::new(), executor: String::new(), pid: None });
        }
    }
}
