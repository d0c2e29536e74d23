use std::sync::atomic::{AtomicBool, Ordering};

use plimsoll_core::cluster::names::Names;
use plimsoll_core::time::Timestamp;

use super::*;
use crate::kube::Token;
use crate::testing::{FakeNode, Reply};

const RESOURCE: &str = "node_cpu_usage_seconds_total 1\n";
const SUMMARY: &str = r#"{"node":{"cpu":{"usageCoreNanoSeconds":2}}}"#;
const WITHIN: Duration = Duration::from_secs(20);

struct Desk {
    asker: Asker,
    target: Target,
    names: Names,
    learned: Learned,
}

impl Desk {
    fn of(node: &FakeNode) -> Self {
        let access = NodeAccess { body: 10_000, ..NodeAccess::heapster() };
        Self {
            asker: Asker::new(access).unwrap(),
            target: Target { node: Arc::default(), authority: Ok(format!("127.0.0.1:{}", node.port)) },
            names: Names::default(),
            learned: Learned::default(),
        }
    }

    async fn ask(&mut self, choice: &Choice) -> Result<Told, Fault> {
        self.ask_within(choice, WITHIN).await
    }

    async fn ask_within(&mut self, choice: &Choice, within: Duration) -> Result<Told, Fault> {
        let node = Arc::clone(&self.target.node);
        let reading = Reading { node: &node, names: &self.names, at: Timestamp::from_secs(1000) };
        self.asker.ask(&self.target, choice, &mut self.learned, None, &reading, within).await
    }
}

fn text(body: &str) -> Reply {
    Reply::Text(200, body.to_owned())
}

#[tokio::test]
async fn the_first_question_that_is_answered_is_remembered() {
    let node = FakeNode::new(|asked| match asked {
        "GET /metrics/resource" => Reply::Text(403, "Forbidden (user=x)\nmore".to_owned()),
        "GET /stats/summary" => text(SUMMARY),
        _ => Reply::Text(404, String::new()),
    })
    .await;
    let mut desk = Desk::of(&node);
    let choice = Choice::cpu_and_memory();
    for asked in [vec!["GET /metrics/resource", "GET /stats/summary"], vec!["GET /stats/summary"]] {
        let told = desk.ask(&choice).await.unwrap();
        assert_eq!((told.route, told.sets.len(), told.bytes), (Route::Summary, 1, SUMMARY.len()));
        assert_eq!(node.asked(), asked);
    }
    // after a while the better one is tried again
    desk.learned.place.as_mut().unwrap().1 -= AGAIN;
    desk.ask(&choice).await.unwrap();
    assert_eq!(node.asked(), ["GET /metrics/resource", "GET /stats/summary"]);
}

#[tokio::test]
async fn what_is_no_more_answered_is_looked_for_from_the_start() {
    static UPGRADED: AtomicBool = AtomicBool::new(false);
    let node = FakeNode::new(|asked| match (asked, UPGRADED.load(Ordering::Relaxed)) {
        ("GET /stats/summary", false) => text(SUMMARY),
        ("GET /metrics/resource", true) => text(RESOURCE),
        _ => Reply::Text(404, "404 page not found\n".to_owned()),
    })
    .await;
    let mut desk = Desk::of(&node);
    let choice = Choice::cpu_and_memory();
    assert_eq!(desk.ask(&choice).await.unwrap().route, Route::Summary);
    UPGRADED.store(true, Ordering::Relaxed);
    assert_eq!(desk.ask(&choice).await.unwrap().route, Route::Resource);
    let asked = node.asked();
    assert_eq!(
        asked[2..],
        ["GET /stats/summary", "POST /stats/container/", "GET /metrics/cadvisor", "GET /metrics/resource"]
    );
    assert!(desk.learned.place.is_none());
}

