//! `/stats/...` in cAdvisor's form.

use crate::fake::Fake;
use crate::fake::kubernetes::{Member, WEB_UID};
use crate::tests::{app, ask, get};

#[tokio::test]
async fn heapsters_question_gives_every_container_by_name() {
    let app = app(Fake::kubernetes());
    let question = r#"{"containerName":"/","num_stats":1,"start":"2026-11-21T10:48:00Z","end":"2026-11-21T10:49:00Z","subcontainers":true}"#;
    let all = ask(&app, "POST", "/stats/container/", question).await.json();
    let all = all.as_object().unwrap();
    assert_eq!(all.len(), Fake::kubernetes().containers.len());
    assert!(all.iter().all(|(name, info)| info["name"] == **name));
    assert!(all.values().all(|info| info["stats"].as_array().unwrap().len() == 1));
    // by these labels Heapster knows a pod's network
    let sandboxes: Vec<&str> = all
        .values()
        .filter(|info| info["spec"]["labels"]["io.kubernetes.container.name"] == "POD")
        .map(|info| info["spec"]["labels"]["io.kubernetes.pod.name"].as_str().unwrap())
        .collect();
    assert_eq!(sandboxes, ["loose", "web", "fixed-fixture"]);
    assert_eq!(all["/"]["subcontainers"][1]["name"], "/kubepods.slice");
}

#[tokio::test]
async fn one_container_is_a_map_of_one() {
    let app = app(Fake::kubernetes());
    let all = ask(&app, "GET", "/stats/container", r#"{"containerName":"/system.slice"}"#).await.json();
    assert_eq!(all.as_object().unwrap().keys().collect::<Vec<_>>(), ["/system.slice"]);
    assert_eq!(all["/system.slice"]["stats"].as_array().unwrap().len(), 3);
    assert_eq!(all["/system.slice"]["subcontainers"].as_array().unwrap().len(), 2);
    let root = get(&app, "/stats/container").await.json();
    assert_eq!(root["/"]["name"], "/");
    assert_eq!(get(&app, "/stats").await.body, get(&app, "/stats/").await.body);
}

#[tokio::test]
async fn a_container_is_found_by_its_pod() {
    let app = app(Fake::kubernetes());
    let id = async |path: &str| get(&app, path).await.json()["id"].clone();
    assert_eq!(id(&format!("/stats/shop/web/{WEB_UID}/httpd")).await, "ca574d8d6e17");
    assert_eq!(id(&format!("/stats/shop/web/{WEB_UID}/helper/")).await, "2268067896e6", "the newest");
    assert_eq!(id(&format!("/stats/shop/web/{WEB_UID}/POD")).await, "5ab1f49a895d");
    assert_eq!(id("/stats/loose/one").await, "e20b26418935", "in the namespace default");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let mut host = Fake::kubernetes();
    host.add(plimsoll_core::container::Reference::raw("/new"), Default::default(), Vec::new());
    let pod = ["default", "starts", "u"];
    host.add_member(&Member { pod, name: "c", id: "00", above: "/k8s.io", made: 0 }, Vec::new());
    let app = app(host);
    let f = async |path: &str, body: &str, status: u16, sentence: &str| {
        let answer = ask(&app, "POST", path, body).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (status, sentence), "{path} {body}");
    };
    f("/stats/container", r#"{"containerName":"/x"}"#, 404, "unknown container \"/x\"\n").await;
    f(
        "/stats/container",
        r#"{"containerName":"/x","subcontainers":true}"#,
        404,
        "unknown container \"/x\"\n",
    )
    .await;
    f("/stats/container", r#"{"containerName":"/new"}"#, 404, "container \"/new\" has no sample yet\n").await;
    f("/stats/web/httpd", "", 404, "no container \"httpd\" of pod \"web\" in namespace \"default\"\n").await;
    f("/stats/starts/c", "", 404, "no container \"c\" of pod \"starts\" in namespace \"default\"\n").await;
    f(
        "/stats/shop/web/u/httpd",
        "",
        404,
        "no container \"httpd\" of pod \"web\" with the UID \"u\" in namespace \"shop\"\n",
    )
    .await;
    f(
        "/stats/shop/web/httpd",
        "",
        404,
        "unknown path \"/stats/shop/web/httpd\": expected /stats/, /stats/summary, /stats/container, /stats/POD/CONTAINER or /stats/NAMESPACE/POD/UID/CONTAINER\n",
    )
    .await;
    f("/stats/%zz/c", "", 400, "the path has a broken percent escape: \"%zz/c\"\n").await;
    f("/stats/container", "{", 400, "unable to decode the json value: unexpected EOF\n").await;
}
