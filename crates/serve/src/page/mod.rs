//! Pages for people: plain HTML made here, without a request to any other host; where scripts run, [`script`] takes
//! over and shows the same place as a view that lives.
//!
//! Everything that a container controls (names, labels, commands) goes through [`html`], which escapes it.

pub mod chart;
pub mod container;
pub mod gone;
pub mod html;
pub mod processes;
pub mod runtime;
pub mod script;
pub mod usage;

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Response, StatusCode};

use self::html::Html;
use self::script::SCRIPT;
use crate::body::{Body, full};
use crate::query::Query;
use crate::{go, reply};

const STYLESHEET: &str = include_str!("plimsoll.css");
/// The load-line mark.
const ICON: &str = include_str!("plimsoll.svg");
/// The browser loads our stylesheet and icon and nothing else, runs nothing, sends nothing.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
/// The same with our script, which asks this host alone and cannot make markup or code out of text.
const SCRIPTED: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; \
                        connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                        require-trusted-types-for 'script'; trusted-types 'none'";

/// `/static/<name>`: the stylesheet, the icon, the script.
pub fn asset(name: &str, query: Query<'_>, headers: &HeaderMap) -> Response<Body> {
    let found = match (name, SCRIPT) {
        ("page.js", Some(script)) => return script::answer(&script, query, headers),
        ("plimsoll.css", _) => Some(("text/css; charset=utf-8", STYLESHEET)),
        ("plimsoll.svg", _) => Some(("image/svg+xml", ICON)),
        _ => None,
    };
    if let Some((kind, text)) = found {
        let mut answer = reply::with_type(StatusCode::OK, kind, full(text));
        answer.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        return answer;
    }
    let sentence = format!("unknown static resource {}", go::quote(&format!("/static/{name}")));
    reply::error(StatusCode::NOT_FOUND, &sentence)
}

/// A whole page around its main part. `root` leads from the page to the prefix: `../`, `../../`, ...
fn whole(root: &str, title: &str, main: Html) -> Response<Body> {
    let mut page = Html::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<title>Plimsoll - ").text(title).raw("</title>\n<link rel=\"stylesheet\" href=\"");
    page.text(root).raw("static/plimsoll.css\">\n<link rel=\"icon\" href=\"");
    page.text(root).raw("static/plimsoll.svg\">\n");
    script::element(&mut page, root);
    page.raw("</head>\n<body>\n<header><nav>");
    page.link(root, "containers/", "Plimsoll").raw(" ");
    page.link(root, "docker/", "Docker").raw(" ");
    page.link(root, "podman/", "Podman").raw(" ");
    page.link(root, "validate/", "Validate").raw("</nav></header>\n<main>\n<h1>");
    page.text(title).raw("</h1>\n").append(main).raw("</main>\n</body>\n</html>\n");
    let mut answer = reply::with_type(StatusCode::OK, reply::HTML, full(page.into_string()));
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(if SCRIPT.is_some() { SCRIPTED } else { POLICY }),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
