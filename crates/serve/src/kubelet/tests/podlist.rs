//! The pods as their runtime knows them.

use std::sync::Arc;

use plimsoll_core::container::Identity;
use serde_json::json;

use crate::fake::Fake;
use crate::tests::{app, get};

#[tokio::test]
async fn a_pod_has_what_its_runtime_tells() {
    let all = get(&app(Fake::kubernetes()), "/pods").await.json();
    let web = &all["items"][2];
    assert_eq!(web["metadata"]["labels"], json!({"app": "web"}), "the author's, not the machinery's");
    assert_eq!((&web["spec"]["nodeName"], &web["status"]["phase"]), (&json!("fixture"), &json!("Running")));
    assert_eq!(
        web["status"]["containerStatuses"][0],
        json!({
            "name": "helper",
            "state": {"running": {"startedAt": "2026-11-21T10:47:45Z"}},
            "restartCount": 1,
            "image": "busybox:local",
            "containerID": "containerd://2268067896e6",
        })
    );
    assert_eq!(all["items"][1]["spec"]["hostNetwork"], true);
    assert_eq!(web["spec"].get("hostNetwork"), None);
}

#[tokio::test]
async fn kubernetes_writes_cri_o_with_a_dash() {
    let mut host = Fake::kubernetes();
    let (view, _) = host.containers.get_mut("/k8s.io/cri-containerd-e20b26418935.scope").unwrap();
    view.runtime = "crio";
    view.identity = Arc::new(Identity { started: None, ..Identity::clone(&view.identity) });
    let all = get(&app(host), "/pods").await.json();
    let status = &all["items"][0]["status"]["containerStatuses"][0];
    assert_eq!(status["containerID"], "cri-o://e20b26418935");
    assert_eq!(status["state"], json!({"running": {"startedAt": null}}));
}
