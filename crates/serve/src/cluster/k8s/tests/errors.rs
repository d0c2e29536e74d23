//! What is refused, in the API server's words.

use futures_util::FutureExt as _;
use proptest::prelude::*;

use super::*;

/// The status of an answer: code, reason, message, details.
fn status(answer: &Answer) -> (u16, String, String, String) {
    let json = answer.json();
    let head = ["kind", "apiVersion", "status"].map(|key| json[key].as_str().unwrap_or_default().to_owned());
    assert_eq!(head, ["Status", "v1", "Failure"], "{json}");
    assert_eq!(json["code"], answer.status.as_u16());
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    let details = json.get("details").map(ToString::to_string).unwrap_or_default();
    (answer.status.as_u16(), text("reason"), text("message"), details)
}

#[tokio::test]
async fn a_status_is_written_as_kubernetes_writes_it() {
    let k8s = open(ClusterFake::cluster());
    let uri = format!("{BASE}/namespaces/shop/pods/nothere");
    let wanted = r#"{
  "kind": "Status",
  "apiVersion": "v1",
  "metadata": {},
  "status": "Failure",
  "message": "pods \"nothere\" not found",
  "reason": "NotFound",
  "details": {
    "name": "nothere",
    "kind": "pods"
  },
  "code": 404
}"#;
    let answer = ask(&k8s, "GET", &uri, &[("user-agent", "curl/8.0")]).await;
    assert_eq!((answer.text(), answer.header("content-type")), (wanted, "application/json"));
    let yaml = ask(&k8s, "GET", &uri, &[("accept", "application/yaml")]).await;
    assert!(
        yaml.text().starts_with("apiVersion: v1\ncode: 404\ndetails:\n  kind: pods\n"),
        "{}",
        yaml.text()
    );
    let protobuf = ask(&k8s, "GET", &uri, &[("accept", "application/vnd.kubernetes.protobuf")]).await;
    let wanted = b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Status\x12\x45\x0a\0\x12\x07Failure\x1a\x18pods \"nothere\" not found\
        \x22\x08NotFound\x2a\x11\x0a\x07nothere\x12\0\x1a\x04pods\x30\x94\x03\x1a\0\x22\0";
    assert_eq!(protobuf.body, wanted);
}

