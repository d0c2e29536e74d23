//! Which names may go into a question to a store: what could be mistaken for a part of its query language may not.

use plimsoll_core::cluster::history::Subject;
use plimsoll_core::cluster::key::Key;

/// Names of entities: letters, digits, `_`, `.` and `-`.
///
/// # Errors
/// A sentence that says which name is wrong.
pub(super) fn check(what: &str, name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    within(what, name, legal, "letters, digits, _ . -")
}

/// Every name of a subject; a system container's may have slashes.
///
/// # Errors
/// A sentence that says which name is wrong.
pub(super) fn check_subject(subject: &Subject) -> Result<(), String> {
    match subject {
        Subject::PodId(uid) => check("pod id", uid),
        Subject::PodIdContainer(uid, container) => {
            check("pod id", uid).and_then(|()| check("container", container))
        }
        Subject::Key(key) => match key {
            Key::Cluster => Ok(()),
            Key::Node(node) => check("node", node),
            Key::SystemContainer { node, container } => {
                check("node", node).and_then(|()| check_word("container", container))
            }
            Key::Namespace(namespace) => check("namespace", namespace),
            Key::Pod { namespace, pod } => check("namespace", namespace).and_then(|()| check("pod", pod)),
            Key::Container { namespace, pod, container } => check("namespace", namespace)
                .and_then(|()| check("pod", pod))
                .and_then(|()| check("container", container)),
            Key::Workload { namespace, kind, name } => {
                check("namespace", namespace).and_then(|()| check(kind.word(), name))
            }
        },
    }
}

/// A metric's name and labels.
///
/// # Errors
/// A sentence that says which is wrong.
pub(super) fn check_metric(metric: &str, labels: &[(String, String)]) -> Result<(), String> {
    check_word("metric", metric)?;
    for (name, value) in labels {
        check_word("label", name)?;
        if let Some(wrong) = value.chars().find(|c| matches!(c, '"' | '\'') || c.is_control()) {
            return Err(format!(
                "the value {} of label {name} must not contain {wrong:?}: no quotes, printable characters only",
                crate::go::quote(value)
            ));
        }
    }
    Ok(())
}

fn check_word(what: &str, name: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | ':' | '-');
    within(what, name, legal, "letters, digits, _ . / : -")
}

fn within(what: &str, name: &str, legal: impl Fn(char) -> bool, words: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("the {what} name is empty"));
    }
    match name.chars().find(|c| !legal(*c)) {
        Some(wrong) => Err(format!(
            "the {what} name {} must not contain {wrong:?}: only {words}",
            crate::go::quote(name)
        )),
        None => Ok(()),
    }
}

/// A subject in Heapster's words: `(pod)namespace:shop/pod:web`.
pub(super) fn described(subject: &Subject) -> String {
    match subject {
        Subject::Key(Key::Cluster) => "<cluster>".to_owned(),
        Subject::Key(key) => format!("({}){key}", key.word()),
        Subject::PodId(uid) => format!("(pod)pod-id:{uid}"),
        Subject::PodIdContainer(uid, container) => {
            format!("(pod_container)pod-id:{uid}/container:{container}")
        }
    }
}
