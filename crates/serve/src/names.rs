//! Which containers a request means: cgroup names, names and ids that a runtime gave, subtrees.

use std::collections::BTreeSet;

use crate::go::quote;
use crate::past::{Past, View};
use crate::v2::options::{NameKind, RequestOptions};

/// Whether `name` is `parent` or lies below it. `/foobar` does not lie below `/foo`.
pub fn is_within(name: &str, parent: &str) -> bool {
    match name.strip_prefix(parent) {
        Some(rest) => parent == "/" || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// The name above; the root has none.
pub fn parent(name: &str) -> Option<&str> {
    match name.rsplit_once('/')? {
        ("", "") => None,
        ("", _) => Some("/"),
        (above, _) => Some(above),
    }
}

/// All containers of a namespace.
pub fn of_namespace(past: &dyn Past, namespace: &str) -> Vec<View> {
    let mut views = past.containers();
    views.retain(|view| view.reference.namespace == namespace);
    views
}

/// The container that has this alias, or the only one that has an alias beginning so.
///
/// # Errors
/// cAdvisor's sentence: none, or more than one.
pub fn by_alias(past: &dyn Past, namespace: &str, alias: &str) -> Result<View, String> {
    let views = of_namespace(past, namespace);
    let has = |view: &View, test: &dyn Fn(&String) -> bool| view.reference.aliases.iter().any(test);
    if let Some(view) = views.iter().find(|view| has(view, &|known| known == alias)) {
        return Ok(view.clone());
    }
    let not_unique = || {
        format!(
            "unable to find container in {} namespace. Container {} is not unique",
            quote(namespace),
            quote(alias)
        )
    };
    let mut found = views.into_iter().filter(|view| has(view, &|known| known.starts_with(alias)));
    match (found.next(), found.next()) {
        // nothing is the beginning of everything, and names nobody
        (Some(_), _) if alias.is_empty() => Err(not_unique()),
        (Some(view), None) => Ok(view),
        (Some(_), Some(_)) => Err(not_unique()),
        (None, _) => {
            Err(format!("unable to find container {} in {} namespace", quote(alias), quote(namespace)))
        }
    }
}

/// One container by its cgroup name.
///
/// # Errors
/// cAdvisor's sentence.
pub fn by_name(past: &dyn Past, name: &str) -> Result<View, String> {
    past.container(name).ok_or_else(|| format!("unknown container {}", quote(name)))
}

/// The containers that a v2 request means, sorted by name.
///
/// # Errors
/// cAdvisor's sentence.
pub fn select(past: &dyn Past, options: &RequestOptions, name: &str) -> Result<Vec<View>, String> {
    match (options.kind.namespace(), options.recursive) {
        (None, false) => by_name(past, name).map(|view| vec![view]),
        (None, true) => {
            let mut views = past.containers();
            views.retain(|view| is_within(&view.reference.name, name));
            if views.is_empty() { Err(format!("unknown container: {}", quote(name))) } else { Ok(views) }
        }
        (Some(namespace), false) => {
            by_alias(past, namespace, name.trim_start_matches('/')).map(|view| vec![view])
        }
        (Some(namespace), true) if name == "/" => Ok(of_namespace(past, namespace)),
        (Some(_), true) => {
            let runtime = if options.kind == NameKind::Podman { "podman" } else { "docker" };
            Err(format!("invalid request for {runtime} container {} with subcontainers", quote(name)))
        }
    }
}

/// The same, after every one of them has a sample that is as fresh as the request asks.
///
/// # Errors
/// cAdvisor's sentence.
pub async fn select_fresh(
    past: &dyn Past,
    options: &RequestOptions,
    name: &str,
) -> Result<Vec<View>, String> {
    let views = select(past, options, name)?;
    let Some(max_age) = options.max_age else { return Ok(views) };
    let names: Vec<String> = views.iter().map(|view| view.reference.name.clone()).collect();
    let meant: BTreeSet<&String> = names.iter().collect();
    past.refresh(names.clone(), max_age).await;
    // what ended meanwhile is left out; what began meanwhile was not asked for
    let mut views = past.containers();
    views.retain(|view| meant.contains(&view.reference.name));
    Ok(views)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_name_is_not_within() {
        let f = |name, parent, want| assert_eq!(is_within(name, parent), want, "{name} in {parent}");
        f("/foo", "/foo", true);
        f("/foo/bar", "/foo", true);
        f("/foobar", "/foo", false);
        f("/foo", "/foo/bar", false);
        f("/foo", "/", true);
        f("/", "/", true);
    }

    #[test]
    fn a_parent_is_one_level_above() {
        let f = |name, want| assert_eq!(parent(name), want, "{name}");
        f("/", None);
        f("", None);
        f("/a", Some("/"));
        f("/a/b", Some("/a"));
        f("/a/b/c", Some("/a/b"));
    }
}
