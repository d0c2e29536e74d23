//! `/docker/` and `/podman/`: what the runtime tells of itself, and its containers; `/docker/<alias>`: one.

use http::{HeaderMap, Response};
use plimsoll_core::runtime::Status;

use super::html::{Html, bytes};
use super::{container, gone, whole};
use crate::body::Body;
use crate::past::Past;
use crate::{go, names};

/// So many images are listed; more are counted only.
const MOST_IMAGES: usize = 500;

/// Answers with the overview, or with the page of the container that has the alias.
pub async fn answer(
    past: &dyn Past,
    root: &str,
    headers: &HeaderMap,
    namespace: &'static str,
    alias: &str,
) -> Response<Body> {
    let alias = alias.trim_matches('/');
    if alias.is_empty() {
        return overview(past, root, namespace).await;
    }
    match names::by_alias(past, namespace, alias) {
        Ok(view) => container::page(past, root, &view, Some(namespace)).await,
        Err(cause) => {
            let sentence = format!("failed to get container {} with error: {cause}", go::quote(alias));
            gone::answer(past, root, headers, alias, &sentence)
        }
    }
}

async fn overview(past: &dyn Past, root: &str, namespace: &'static str) -> Response<Body> {
    let mut main = Html::default();
    let views = names::of_namespace(past, namespace);
    main.raw("<section><h2>Containers</h2>\n");
    if views.is_empty() {
        main.raw("<p>none</p>\n");
    } else {
        container::list(&mut main, root, &views);
    }
    main.raw("</section>\n");
    let status = if namespace == "docker" { past.docker().await } else { past.podman().await };
    match status {
        Ok(status) => {
            driver(&mut main, &status);
            images(&mut main, &status);
        }
        // the containers are known without the daemon, so the page stays
        Err(cause) => {
            main.raw("<p class=\"gap\">failed to get ")
                .text(namespace)
                .raw(" info: ")
                .text(&cause)
                .raw("</p>\n");
        }
    }
    whole(root, if namespace == "docker" { "Docker containers" } else { "Podman containers" }, main)
}

fn driver(main: &mut Html, status: &Status) {
    main.raw("<section><h2>Driver status</h2>\n<table>\n");
    main.row("Version", &status.version);
    main.row("API version", &status.api_version);
    main.row("Kernel", &status.kernel_version);
    main.row("System", &status.os);
    main.row("Host", &status.hostname);
    main.row("Root directory", &status.root_dir);
    main.row("Images", status.num_images);
    main.row("Containers", status.num_containers);
    main.row("Storage driver", &status.driver);
    for (key, value) in &status.driver_status {
        main.raw("<tr><th scope=\"row\">").text(key).raw("</th>").cell(value).raw("</tr>\n");
    }
    main.raw("</table></section>\n");
}

fn images(main: &mut Html, status: &Status) {
    if status.images.is_empty() {
        return;
    }
    let mut rows: Vec<(&str, &plimsoll_core::runtime::Image)> = status
        .images
        .iter()
        .flat_map(|image| image.tags.iter().map(move |tag| (tag.as_str(), image)))
        .collect();
    rows.sort_unstable_by(|a, b| a.0.cmp(b.0));
    main.raw("<section><h2>Images</h2>\n<div class=\"wide\"><table>\n");
    main.head(&["Repository", "Tag", "Id", "Size", "Created"]).raw("<tbody>\n");
    for (tag, image) in rows.iter().take(MOST_IMAGES) {
        // a colon before the last slash belongs to the registry's port
        let (repository, tag) = match tag.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (*tag, ""),
        };
        let id: String = image.id.chars().take(24).collect();
        main.raw("<tr>").cell(repository).cell(tag).cell(id);
        main.number(bytes(u64::try_from(image.virtual_size).unwrap_or(0)));
        main.cell(image.created.map(|at| at.to_string()).unwrap_or_default()).raw("</tr>\n");
    }
    main.raw("</tbody></table></div>\n");
    if let Some(more) = rows.len().checked_sub(MOST_IMAGES).filter(|more| *more > 0) {
        main.raw("<p>and ").show(more).raw(" more</p>\n");
    }
    main.raw("</section>\n");
}
