//! `/containers/<name>`: one container (the machine, for the root) and what it uses now.

use http::{HeaderMap, Response};
use plimsoll_core::container::Spec;

use super::html::{Html, bytes};
use super::{gone, processes, usage, whole};
use crate::body::Body;
use crate::past::{Past, View};
use crate::{go, names};

/// So many children are listed; more are counted only.
const MOST_CHILDREN: usize = 1000;
/// From here on a limit is none: v1 writes the largest page-aligned number.
const UNLIMITED: u64 = 1 << 62;

/// Answers with the page of a cgroup name.
pub async fn answer(past: &dyn Past, root: &str, headers: &HeaderMap, name: &str) -> Response<Body> {
    let name = go::clean(name);
    match names::by_name(past, &name) {
        Ok(view) => page(past, root, &view, None).await,
        Err(cause) => {
            let sentence = format!("failed to get container {} with error: {cause}", go::quote(&name));
            gone::answer(past, root, headers, &name, &sentence)
        }
    }
}

/// The page of a container; under a runtime's overview if it was reached from there.
pub async fn page(past: &dyn Past, root: &str, view: &View, runtime: Option<&str>) -> Response<Body> {
    let name = view.reference.name.as_str();
    let mut main = Html::default();
    breadcrumb(&mut main, root, name, runtime);
    if name == "/" {
        machine(&mut main, past);
    }
    if runtime.is_none() {
        children(&mut main, past, root, name);
    }
    isolation(&mut main, &view.spec);
    identity(&mut main, view);
    usage::section(&mut main, past, view);
    processes::section(&mut main, past, root, name).await;
    whole(root, &display_name(view), main)
}

fn breadcrumb(main: &mut Html, root: &str, name: &str, runtime: Option<&str>) {
    main.raw("<p class=\"path\">");
    match runtime {
        Some(runtime) => {
            main.link(root, &format!("{runtime}/"), runtime);
        }
        None => {
            main.link(root, "containers/", "root");
            let mut path = String::from("containers");
            for part in name.split('/').filter(|part| !part.is_empty()) {
                path.push('/');
                path.push_str(part);
                main.raw(" / ").link(root, &path, part);
            }
        }
    }
    main.raw("</p>\n");
}

fn machine(main: &mut Html, past: &dyn Past) {
    let (machine, versions) = (past.machine(), past.versions());
    main.raw("<section><h2>Machine</h2>\n<table>\n");
    main.row("Cores", machine.num_cores);
    main.row("Physical cores", machine.num_physical_cores);
    main.row("Sockets", machine.num_sockets);
    main.row("Memory", bytes(machine.memory_capacity));
    main.row("Swap", bytes(machine.swap_capacity));
    main.row("Kernel", &versions.kernel);
    main.row("System", &versions.os);
    main.row("Version", &versions.cadvisor);
    main.raw("</table></section>\n");
}

fn children(main: &mut Html, past: &dyn Past, root: &str, name: &str) {
    let mut below = past.containers();
    below.retain(|other| names::parent(&other.reference.name) == Some(name));
    if below.is_empty() {
        return;
    }
    main.raw("<section><h2>Subcontainers</h2>\n");
    list(main, root, &below);
    main.raw("</section>\n");
}

/// Containers with links to their pages and what memory they need.
pub fn list(main: &mut Html, root: &str, views: &[View]) {
    main.raw("<div class=\"wide\"><table>\n").head(&["Name", "Image", "Working set"]).raw("<tbody>\n");
    for view in views.iter().take(MOST_CHILDREN) {
        let path = format!("containers{}", view.reference.name);
        main.raw("<tr><td>").link(root, &path, &display_name(view)).raw("</td>").cell(&view.spec.image);
        let memory = view.latest.as_ref().and_then(|sample| sample.memory.as_ref()?.working_set);
        main.number(memory.map_or_else(|| "-".to_owned(), bytes)).raw("</tr>\n");
    }
    main.raw("</tbody></table></div>\n");
    if let Some(more) = views.len().checked_sub(MOST_CHILDREN).filter(|more| *more > 0) {
        main.raw("<p>and ").show(more).raw(" more</p>\n");
    }
}

fn isolation(main: &mut Html, spec: &Spec) {
    if !spec.has_cpu && !spec.has_memory {
        return;
    }
    main.raw("<section><h2>Isolation</h2>\n<table>\n");
    if spec.has_cpu {
        main.row("CPU shares", spec.cpu.limit);
        if spec.cpu.quota > 0 && spec.cpu.period > 0 {
            main.row(
                "CPU limit",
                format_args!("{:.2} cores", spec.cpu.quota as f64 / spec.cpu.period as f64),
            );
        }
        if !spec.cpu.mask.is_empty() {
            main.row("Allowed cores", &spec.cpu.mask);
        }
    }
    if spec.has_memory {
        let memory = &spec.memory;
        for (what, limit) in [
            ("Memory reservation", memory.reservation),
            ("Memory limit", memory.limit),
            ("Swap limit", memory.swap_limit),
        ] {
            match limit {
                0 => {}
                UNLIMITED.. => {
                    main.row(what, "unlimited");
                }
                limit => {
                    main.row(what, bytes(limit));
                }
            }
        }
    }
    if spec.has_processes && (1..UNLIMITED).contains(&spec.processes.limit) {
        main.row("Process limit", spec.processes.limit);
    }
    main.raw("</table></section>\n");
}

fn identity(main: &mut Html, view: &View) {
    let (identity, spec) = (&view.identity, &view.spec);
    main.raw("<section><h2>Identity</h2>\n<table>\n");
    main.row("Cgroup", &view.reference.name);
    for (what, value) in [
        ("Runtime", view.reference.namespace.as_str()),
        ("Id", view.reference.id.as_str()),
        ("Image", spec.image.as_str()),
        ("Health", identity.health.as_deref().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            main.row(what, value);
        }
    }
    for (what, at) in [("Created", spec.creation_time), ("Started", spec.start_time)] {
        if let Some(at) = at {
            main.row(what, at);
        }
    }
    if identity.restart_count > 0 {
        main.row("Restarts", identity.restart_count);
    }
    if view.oom_events > 0 {
        main.row("Killed for want of memory", view.oom_events);
    }
    main.raw("</table>\n");
    for (what, map) in [("Labels", &spec.labels), ("Environment", &spec.envs)] {
        if map.is_empty() {
            continue;
        }
        main.raw("<details><summary>").raw(what).raw("</summary><div class=\"wide\"><table>\n");
        for (key, value) in map {
            main.raw("<tr><th scope=\"row\">").text(key).raw("</th>").cell(value).raw("</tr>\n");
        }
        main.raw("</table></div></details>\n");
    }
    main.raw("</section>\n");
}

/// The shortest alias that the cgroup's name does not already show, cut short, then the cgroup's name.
pub fn display_name(view: &View) -> String {
    let name = &view.reference.name;
    let told = view.reference.aliases.iter().filter(|alias| !name.contains(alias.as_str()));
    // of equal ones the later, as cAdvisor: `min_by_key` takes the first, so walk backwards
    match told.rev().min_by_key(|alias| alias.len()) {
        Some(alias) if alias.chars().count() > 50 => {
            format!("{}... ({name})", alias.chars().take(50).collect::<String>())
        }
        Some(alias) => format!("{alias} ({name})"),
        None => name.clone(),
    }
}
