//! Against a server on loopback that says what a real one said, and what a broken one may say.

use plimsoll_core::cluster::key::WorkloadKind;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::kube::testing::{Reply, Server, Then, until};

const PODS: &str = "/api/v1/pods";
const WATCH_PODS: &str = "/api/v1/pods watch";
const TOO_OLD: &str = include_str!("../testdata/watch-too-old.jsonl");
const REFUSED: &str = include_str!("../testdata/watch-refused.jsonl");

fn options(resources: &[Resource]) -> WatchOptions {
    WatchOptions {
        resources: resources.to_vec(),
        again: Duration::from_millis(10),
        forbidden: Duration::from_millis(50),
        ..WatchOptions::default()
    }
}

struct Running {
    server: Server,
    objects: Arc<Objects>,
    watch: Watch,
}

impl Running {
    async fn new(script: Vec<(&str, Reply)>, options: &WatchOptions) -> Self {
        let (server, objects) = (Server::script(script).await, Arc::<Objects>::default());
        let watch = Watch::start(&server.connection().await, options, &objects, &Arc::default());
        Self { server, objects, watch }
    }

    async fn pods(script: Vec<(&str, Reply)>) -> Self {
        Self::new(script, &options(&[Resource::Pods])).await
    }

    fn names(&self) -> Vec<String> {
        let known = self.objects.read();
        known.pods.values().flatten().map(|(_, pod)| format!("{}/{}", pod.namespace, pod.name)).collect()
    }

    fn state(&self) -> State {
        self.watch.states().remove(0)
    }

    /// What was asked of a kind, by one word of the query.
    fn asked(&self, watch: bool, word: &str) -> Vec<String> {
        let all = self.server.asked();
        let such = all.iter().filter(|asked| asked.query.contains_key("watch") == watch);
        such.map(|asked| asked.query.get(word).cloned().unwrap_or_default()).collect()
    }
}