#[tokio::test]
async fn who_cannot_be_reached_may_come_back_as_another() {
    let node = FakeNode::new(|_| Reply::HangUp).await;
    let mut desk = Desk::of(&node);
    desk.learned.answered(1);
    let error = desk.ask(&Choice::cpu_and_memory()).await.unwrap_err();
    assert_eq!((error.kind(), node.asked()), ("unreachable", vec!["GET /stats/summary".to_owned()]));
    assert_eq!(desk.learned.first(), 0);
}

#[tokio::test]
async fn refusals_are_told_with_the_nodes_words() {
    let f = async |status: u16, body: &'static str, choice: Choice, wanted: &str, questions: usize| {
        let node = FakeNode::new(move |_| Reply::Text(status, body.to_owned())).await;
        let error = Desk::of(&node).ask(&choice).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), node.asked().len()), (wanted, questions));
        assert_eq!(error.kind(), "refused");
    };
    let all = Choice::cpu_and_memory;
    f(403, "Forbidden (user=x)\n", all(), "GET /metrics/resource: 403 Forbidden: Forbidden (user=x)", 4)
        .await;
    f(401, "Unauthorized", all(), "GET /metrics/resource: 401 Unauthorized: Unauthorized", 1).await;
    f(
        500,
        "Internal Error: x",
        all(),
        "GET /metrics/resource: 500 Internal Server Error: Internal Error: x",
        1,
    )
    .await;
    f(307, "", all(), "GET /metrics/resource: 307 Temporary Redirect", 4).await;
    f(404, "", Choice::only(Route::Container), "POST /stats/container/: 404 Not Found", 1).await;
}

#[tokio::test]
async fn strange_answers_are_told_apart() {
    let f = async |reply: Reply, kind: &str, wanted: &str| {
        let node = FakeNode::new(move |_| reply.clone()).await;
        let begin = Instant::now();
        let within = Duration::from_millis(if kind == "late" { 300 } else { 20_000 });
        let error = Desk::of(&node).ask_within(&Route::Resource.into(), within).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(wanted), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(10));
    };
    f(
        text("<html>"),
        "unreadable",
        r#"GET /metrics/resource: expected the kubelet's resource metrics, got "<html>""#,
    )
    .await;
    f(text("scrape_error 1\n"), "unreadable", "could not read its own numbers").await;
    f(Reply::With("content-encoding: gzip\r\n", "x".to_owned()), "unreadable", "without Content-Encoding")
        .await;
    f(text(&"x".repeat(10_001)), "large", "GET /metrics/resource: the answer is larger than 10000 bytes")
        .await;
    f(Reply::Huge, "large", "larger than 10000 bytes").await;
    f(Reply::Silence, "late", "no answer within 300ms").await;
    f(Reply::Trickle, "late", "no answer within").await;
    f(Reply::Garbage, "unreachable", "").await;
    f(Reply::HangUp, "unreachable", "").await;
}

#[tokio::test]
async fn another_sort_of_answer_moves_on_too() {
    let node =
        FakeNode::new(|asked| text(if asked == "GET /stats/summary" { SUMMARY } else { "<html>" })).await;
    let told = Desk::of(&node).ask(&Choice::cpu_and_memory()).await.unwrap();
    assert_eq!(told.route, Route::Summary);
}

/// The node's time, by both questions: of a summary that tells seconds.
async fn told_at(resource: fn() -> Reply, choice: &str, within: Duration) -> (FakeNode, Desk, Told) {
    const CUT: &str = r#"{"node":{"cpu":{"time":"1970-01-01T00:16:39Z","usageCoreNanoSeconds":2}}}"#;
    let node = FakeNode::new(move |asked| match asked {
        "GET /stats/summary" => text(CUT),
        "GET /metrics/resource" => resource(),
        _ => Reply::Text(404, String::new()),
    })
    .await;
    let mut desk = Desk::of(&node);
    let told = desk.ask_within(&choice.parse().unwrap(), within).await.unwrap();
    assert_eq!((told.route, told.sets.len()), (Route::Summary, 1));
    (node, desk, told)
}

fn millis(told: &Told) -> i64 {
    told.sets[0].scraped.unwrap().nanos() / 1_000_000
}

