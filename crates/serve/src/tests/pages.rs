//! The pages: whole, harmless whatever a container calls itself, and at home under any prefix.

use std::sync::Arc;

use http::Request;
use http_body_util::{BodyExt as _, Full};
use plimsoll_core::container::{Identity, Reference, Spec};
use plimsoll_core::time::Timestamp;

use super::{app, get, raw, respond};
use crate::app::{App, Options, Protect};
use crate::auth::Guard;
use crate::fake::{Fake, samples};
use crate::page::script::SCRIPT;
use crate::past::EndedContainer;

const EVIL: &str = "\"><script>alert('1')</script><img src=x onerror=alert(2)>";

async fn browse(app: &App, uri: &str) -> super::Answer {
    let request = Request::get(uri).header("accept", "text/html,application/xml;q=0.9,*/*;q=0.8");
    let (parts, body) = app.answer(request.body(Full::<bytes::Bytes>::default()).unwrap()).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    super::Answer { status: parts.status, headers: parts.headers, body }
}

#[tokio::test]
async fn what_has_ended_has_a_page_for_browsers() {
    let mut host = Fake::host();
    let (view, _) =
        &host.containers["/docker/48f993e4c45a0c77b936426b26a02d6bf5e5fabeab65c15967f32026b2c8ee3e"];
    let reference = Reference {
        name: "/docker/over".to_owned(),
        aliases: vec!["job".to_owned()],
        ..Reference::default()
    };
    host.ended = vec![EndedContainer {
        reference: Arc::new(reference),
        identity: Arc::default(),
        spec: Arc::new(Spec { image: EVIL.to_owned(), ..Spec::default() }),
        ended: Timestamp::parse("2026-11-21T10:48:00Z").unwrap().unwrap(),
        exit_code: Some(137),
        oom_killed: true,
        oom_events: 1,
        last: view.latest.clone(),
    }];
    let app = app(host);
    for uri in ["/containers/docker/over", "/docker/job"] {
        let page = browse(&app, uri).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (404, "text/html; charset=utf-8"),
            "{uri}"
        );
        let text = page.text();
        for part in ["It has ended", "137", "2026-11-21T10:48:00Z", "CPU time in all", "job (/docker/over)"] {
            assert!(text.contains(part), "{uri}: {part} in {text}");
        }
        assert!(!text.contains("<img"), "{text}");
        // a program is told what cAdvisor tells
        assert!(get(&app, uri).await.text().starts_with("failed to get container "));
    }
    let page = browse(&app, "/containers/none").await;
    assert!(page.text().contains("unknown container"), "{}", page.text());
}

/// A host on which everything that somebody else chose is hostile.
fn hostile() -> Fake {
    let mut host = Fake::host();
    let mut spec = Spec { image: EVIL.to_owned(), has_memory: true, has_cpu: true, ..Spec::default() };
    spec.labels.insert(EVIL.to_owned(), EVIL.to_owned());
    spec.envs.insert(EVIL.to_owned(), EVIL.to_owned());
    spec.cpu.mask = EVIL.to_owned();
    let mut all = samples(1, Some(EVIL));
    for sample in &mut all {
        sample.filesystem[0].device = EVIL.to_owned();
        sample.filesystem[0].r#type = EVIL.to_owned();
    }
    let reference = Reference {
        id: EVIL.to_owned(),
        name: format!("/{EVIL}"),
        aliases: vec!["evil".to_owned(), format!("x{EVIL}")],
        namespace: "docker".to_owned(),
    };
    let name = reference.name.clone();
    host.add(reference, spec, all);
    let (view, _) = host.containers.get_mut(&name).unwrap();
    view.identity = Arc::new(Identity { health: Some(EVIL.to_owned()), ..Identity::default() });
    for process in host.processes.iter_mut().flatten() {
        process.cmd = EVIL.to_owned();
        process.user = EVIL.to_owned();
        process.cgroup_path = format!("/{EVIL}");
    }
    let docker = host.docker.as_mut().unwrap();
    docker.driver_status.push((EVIL.to_owned(), EVIL.to_owned()));
    docker.images[0].tags.push(EVIL.to_owned());
    docker.hostname = EVIL.to_owned();
    host
}

#[tokio::test]
async fn hostile_names_are_only_text() {
    let app = app(hostile());
    for uri in ["/containers/", "/docker/", "/docker/evil"] {
        let answer = get(&app, uri).await;
        assert_eq!(answer.status, 200, "{uri}");
        let page = answer.text();
        assert!(page.contains("&lt;script&gt;"), "{uri} shows the name");
        assert!(!page.contains("<script") && !page.contains("<img"), "{uri}");
        for tag in page.split('<').skip(1) {
            let inside = tag.split('>').next().unwrap();
            assert!(!inside.contains("onerror=") && !inside.contains("alert("), "{uri}: <{inside}>");
        }
    }
    let mut silent = hostile();
    silent.docker = Err(EVIL.to_owned());
    silent.processes = Err(EVIL.to_owned());
    let app = self::app(silent);
    for uri in ["/containers/", "/docker/"] {
        assert!(!get(&app, uri).await.text().contains("<script"), "{uri}");
    }
}