fn list(version: &str, names: &[&str]) -> String {
    let items: Vec<_> = names
        .iter()
        .map(|name| format!(r#"{{"metadata":{{"name":"{name}","namespace":"ns","resourceVersion":"1"}}}}"#))
        .collect();
    format!(r#"{{"metadata":{{"resourceVersion":"{version}"}},"items":[{}]}}"#, items.join(","))
}

fn change(kind: &str, version: &str, name: &str) -> String {
    let meta = format!(r#"{{"name":"{name}","namespace":"ns","resourceVersion":"{version}"}}"#);
    format!("{{\"type\":\"{kind}\",\"object\":{{\"metadata\":{meta}}}}}\n")
}

#[tokio::test]
async fn a_real_list_and_a_real_watch_are_followed() {
    let running = Running::pods(vec![
        (PODS, Reply::ok(include_str!("../testdata/pods.json"))),
        (WATCH_PODS, Reply::recorded(include_str!("../testdata/watch-pods.jsonl"), Then::End)),
    ])
    .await;
    running.watch.listed(&[Resource::Pods]).await;
    assert!(running.objects.read().pods_listed);
    until("the watch goes on from the bookmark", || running.asked(true, "resourceVersion").len() == 2).await;
    assert_eq!(running.asked(true, "resourceVersion"), ["1023", "692"]);
    assert_eq!(running.asked(true, "allowWatchBookmarks"), ["true", "true"]);
    let names = running.names();
    // `loose` came and went
    assert!(names.contains(&"shop/exact".to_owned()) && !names.contains(&"default/loose".to_owned()));
    let exact = running.objects.pod("shop", "exact").unwrap();
    assert_eq!(exact.labels.get("color").map(|value| &**value), Some("red"));
    let wanted = State {
        resource: Resource::Pods,
        listed: true,
        fault: None,
        lists: 1,
        changes: 11,
        failures: 0,
        unreadable: 0,
    };
    assert_eq!(running.state(), wanted);
}

#[tokio::test]
async fn changes_are_seen_at_once() {
    let (say, lines) = mpsc::unbounded_channel();
    let running =
        Running::pods(vec![(PODS, Reply::ok(&list("5", &["a"]))), (WATCH_PODS, Reply::Live(lines))]).await;
    running.watch.listed(&Resource::ALL).await;
    say.send(change("ADDED", "6", "b")).unwrap();
    until("b is there", || running.names() == ["ns/a", "ns/b"]).await;
    // a change comes in two parts, and with another
    let (first, second) = (change("DELETED", "7", "a"), change("ADDED", "8", "c"));
    let (front, back) = first.split_at(20);
    say.send(front.to_owned()).unwrap();
    say.send(format!("{back}\n{second}")).unwrap();
    until("a is gone", || running.names() == ["ns/b", "ns/c"]).await;
    drop(say);
    until("it goes on from there", || running.asked(true, "resourceVersion") == ["5", "8"]).await;
}

#[tokio::test]
async fn pages_are_put_together_and_replace_what_was_known_at_once() {
    let (open, gate) = oneshot::channel();
    let last = r#"{"metadata":{"resourceVersion":"1023"},"items":null}"#;
    let old = list("9", &["old"]);
    let pages = [
        include_str!("../testdata/pods-limit-3.json"),
        include_str!("../testdata/pods-limit-3-next.json"),
        last,
    ];
    let running = Running::pods(vec![
        (PODS, Reply::ok(&old)),
        (WATCH_PODS, Reply::recorded(TOO_OLD, Then::End)),
        (PODS, Reply::ok(pages[0])),
        (PODS, Reply::ok(pages[1])),
        (PODS, Reply::After(gate, Box::new(Reply::ok(pages[2])))),
    ])
    .await;
    until("the last page is asked for", || running.asked(false, "continue").len() == 4).await;
    // two pages of the new list are here, and nobody sees them
    assert_eq!(running.names(), ["ns/old"]);
    open.send(()).unwrap();
    until("the new list is there", || running.state().lists == 2).await;
    assert_eq!(running.names().len(), 6);
    assert!(running.objects.pod("ns", "old").is_none());
    let more = |page: &str| {
        let page: serde_json::Value = serde_json::from_str(page).unwrap();
        page["metadata"]["continue"].as_str().unwrap().to_owned()
    };
    let asked = running.asked(false, "continue");
    assert_eq!(asked, [String::new(), String::new(), more(pages[0]), more(pages[1])]);
    assert_eq!(running.asked(false, "limit"), ["500"; 4]);
}

#[tokio::test]
async fn a_page_whose_version_is_forgotten_is_listed_anew() {
    let gone = r#"{"kind":"Status","message":"The provided continue parameter is too old","reason":"Expired","code":410}"#;
    let running = Running::pods(vec![
        (PODS, Reply::ok(include_str!("../testdata/pods-limit-3.json"))),
        (PODS, Reply::Whole(410, gone.to_owned())),
        (PODS, Reply::ok(&list("9", &["a"]))),
    ])
    .await;
    running.watch.listed(&[Resource::Pods]).await;
    assert_eq!((running.names(), running.state().failures), (vec!["ns/a".to_owned()], 1));
}

#[tokio::test]
async fn a_forgotten_version_is_told_in_the_stream_or_before() {
    let status = r#"{"message":"too old resource version: 1 (589)","reason":"Expired","code":410}"#;
    let running = Running::pods(vec![
        (PODS, Reply::ok(&list("1", &["a"]))),
        (WATCH_PODS, Reply::recorded(TOO_OLD, Then::Silence)),
        (PODS, Reply::ok(&list("2", &["b"]))),
        (WATCH_PODS, Reply::Whole(410, status.to_owned())),
        (PODS, Reply::ok(&list("3", &["c"]))),
    ])
    .await;
    until("all was listed three times", || running.names() == ["ns/c"]).await;
    until("and is watched", || running.asked(true, "resourceVersion") == ["1", "2", "3"]).await;
    assert_eq!((running.state().lists, running.state().failures), (3, 0));
}

#[tokio::test]
async fn refused_watches_are_asked_again_and_then_all_is_listed() {
    let mut script = vec![(PODS, Reply::ok(&list("1", &["a"])))];
    script.extend((0..REFUSALS).map(|_| (WATCH_PODS, Reply::recorded(REFUSED, Then::End))));
    script.push((PODS, Reply::ok(&list("2", &["b"]))));
    let running = Running::pods(script).await;
    until("all was listed again", || running.names() == ["ns/b"]).await;
    until("and is watched", || running.asked(true, "resourceVersion").len() == 4).await;
    assert_eq!(running.asked(true, "resourceVersion"), ["1", "1", "1", "2"]);
    let state = running.state();
    assert_eq!(state.failures, 3);
    let error = state.fault.unwrap();
    assert!(error.to_string().contains("RequestWatchProgress is disabled (status 500)"), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_up_at_once_is_not_flooded() {
    let mut script = vec![(PODS, Reply::ok(&list("1", &["a"])))];
    script.extend((0..1000).map(|_| (WATCH_PODS, Reply::Lines(Vec::new(), Then::End))));
    let running = Running::pods(script).await;
    running.watch.listed(&[Resource::Pods]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // 10 ms, 20, 40... with as much as half off
    let asked = running.asked(true, "watch").len();
    assert!((3..=9).contains(&asked), "{asked} watches in a second");
    let fault = running.state().fault.unwrap().to_string();
    assert_eq!(fault, "no answer from the API server: it ended the watch at once");
    assert_eq!(running.names(), ["ns/a"]);
}

#[tokio::test]
async fn a_change_that_was_cut_comes_again() {
    let whole = change("ADDED", "2", "b");
    let cut = change("ADDED", "3", "c")[..30].to_owned();
    let running = Running::pods(vec![
        (PODS, Reply::ok(&list("1", &["a"]))),
        (WATCH_PODS, Reply::Lines(vec![whole, cut], Then::Cut)),
        (WATCH_PODS, Reply::Lines(vec![change("ADDED", "3", "c")], Then::Silence)),
    ])
    .await;
    until("all are there", || running.names() == ["ns/a", "ns/b", "ns/c"]).await;
    assert_eq!(running.asked(true, "resourceVersion"), ["1", "2"]);
    until("the fault is over", || running.state().fault.is_none()).await;
    assert_eq!(running.state().failures, 1);
}

#[tokio::test]
async fn who_has_no_right_waits_and_others_go_on() {
    let forbidden = include_str!("../testdata/forbidden.json");
    let script = vec![
        ("/apis/apps/v1/replicasets", Reply::Whole(403, forbidden.to_owned())),
        ("/apis/apps/v1/replicasets", Reply::Whole(403, forbidden.to_owned())),
        ("/apis/apps/v1/replicasets", Reply::ok(include_str!("../testdata/replicasets.json"))),
        ("/api/v1/nodes", Reply::ok(include_str!("../testdata/nodes.json"))),
    ];
    let mut options = options(&[Resource::ReplicaSets, Resource::Nodes]);
    options.forbidden = Duration::from_millis(300);
    let running = Running::new(script, &options).await;
    until("the refusal is known", || running.state().fault.is_some_and(|fault| fault.is_forbidden())).await;
    running.watch.listed(&[Resource::Nodes]).await;
    assert_eq!(running.objects.read().nodes.len(), 2);
    assert!(!running.state().listed && running.objects.read().owners.is_empty());
    running.watch.listed(&Resource::ALL).await;
    assert_eq!((running.state().failures, running.objects.read().owners.is_empty()), (2, false));
}

#[tokio::test]
async fn other_refusals_are_told_and_the_known_stays() {
    let unauthorized = include_str!("../testdata/wrong-token.json");
    let running = Running::pods(vec![
        (PODS, Reply::ok(&list("1", &["a"]))),
        (WATCH_PODS, Reply::recorded(TOO_OLD, Then::End)),
        (PODS, Reply::Whole(401, unauthorized.to_owned())),
        (PODS, Reply::Whole(500, "etcd is away".to_owned())),
        (PODS, Reply::Whole(503, String::new())),
        (PODS, Reply::ok("{\"metadata\":")),
        (PODS, Reply::ok(r#"{"metadata":{},"items":[]}"#)),
    ])
    .await;
    let mut told = Vec::new();
    until("all were told", || {
        assert!(running.names().is_empty() || running.names() == ["ns/a"]);
        if let Some(fault) = running.state().fault {
            told.push(fault.to_string());
            told.dedup();
        }
        running.state().failures >= 6
    })
    .await;
    assert_eq!(running.names(), ["ns/a"]);
    // some may have been too short to see
    let all = [
        "Unauthorized (status 401)",
        "etcd is away (status 500)",
        "Service Unavailable (status 503)",
        "the API server's answer cannot be read: EOF while parsing a value at line 1 column 12",
        "the API server's answer cannot be read: the list has no metadata.resourceVersion",
        "Not Found (status 404)",
    ];
    assert!(told.len() >= 3 && told.iter().all(|one| all.contains(&one.as_str())), "{told:?}");
}

#[tokio::test]
async fn nobody_there_is_told() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = Server::script(Vec::new()).await;
    let options_of = crate::kube::ApiOptions { server: Some(format!("http://{closed}")), ..server.options() };
    let connection = Connection::new(&options_of, |_| None).await.unwrap();
    let watch = Watch::start(&connection, &options(&[Resource::Nodes]), &Arc::default(), &Arc::default());
    until("it is told", || watch.states()[0].failures > 1).await;
    let fault = watch.states()[0].fault.clone().unwrap().to_string();
    assert!(fault.starts_with("no answer from the API server: ") && fault.contains("refused"), "{fault}");
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_missing_alone() {
    let broken = r#"{"metadata":{"resourceVersion":"4"},"items":[
        {"metadata":{"name":"a","namespace":"ns"},"spec":{"containers":"none"}},
        {"metadata":{"name":"b","namespace":"ns"}}]}"#;
    let line = "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":7,\"resourceVersion\":\"5\"}}}\n";
    let other = "{\"type\":\"NEWS\",\"object\":{\"metadata\":{\"resourceVersion\":\"7\"}}}\n";
    let lines = vec![line.to_owned(), change("ADDED", "6", "c"), "\n".to_owned(), other.to_owned()];
    let running =
        Running::pods(vec![(PODS, Reply::ok(broken)), (WATCH_PODS, Reply::Lines(lines, Then::End))]).await;
    until("c came", || running.names() == ["ns/b", "ns/c"]).await;
    until("the next watch", || running.asked(true, "resourceVersion") == ["4", "7"]).await;
    assert_eq!((running.state().unreadable, running.state().changes), (2, 1));
}

#[tokio::test]
async fn a_line_that_is_no_json_is_told() {
    let lines = vec!["<html>\n".to_owned()];
    let running = Running::pods(vec![
        (PODS, Reply::ok(&list("1", &["a"]))),
        (WATCH_PODS, Reply::Lines(lines, Then::Silence)),
    ])
    .await;
    until("it is watched again", || running.asked(true, "resourceVersion") == ["1", "1"]).await;
    let fault = running.state().fault.unwrap().to_string();
    assert!(fault.starts_with("the API server's answer cannot be read: expected value"), "{fault}");
}

#[tokio::test]
async fn workloads_are_followed_to_the_top() {
    let script = vec![
        (PODS, Reply::ok(include_str!("../testdata/pods.json"))),
        ("/api/v1/nodes", Reply::ok(include_str!("../testdata/nodes.json"))),
        ("/api/v1/namespaces", Reply::ok(include_str!("../testdata/namespaces.json"))),
        ("/apis/apps/v1/replicasets", Reply::ok(include_str!("../testdata/replicasets.json"))),
        ("/apis/batch/v1/jobs", Reply::ok(include_str!("../testdata/jobs.json"))),
    ];
    let running = Running::new(script, &options(&Resource::ALL)).await;
    running.watch.listed(&Resource::ALL).await;
    let known = running.objects.read();
    let web = known.pods["shop"].values().find(|pod| pod.name.starts_with("web-")).unwrap();
    let above: Vec<_> = known.workloads_of(web).into_iter().map(|owner| owner.kind).collect();
    assert_eq!(above, [WorkloadKind::ReplicaSet, WorkloadKind::Deployment]);
    assert_eq!(known.namespaces["shop"].uid.len(), 36);
    drop(known);
    let all = running.server.asked();
    let accepted =
        |path: &str| all.iter().find(|asked| asked.path == path).unwrap().headers["accept"].clone();
    assert!(accepted("/apis/batch/v1/jobs").starts_with("application/json;as=PartialObjectMetadataList;"));
    assert_eq!(accepted(PODS), "application/json");
}

#[tokio::test]
async fn selectors_go_with_lists_and_watches() {
    let script = vec![
        (PODS, Reply::ok(&list("1", &["a"]))),
        ("/api/v1/nodes", Reply::ok(include_str!("../testdata/nodes.json"))),
    ];
    let options = WatchOptions {
        node_selector: Some("zone in (a,b)".to_owned()),
        pod_phase: Some("Running".to_owned()),
        ..options(&[Resource::Pods, Resource::Nodes])
    };
    let running = Running::new(script, &options).await;
    until("both are watched", || running.asked(true, "watch").len() == 2).await;
    for asked in running.server.asked() {
        let (key, value) = match asked.path.as_str() {
            PODS => ("fieldSelector", "status.phase=Running"),
            _ => ("labelSelector", "zone in (a,b)"),
        };
        assert_eq!(asked.query.get(key).map(String::as_str), Some(value), "{asked:?}");
    }
}

#[tokio::test]
async fn watches_end_with_their_owner() {
    let running = Running::pods(vec![(PODS, Reply::Whole(500, String::new()))]).await;
    until("it is asked", || !running.server.asked().is_empty()).await;
    let Running { server, watch, .. } = running;
    drop(watch);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let asked = server.asked().len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.asked().len(), asked);
}
