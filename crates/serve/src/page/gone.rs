//! `/containers/<name>`, `/docker/<alias>` of what is not here: to a browser a page with what is known of its end (and
//! with the script, whose view of it lives on); to a program the sentence that cAdvisor answers.

use http::header::ACCEPT;
use http::{HeaderMap, Response, StatusCode};

use super::container::display_name;
use super::html::{Html, bytes};
use super::whole;
use crate::body::Body;
use crate::own::ended::view;
use crate::past::{EndedContainer, Past};
use crate::reply;

/// Longer than the kernel lets a path be, so nobody's name: it gets no page, whose links go up as often as the name
/// has parts.
const LONGEST: usize = 4096;

/// Answers 404. `name` is a cgroup's, or a container's alias.
pub fn answer(
    past: &dyn Past,
    root: &str,
    headers: &HeaderMap,
    name: &str,
    sentence: &str,
) -> Response<Body> {
    let reads_pages = headers.get_all(ACCEPT).iter().any(|value| {
        value.to_str().is_ok_and(|text| text.split(',').any(|kind| kind.trim().starts_with("text/html")))
    });
    if !reads_pages || name.len() > LONGEST {
        return reply::error(StatusCode::NOT_FOUND, sentence);
    }
    let ended = past.ended();
    let bare = name.trim_matches('/');
    let mut lives = ended.iter().rev().filter(|ended| {
        ended.reference.name == name || ended.reference.aliases.iter().any(|alias| alias == bare)
    });
    let mut main = Html::default();
    let newest = lives.next();
    match newest {
        Some(ended) => one(&mut main, ended),
        None => drop(main.raw("<p>").text(sentence).raw("</p>\n")),
    }
    let before = lives.count();
    if before > 0 {
        main.raw("<p>and ").show(before).raw(" of the same name before</p>\n");
    }
    main.raw("<p>").link(root, "containers/", "All that is running").raw("</p>\n");
    let title = newest.map_or_else(|| name.to_owned(), |ended| display_name(&view(ended)));
    let mut page = whole(root, &title, main);
    *page.status_mut() = StatusCode::NOT_FOUND;
    page
}

fn one(main: &mut Html, ended: &EndedContainer) {
    main.raw("<section><h2>It has ended</h2>\n<table>\n");
    main.row("Ended", ended.ended);
    if let Some(code) = ended.exit_code {
        main.row("Exit code", code);
    }
    if ended.oom_killed || ended.oom_events > 0 {
        main.row("Killed for want of memory", ended.oom_events.max(1));
    }
    main.row("Cgroup", &ended.reference.name);
    if !ended.spec.image.is_empty() {
        main.row("Image", &ended.spec.image);
    }
    if let Some(created) = ended.spec.creation_time {
        main.row("Created", created);
    }
    if let Some(sample) = &ended.last {
        if let Some(nanos) = sample.cpu.as_ref().and_then(|cpu| cpu.usage.total) {
            main.row("CPU time in all", format_args!("{:.3} s", nanos as f64 / 1e9));
        }
        let memory = sample.memory.as_ref();
        if let Some(most) = memory.and_then(|memory| memory.max_usage) {
            main.row("Most memory", bytes(most));
        }
    }
    main.raw("</table></section>\n");
}
