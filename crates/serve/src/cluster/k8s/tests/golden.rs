//! Answers as files; `make bless` rewrites them.

use std::path::Path;

use super::*;

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf,application/json";

/// File, path, `Accept`.
const GOLDEN: &[(&str, &str, &str)] = &[
    ("apis.json", "/apis", "application/json"),
    ("apis-aggregated.json", "/apis", AGGREGATED),
    ("group.json", "/apis/metrics.k8s.io", ""),
    ("resources.json", "/apis/metrics.k8s.io/v1beta1?pretty=true", ""),
    ("nodes.json", "/apis/metrics.k8s.io/v1beta1/nodes", ""),
    ("nodes-pretty.json", "/apis/metrics.k8s.io/v1beta1/nodes?pretty=1", ""),
    ("nodes.yaml", "/apis/metrics.k8s.io/v1beta1/nodes", "application/yaml"),
    ("nodes.pb", "/apis/metrics.k8s.io/v1beta1/nodes", PROTOBUF),
    ("nodes-table.json", "/apis/metrics.k8s.io/v1beta1/nodes?pretty=true", TABLE),
    ("node.json", "/apis/metrics.k8s.io/v1beta1/nodes/n2", ""),
    ("node.yaml", "/apis/metrics.k8s.io/v1beta1/nodes/n2", "application/yaml"),
    ("pods.json", "/apis/metrics.k8s.io/v1beta1/pods?pretty=true", ""),
    ("pods.pb", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods", PROTOBUF),
    ("pods-table.json", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?pretty=true", TABLE),
    (
        "pods-table-object.json",
        "/apis/metrics.k8s.io/v1beta1/pods?pretty=true&includeObject=Object&limit=1",
        TABLE,
    ),
    ("pods-table-none.json", "/apis/metrics.k8s.io/v1beta1/pods?pretty=true&includeObject=None", TABLE),
    ("pods-metadata.json", "/apis/metrics.k8s.io/v1beta1/pods?pretty=true", METADATA),
    ("pod.json", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-1", ""),
    ("pod.pb", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-1", PROTOBUF),
    ("pod-table.json", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-1?pretty=true", TABLE),
    ("openapi-v3.json", "/openapi/v3", ""),
];

#[tokio::test]
async fn answers_are_those_of_the_files() {
    let k8s = open(ClusterFake::cluster());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/k8s/golden");
    let mut wrong = Vec::new();
    for (file, uri, accept) in GOLDEN {
        let answer = ask(&k8s, "GET", uri, &[("accept", accept)]).await;
        assert_eq!(answer.status, 200, "{uri}");
        let path = folder.join(file);
        if std::env::var_os("BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &answer.body).unwrap();
        }
        if std::fs::read(&path).unwrap_or_default() != answer.body {
            wrong.push(format!("{file}: {uri} now gives\n{}", String::from_utf8_lossy(&answer.body)));
        }
    }
    assert!(wrong.is_empty(), "make bless rewrites the files\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_node_and_a_pod_are_written_as_kubernetes_writes_them() {
    let k8s = open(ClusterFake::cluster());
    // 2,002 millicores and as many MiB without a page, over a minute
    let node = concat!(
        r#"{"kind":"NodeMetrics","apiVersion":"metrics.k8s.io/v1beta1","metadata":{"name":"n2","#,
        r#""creationTimestamp":"2026-11-21T10:48:10Z","labels":{"kubernetes.io/hostname":"host-2","zone":"a"}},"#,
        r#""timestamp":"2026-11-21T10:48:00Z","window":"1m0s","usage":{"cpu":"2002m","memory":"2050044Ki"}}"#,
        "\n"
    );
    assert_eq!(get(&k8s, &format!("{BASE}/nodes/n2")).await.text(), node);
    let pod = concat!(
        r#"{"kind":"PodMetrics","apiVersion":"metrics.k8s.io/v1beta1","metadata":{"name":"db-0","namespace":"shop","#,
        r#""creationTimestamp":"2026-11-21T10:48:10Z","labels":{"app":"db","tier":"back"}},"#,
        r#""timestamp":"2026-11-21T10:48:00Z","window":"1m0s","#,
        r#""containers":[{"name":"db","usage":{"cpu":"12m","memory":"12284Ki"}}]}"#,
        "\n"
    );
    assert_eq!(get(&k8s, &format!("{BASE}/namespaces/shop/pods/db-0")).await.text(), pod);
}

#[tokio::test]
async fn openapi_is_json_that_holds_together_and_is_sent_once() {
    let k8s = open(ClusterFake::cluster());
    let v2 = get(&k8s, "/openapi/v2").await;
    let index = get(&k8s, "/openapi/v3").await.json();
    let group =
        index["paths"]["apis/metrics.k8s.io/v1beta1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let v3 = get(&k8s, &group).await;
    for (answer, definitions, prefix) in [
        (&v2, &v2.json()["definitions"], "#/definitions/"),
        (&v3, &v3.json()["components"]["schemas"], "#/components/schemas/"),
    ] {
        let text = answer.text();
        let references = text.split("\"$ref\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let mut count = 0;
        for reference in references {
            count += 1;
            let name = reference.strip_prefix(prefix).unwrap();
            assert!(definitions[name].is_object(), "{reference}");
        }
        assert!(count >= 8, "{count}");
        let paths = answer.json()["paths"].as_object().unwrap().len();
        assert_eq!(paths, 5);
    }
    let tag = v2.header("etag").to_owned();
    let again = ask(&k8s, "GET", "/openapi/v2", &[("if-none-match", &tag)]).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    let other = ask(&k8s, "GET", "/openapi/v2", &[("if-none-match", "\"x\"")]).await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn the_version_is_like_metrics_servers_and_says_whose_it_is() {
    let answer = get(&open(ClusterFake::cluster()), "/version").await;
    let json = answer.json();
    let version = format!("v0.9.0+plimsoll.{}", env!("CARGO_PKG_VERSION"));
    assert_eq!((json["major"].as_str(), json["gitVersion"].as_str()), (Some("0"), Some(version.as_str())));
    assert!(answer.text().starts_with("{\n  \"major\": \"0\",\n  \"minor\": \"9\",\n"), "{}", answer.text());
}

#[tokio::test]
async fn forms_are_told_in_the_headers() {
    let k8s = open(ClusterFake::cluster());
    let f = async |uri: &str, accept: &str, kind: &str| {
        let answer = ask(&k8s, "GET", uri, &[("accept", accept)]).await;
        assert_eq!(answer.header("content-type"), kind, "{uri} {accept}");
    };
    let nodes = format!("{BASE}/nodes");
    f(&nodes, "", "application/json").await;
    f(&nodes, TABLE, "application/json").await;
    f(&nodes, "application/yaml", "application/yaml").await;
    f(&nodes, PROTOBUF, "application/vnd.kubernetes.protobuf").await;
    f("/apis", AGGREGATED, AGGREGATED).await;
    f("/apis", PROTOBUF, "application/json").await;
    f("/version", "", "application/json").await;
    assert_eq!(get(&k8s, &nodes).await.header("cache-control"), "no-cache, private");
}