#[tokio::test]
async fn what_is_not_there_is_told_apart() {
    let k8s = open(ClusterFake::cluster());
    let f = async |path: &str, message: &str, details: &str| {
        let answer = get(&k8s, &format!("{BASE}{path}")).await;
        let wanted = (404, "NotFound".to_owned(), message.to_owned(), details.to_owned());
        assert_eq!(status(&answer), wanted, "{path}");
    };
    f("/nodes/n9", r#"nodes "n9" not found"#, r#"{"kind":"nodes","name":"n9"}"#).await;
    let late = r#"pods "late" not found"#;
    f("/namespaces/shop/pods/late", late, r#"{"kind":"pods","name":"late"}"#).await;
    f("/namespaces/empty/pods/web-1", r#"pods "web-1" not found"#, r#"{"kind":"pods","name":"web-1"}"#).await;
    let none = "the server could not find the requested resource";
    f("/services", none, "{}").await;
    f("/namespaces/shop", none, "{}").await;
    let mut fake = ClusterFake::cluster();
    fake.rounds.clear();
    let k8s = open(fake);
    let answer = get(&k8s, &format!("{BASE}/nodes/n1")).await;
    let details = r#"{"group":"metrics.k8s.io","kind":"nodemetrics","name":"n1"}"#;
    let message = r#"nodemetrics.metrics.k8s.io "n1" not found"#;
    assert_eq!(status(&answer), (404, "NotFound".into(), message.into(), details.into()));
    let answer = get(&k8s, &format!("{BASE}/namespaces/shop/pods/web-1")).await;
    assert_eq!(status(&answer).2, r#"podmetrics.metrics.k8s.io "shop/web-1" not found"#);
    assert_eq!(get(&k8s, &format!("{BASE}/nodes")).await.names(), [""; 0]);
    for path in ["/api", "/apis/apps", "/apis/metrics.k8s.io/v1", "/openapi/v3/apis/apps/v1", "/x"] {
        let answer = get(&k8s, path).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (404, "404 page not found\n"), "{path}");
    }
}

#[tokio::test]
async fn bad_requests_name_what_is_wrong() {
    let k8s = open(ClusterFake::cluster());
    let f = async |query: &str, message: &str| {
        let answer = get(&k8s, &format!("{BASE}/pods?{query}")).await;
        assert_eq!(status(&answer), (400, "BadRequest".into(), message.into(), String::new()), "{query}");
    };
    let field =
        "\"spec.nodeName\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";
    f("fieldSelector=spec.nodeName%3Dn1", field).await;
    f("limit=many", "limit: expected a whole number, got \"many\"").await;
    let include = "unrecognized includeObject value \"All\": expected None, Metadata or Object";
    f("includeObject=All", include).await;
    let answer = get(&k8s, &format!("{BASE}/pods?labelSelector=a%20in")).await;
    assert!(
        status(&answer).0 == 400 && status(&answer).2.contains("unable to parse requirement"),
        "{}",
        answer.text()
    );
    let answer = get(&k8s, &format!("{BASE}/nodes/%zz")).await;
    assert_eq!(status(&answer).2, format!("the path has a broken percent escape: \"{BASE}/nodes/%zz\""));
}

#[tokio::test]
async fn nothing_can_be_written_or_watched() {
    let k8s = open(ClusterFake::cluster());
    let message = "the server does not allow this method on the requested resource";
    for (method, path) in [
        ("POST", "/apis"),
        ("DELETE", "/apis/metrics.k8s.io/v1beta1/nodes/n1"),
        ("PATCH", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-1"),
        ("PUT", "/apis/metrics.k8s.io/v1beta1/pods"),
        ("OPTIONS", "/apis/metrics.k8s.io/v1beta1"),
    ] {
        let answer = ask(&k8s, method, path, &[]).await;
        assert_eq!(
            status(&answer),
            (405, "MethodNotAllowed".into(), message.into(), "{}".into()),
            "{method} {path}"
        );
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
    let answer = get(&k8s, &format!("{BASE}/pods?watch=true")).await;
    let message = "watch is not supported on resources of kind \"pods.metrics.k8s.io\"";
    let details = r#"{"group":"metrics.k8s.io","kind":"pods"}"#;
    assert_eq!(status(&answer), (405, "MethodNotAllowed".into(), message.into(), details.into()));
}

#[tokio::test]
async fn forms_that_there_are_not_are_not_acceptable() {
    let k8s = open(ClusterFake::cluster());
    let f = async |path: &str, accept: &str, message: &str| {
        let answer = ask(&k8s, "GET", &format!("{BASE}{path}"), &[("accept", accept)]).await;
        assert_eq!(status(&answer), (406, "NotAcceptable".into(), message.into(), String::new()), "{accept}");
    };
    let types = "only the following media types are accepted: application/json, application/yaml, \
                 application/vnd.kubernetes.protobuf";
    f("/nodes", "text/html", types).await;
    f("", "text/html", types).await;
    f("/nodes", "application/json;as=Table;v=v3;g=meta.k8s.io", types).await;
    let one = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    f("/nodes", one, "you requested PartialObjectMetadata, but the requested object is a list").await;
    let list = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    f("/nodes/n1", list, "you requested PartialObjectMetadataList, but the requested object is not a list")
        .await;
}

#[tokio::test]
async fn who_may_not_is_told_in_kubernetes_words() {
    let closed = gated(ClusterFake::cluster(), Mode::Closed);
    let answer = get(&closed, &format!("{BASE}/nodes")).await;
    let wanted = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\
                  \"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}\n";
    assert_eq!((answer.status.as_u16(), answer.text()), (401, wanted));
    assert_eq!(get(&closed, "/version").await.status, 401);
    assert_eq!(get(&closed, "/livez").await.text(), "ok");
    let f = |refusal: &str, uri: &str, message: &str, details: &str| {
        let parts = Request::builder().uri(uri).body(()).unwrap().into_parts().0;
        let wanted = request::attributes(&parts, &request::segments(parts.uri.path()).unwrap());
        let status = Status::forbidden("system:anonymous", &wanted, refusal);
        assert_eq!(status.message, message);
        assert_eq!(serde_json::to_string(&status.details).unwrap(), details, "{uri}");
    };
    let user = r#"User "system:anonymous" cannot"#;
    f(
        "",
        "/apis/metrics.k8s.io/v1beta1/nodes",
        &format!(
            r#"nodes.metrics.k8s.io is forbidden: {user} list resource "nodes" in API group "metrics.k8s.io" at the cluster scope"#
        ),
        r#"{"group":"metrics.k8s.io","kind":"nodes"}"#,
    );
    f(
        "no rule",
        "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web",
        &format!(
            r#"pods.metrics.k8s.io "web" is forbidden: {user} get resource "pods" in API group "metrics.k8s.io" in the namespace "shop": no rule"#
        ),
        r#"{"name":"web","group":"metrics.k8s.io","kind":"pods"}"#,
    );
    f("", "/metrics", &format!(r#"forbidden: {user} get path "/metrics""#), "{}");
}

#[tokio::test]
async fn a_decision_that_cannot_be_made_is_an_error_of_the_server() {
    let wanted = Attributes::default();
    let form = accept::form_of_status(&HeaderMap::new(), Query::default());
    let refusal = access::Refusal::Undecided("connection refused".to_owned());
    let answer = status::refused(refusal, &wanted, "/apis?x=1", form);
    assert_eq!(answer.status(), 500);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "Internal Server Error: \"/apis?x=1\": connection refused\n");
}

proptest! {
    #[test]
    fn whatever_is_asked_is_answered_in_a_form_that_can_be_read(
        path in "/?(apis(/metrics\\.k8s\\.io(/v1beta1(/(nodes|pods|namespaces)(/shop|/%|/n1)?(/pods)?(/[a-z%/.-]{0,9})?)?)?)?|[a-z0-9%/]{0,12})",
        query in "([a-z]{0,9}|labelSelector|fieldSelector|pretty|watch|limit|includeObject)(=[a-z0-9%,!()=.]{0,12})?",
        accept in "(application/(json|yaml|vnd\\.kubernetes\\.protobuf|\\*)|\\*/\\*|[a-z/;=,*]{0,9})(;(as|g|v|q)=(Table|meta\\.k8s\\.io|v1|0\\.5|[!-~]{0,4})){0,3}",
    ) {
        let k8s = open(ClusterFake::cluster());
        let Ok(uri) = format!("/{}?{query}", path.trim_start_matches('/')).parse::<http::Uri>() else { return Ok(()) };
        let answer = ask(&k8s, "GET", &uri.to_string(), &[("accept", &accept)]).now_or_never().unwrap();
        prop_assert!([200, 400, 404, 405, 406, 500].contains(&answer.status.as_u16()), "{}", answer.status);
        match answer.header("content-type") {
            kind if kind.starts_with("application/json") => drop(answer.json()),
            "application/vnd.kubernetes.protobuf" => prop_assert!(answer.body.starts_with(b"k8s\0")),
            _ => prop_assert!(!answer.text().is_empty()),
        }
    }
}