#[tokio::test]
async fn the_browser_may_load_our_stylesheet_alone() {
    let app = app(Fake::host());
    let answer = get(&app, "/containers/").await;
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.header("content-security-policy").starts_with("default-src 'none'; style-src 'self';"));
    assert!(!answer.text().contains("http"), "no other host");
    assert!(!answer.text().contains("style="), "nothing that the policy would refuse");
    let style = get(&app, "/static/plimsoll.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.text().contains("prefers-color-scheme: dark"));
}

#[tokio::test]
async fn the_script_is_small_and_ours_or_not_there_at_all() {
    let options = Options { url_base_prefix: "/a/b".to_owned(), ..Options::default() };
    let app = App::new(Arc::new(Fake::host()), options);
    let page = raw(&app, "GET", "/a/b/containers/docker", "").await;
    let Some(script) = SCRIPT else {
        assert!(
            !page.text().contains("<script") && !page.header("content-security-policy").contains("script")
        );
        assert_eq!(get(&app, "/a/b/static/page.js").await.status, 404);
        return;
    };
    let policy = page.header("content-security-policy");
    assert!(policy.contains("script-src 'self';") && policy.contains("require-trusted-types-for 'script'"));
    assert!(!policy.contains("unsafe"));
    let address = format!("static/page.js?v={}", script.version);
    assert!(page.text().contains(&format!("<script src=\"../{address}\"></script>")));
    let answer = raw(&app, "GET", &format!("/a/b/{address}"), "").await;
    assert_eq!(answer.header("content-type"), "text/javascript; charset=utf-8");
    assert!(answer.header("cache-control").ends_with("immutable"));
    for elsewhere in answer.text().split("://").skip(1) {
        assert!(elsewhere.starts_with("www.w3.org/"), "another host: {}", &elsewhere[..20]);
    }
    let old = raw(&app, "GET", "/a/b/static/page.js?v=other", "").await;
    assert_eq!(old.header("cache-control"), "no-cache");
    let request = http::Request::get(format!("/a/b/{address}")).header("accept-encoding", "br, gzip");
    let answer = app.answer(request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap()).await;
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert!(script.gzip.len() < 150_000, "{} bytes are too many", script.gzip.len());
}

#[tokio::test]
async fn the_icon_is_there() {
    let answer = respond(&app(Fake::host()), "GET", "/static/plimsoll.svg", "").await;
    assert_eq!(answer.headers()["content-type"], "image/svg+xml");
}

#[tokio::test]
async fn links_lead_somewhere_behind_a_prefix() {
    let options = Options { url_base_prefix: "/a/b".to_owned(), ..Options::default() };
    let app = App::new(Arc::new(Fake::host()), options);
    for page in [
        "/a/b/containers/",
        "/a/b/containers/docker",
        "/a/b/docker/",
        "/a/b/docker/fx-web",
        "/a/b/containers/docker/",
    ] {
        let answer = get(&app, page).await;
        assert_eq!(answer.status, 200, "{page}");
        let directory = &page[..=page.rfind('/').unwrap()];
        for link in answer.text().split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let target = crate::go::clean(&format!("{directory}{link}"));
            let slash = if link.ends_with('/') { "/" } else { "" };
            let found = get(&app, &format!("{target}{slash}")).await;
            assert_eq!(found.status, 200, "{page} links to {link}: {target}{slash}");
        }
    }
}

#[tokio::test]
async fn numbers_are_shown() {
    let app = app(Fake::host());
    let page = get(&app, "/docker/fx-web").await.text().to_owned();
    for shown in
        ["fx-web (/docker/48f993", "0.200 of 2 cores", "10.7 MiB of 128.0 MiB", "busybox:local", "eth0"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(page.find("spin").unwrap() < page.find(">busybox<").unwrap(), "the busiest process first");
}

#[tokio::test]
async fn a_silent_docker_leaves_its_containers() {
    let mut host = Fake::host();
    host.docker = Err("it does not answer".to_owned());
    let answer = get(&app(host), "/docker/").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("fx-web") && answer.text().contains("it does not answer"));
}

#[tokio::test]
async fn a_guard_keeps_the_pages_and_all_if_asked() {
    let guarded = |all| {
        // a file of users that is not there lets nobody in
        let guard = Guard::basic("/nonexistent/users".into(), "localhost".to_owned());
        let protect = Protect { guard: Some(guard), all };
        App::new(Arc::new(Fake::host()), Options { protect, ..Options::default() })
    };
    for (uri, open) in [
        ("/containers/", 401),
        ("/docker/fx-web", 401),
        ("/podman/", 401),
        ("/static/plimsoll.css", 401),
        ("/api/v1.3/machine", 200),
        ("/metrics", 200),
        ("/healthz", 200),
        ("/validate/", 200),
        ("/", 307),
    ] {
        assert_eq!(get(&guarded(false), uri).await.status, open, "{uri}");
        let with_all = if uri == "/healthz" { 200 } else { 401 };
        assert_eq!(get(&guarded(true), uri).await.status, with_all, "{uri}");
    }
}

#[tokio::test]
async fn without_a_guard_everything_is_open() {
    let options = Options { protect: Protect { guard: None, all: true }, ..Options::default() };
    let app = App::new(Arc::new(Fake::host()), options);
    assert_eq!(get(&app, "/api/v1.3/machine").await.status, 200);
}
