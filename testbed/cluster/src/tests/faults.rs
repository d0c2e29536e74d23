//! Each fault as a client meets it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode};
use plimsoll_client::{AskError, Client, Limits, Pem, Tls};

use super::{Lab, small};
use crate::Options;
use crate::options::Encrypted;

const ROUTE: &str = "/metrics/resource";

#[tokio::test]
async fn faults_are_met_and_healed_and_concern_their_node_alone() {
    let lab = Lab::new(small()).await;
    let fault = async |what: &str| lab.control(&format!("/fault?nodes=node-00000&what={what}")).await;
    let short = Limits { within: Duration::from_millis(300), body: 1 << 20 };
    let request = || {
        let (address, port) = (lab.running.addresses[0], lab.running.kubelet_port);
        Request::get(format!("http://{address}:{port}{ROUTE}")).body(Bytes::new()).unwrap()
    };
    assert_eq!(lab.kubelet(0, ROUTE).await.unwrap().status, 200);

    fault("refused").await;
    let error = lab.kubelet(0, ROUTE).await.unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
    fault("none").await;
    let begin = Instant::now();
    while lab.kubelet(0, ROUTE).await.is_err() {
        assert!(begin.elapsed() < Duration::from_secs(5), "it does not come back");
    }
    for late in ["silent", "slow"] {
        fault(late).await;
        assert_eq!(
            lab.client.ask(request(), short).await.unwrap_err(),
            AskError::Late(short.within),
            "{late}"
        );
    }
    fault("garbage").await;
    let answer = lab.kubelet(0, ROUTE).await.unwrap();
    assert!(answer.status == 200 && std::str::from_utf8(&answer.body).is_err());
    for broken in ["short", "noise"] {
        fault(broken).await;
        let error = lab.kubelet(0, ROUTE).await.unwrap_err();
        assert!(matches!(error, AskError::Failed(_)), "{broken}: {error}");
    }
    fault("huge=3000000").await;
    assert_eq!(lab.client.ask(request(), short).await.unwrap_err(), AskError::Large(1 << 20));
    fault("status=500").await;
    assert_eq!(lab.kubelet(0, ROUTE).await.unwrap().status, StatusCode::INTERNAL_SERVER_ERROR);
    fault("none").await;
    fault("missing=resource%2Bsummary").await;
    for (path, status) in [(ROUTE, 404), ("/stats/summary", 404), ("/stats/container/", 200)] {
        assert_eq!(lab.kubelet(0, path).await.unwrap().status, status, "{path}");
    }
    assert_eq!(lab.kubelet(1, ROUTE).await.unwrap().status, 200);
}

#[tokio::test]
async fn clocks_lie_as_told() {
    let lab = Lab::new(small()).await;
    let sampled =
        async || lab.expected("node=node-00000").await["nodes"]["node-00000"]["sampled"].as_i64().unwrap();
    let now = crate::world::now();
    lab.control("/fault?nodes=node-00000&what=clock=3600").await;
    assert!((sampled().await - now - 3_600_000).abs() < 20_000);
    lab.control("/fault?nodes=node-00000&what=clock=-3600").await;
    assert!((sampled().await - now + 3_600_000).abs() < 20_000);
    lab.control("/fault?nodes=node-00000&what=clock=zero").await;
    let text = lab.kubelet(0, "/stats/summary").await.unwrap().body;
    assert!(String::from_utf8_lossy(&text).contains("\"time\": null"));
    let text = lab.kubelet(0, ROUTE).await.unwrap().body;
    let text = String::from_utf8_lossy(&text).into_owned();
    let line = text.lines().find(|line| line.starts_with("node_cpu_usage_seconds_total")).unwrap().to_owned();
    assert_eq!(line.split(' ').count(), 2, "{line}");
}

#[tokio::test]
async fn who_shows_no_token_is_refused() {
    let mut options = small();
    options.access.token = Some("secret".to_owned());
    let lab = Lab::new(options).await;
    assert_eq!(lab.kubelet(0, ROUTE).await.unwrap().status, StatusCode::UNAUTHORIZED);
    assert_eq!(lab.api("/api/v1/nodes").await["reason"], "Unauthorized");
    let mut request = Request::get(format!("{}/api/v1/nodes", lab.running.api)).body(Bytes::new()).unwrap();
    let (name, value) = plimsoll_client::bearer("secret").unwrap();
    request.headers_mut().insert(name, value);
    assert_eq!(lab.ask(request).await.unwrap().status, 200);
}

#[tokio::test]
async fn certificates_are_vouched_for_or_not() {
    let limits = Limits { within: Duration::from_secs(5), body: 1 << 20 };
    for (kind, with_ca) in [(Encrypted::Signed, true), (Encrypted::SelfSigned, false)] {
        let lab = Lab::new(Options { tls: kind, ..small() }).await;
        let ca = lab.running.kubeconfig.with_file_name("ca.crt");
        let client = Client::new(&Tls { ca: Some(Pem::File(ca)), ..Tls::default() }).unwrap();
        let (address, port) = (lab.running.addresses[1], lab.running.kubelet_port);
        for url in [format!("https://{address}:{port}{ROUTE}"), format!("{}/version", lab.running.api)] {
            let request = Request::get(&url).body(Bytes::new()).unwrap();
            let answer = client.ask(request.clone(), limits).await;
            assert_eq!(answer.is_ok(), with_ca, "{url} {kind:?}: {answer:?}");
            let careless = Client::new(&Tls { insecure: true, ..Tls::default() }).unwrap();
            assert_eq!(careless.ask(request, limits).await.unwrap().status, 200);
        }
    }
}

#[tokio::test]
async fn what_is_forbidden_or_unknown_is_said_in_the_apis_words() {
    let mut options = small();
    options.access.forbidden = vec!["replicasets".to_owned()];
    let lab = Lab::new(options).await;
    let refused = lab.api("/apis/apps/v1/replicasets").await;
    assert_eq!(
        (refused["code"].as_u64(), refused["message"].as_str().unwrap_or("")),
        (
            Some(403),
            "replicasets is forbidden: User \"test\" cannot list resource \"replicasets\" in API group \"apps\" at the \
             cluster scope"
        )
    );
    let missing = lab.api("/api/v1/namespaces/default/pods/nothere").await;
    assert_eq!(missing["message"], "pods \"nothere\" not found");
    assert_eq!(missing["details"], serde_json::json!({"name": "nothere", "kind": "pods"}));
    assert_eq!(lab.api("/apis/metrics.k8s.io/v1beta1/nodes").await["code"], 404);
    lab.control("/api-fault?what=status=503").await;
    assert_eq!(lab.api("/api/v1/nodes").await["code"], 503);
    lab.control("/api-fault?what=none").await;
    assert_eq!(lab.api("/api/v1/nodes").await["kind"], "NodeList");
}