#[tokio::test]
async fn a_summary_gets_its_times_from_where_they_are_finer() {
    let fine = || text("node_cpu_usage_seconds_total 7 999742\n");
    let both = ["GET /stats/summary", "GET /metrics/resource"];
    let (node, mut desk, told) = told_at(fine, "summary,resource", WITHIN).await;
    assert_eq!((millis(&told), node.asked()), (999_742, both.map(str::to_owned).to_vec()));
    assert_eq!(told.sets[0].values.int(plimsoll_core::cluster::metric::Metric::CpuUsage), Some(2));
    desk.ask(&"summary,resource".parse().unwrap()).await.unwrap();
    assert_eq!(node.asked(), both);
    // who wants the summary alone gets that alone
    let (node, _, told) = told_at(fine, "summary", WITHIN).await;
    assert_eq!((millis(&told), node.asked()), (999_000, vec![both[0].to_owned()]));
    // another sample's time is not this one's
    let (_, _, told) =
        told_at(|| text("node_cpu_usage_seconds_total 7 1000742\n"), "summary,resource", WITHIN).await;
    assert_eq!(millis(&told), 999_000);
}

#[tokio::test]
async fn a_summary_stands_where_finer_times_are_not_to_be_had() {
    let refused = || Reply::Text(403, "no".to_owned());
    let (garbage, silent) = (|| text("<html>"), || Reply::Silence);
    for (reply, within) in
        [(refused as fn() -> Reply, WITHIN), (garbage, WITHIN), (silent, Duration::from_secs(2))]
    {
        let choice = Choice::of_kubelet();
        let (node, mut desk, told) = told_at(reply, &choice.to_string(), within).await;
        assert_eq!((millis(&told), node.asked().len()), (999_000, 2));
        // and is not asked for them each time
        desk.ask(&choice).await.unwrap();
        assert_eq!(node.asked(), ["GET /stats/summary"]);
        *desk.learned.coarse.as_mut().unwrap() -= AGAIN;
        desk.ask_within(&choice, within).await.unwrap();
        assert_eq!(node.asked().len(), 2);
    }
}

#[tokio::test]
async fn requests_say_who_asks_and_what_is_understood() {
    let node = FakeNode::new(|_| text(RESOURCE)).await;
    let mut desk = Desk::of(&node);
    assert!(desk.asker.shown(Duration::from_secs(5)).await.is_none());
    let (_, bearer) = plimsoll_client::bearer("secret").unwrap();
    desk.asker = Asker::new(NodeAccess { token: Token::fixed(bearer), ..NodeAccess::heapster() }).unwrap();
    let header = desk.asker.shown(Duration::from_secs(5)).await;
    let of = Arc::clone(&desk.target.node);
    let reading = Reading { node: &of, names: &desk.names, at: Timestamp::from_secs(1000) };
    let choice = Route::Resource.into();
    desk.asker
        .ask(&desk.target, &choice, &mut desk.learned, header.as_ref(), &reading, WITHIN)
        .await
        .unwrap();
    let head = node.heads().concat().to_ascii_lowercase();
    for wanted in
        ["accept: text/plain;version=0.0.4", "authorization: bearer secret", "user-agent: plimsoll/"]
    {
        assert!(head.contains(wanted), "{head}");
    }
}

#[tokio::test]
async fn a_node_without_an_address_is_not_asked() {
    let node = FakeNode::new(|_| text(RESOURCE)).await;
    let mut desk = Desk::of(&node);
    desk.target.authority = desk.asker.access().authority(&Node::default());
    let error = desk.ask(&Route::Resource.into()).await.unwrap_err();
    assert_eq!((error.kind(), node.asked().len()), ("no_address", 0));
    // a closed port says at once that nobody is there
    desk.target.authority = Ok("127.0.0.1:1".to_owned());
    let error = desk.ask(&Route::Resource.into()).await.unwrap_err();
    assert!(error.to_string().contains("Connection refused"), "{error}");
}
