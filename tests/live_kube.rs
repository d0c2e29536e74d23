//! The manifests of `deploy/kubernetes` in a real Kubernetes cluster: its API server takes them, its kubelets are asked,
//! `kubectl top` and an autoscaler are answered, and what is told is what the kernel counts. `make test-kube` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

mod common;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use common::kube::{self, AGENT, COLLECTOR, User, Worker, curl, deployed};
use common::{Need, close, eventually, http, kernel, number, text};
use serde_json::{Value, json};

const MIB: f64 = 1_048_576.0;
const METRICS: &str = "/apis/metrics.k8s.io/v1beta1";

/// A metric's newest point in the model.
fn newest(entity: &str, metric: &str) -> Result<f64, String> {
    let to = kube::address("kube-system", COLLECTOR, 8082);
    let told = http::get(to, &format!("/api/v1/model/{entity}/metrics/{metric}"))?.json();
    let last = told["metrics"].as_array().and_then(|all| all.last()).cloned();
    last.and_then(|point| point["value"].as_f64()).ok_or(format!("no {metric} of {entity}: {told}"))
}

#[test]
fn the_api_server_takes_the_manifests() {
    require!(Need::Kube);
    let _cluster = deployed();
    let admin = User::admin();
    for overlay in ["deploy/kubernetes", "deploy/kubernetes/heapster"] {
        let folder = common::repository().join(overlay).display().to_string();
        for way in [["--server-side", "--dry-run=server"], ["--validate=strict", "--dry-run=server"]] {
            let done = admin.run(&[["apply", "-k", &folder].as_slice(), way.as_slice()].concat());
            assert_eq!(done.code, Some(0), "{overlay}: {}", done.stderr);
            let warnings = done.stderr.lines().filter(|line| {
                // it was applied by the server, and not by `kubectl apply` alone
                !line.contains("is missing the kubectl.kubernetes.io/last-applied-configuration annotation")
            });
            assert_eq!(warnings.count(), 0, "{overlay}: {}", done.stderr);
            let objects = done.stdout.lines().filter(|line| line.contains("(server dry run)"));
            assert!(objects.count() >= 11, "{overlay}: {}", done.stdout);
        }
    }
    // what is there is what was asked for: applying once more changes nothing
    let folder = common::repository().join("deploy/kubernetes").display().to_string();
    let difference = admin.run(&["diff", "--server-side", "-k", &folder]);
    assert_eq!(difference.code, Some(0), "{}{}", difference.stdout, difference.stderr);
    let service = admin.json(&["get", "apiservice", "v1beta1.metrics.k8s.io"]);
    assert_eq!(service["status"]["conditions"][0]["status"], "True", "{service}");
    let found = admin.told(&["api-resources", "--api-group=metrics.k8s.io", "--no-headers"]);
    let found: Vec<Vec<_>> = found.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        found,
        [
            ["nodes", "metrics.k8s.io/v1beta1", "false", "NodeMetrics"],
            ["pods", "metrics.k8s.io/v1beta1", "true", "PodMetrics"]
        ]
    );
    let explained = admin.told(&["explain", "podmetrics.containers", "--api-version=metrics.k8s.io/v1beta1"]);
    assert!(explained.contains("KIND:       PodMetrics"), "{explained}");
    assert!(explained.contains("usage"), "{explained}");
}

/// What the collector asked of the API server: verb and resource, and the answer.
#[track_caller]
fn asked() -> Vec<(String, String, u64)> {
    let log = std::fs::read_to_string(kube::folder().unwrap().join("audit.log")).unwrap();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = entries
        .filter(|entry| entry["user"]["username"] == "system:serviceaccount:kube-system:plimsoll-cluster");
    let found: Vec<_> = own
        .map(|entry| {
            let of = entry["objectRef"]["resource"].as_str().or(entry["requestURI"].as_str()).unwrap();
            let code = entry["responseStatus"]["code"].as_u64().unwrap_or_default();
            (entry["verb"].as_str().unwrap().to_owned(), of.to_owned(), code)
        })
        .collect();
    assert!(!found.is_empty(), "the audit log has nothing of the collector");
    found
}

#[test]
fn the_collector_has_the_rights_that_it_uses_and_no_others() {
    require!(Need::Kube);
    let _cluster = deployed();
    let admin = User::admin();
    let collector = User::account("kube-system", "plimsoll-cluster");
    // someone whom the API server has to be asked about, so that this right is used too
    let to = kube::address("kube-system", COLLECTOR, 10250);
    assert_eq!(
        curl(&to.to_string(), &["-H", "Authorization: Bearer reader"], &format!("{METRICS}/nodes")).0,
        403
    );
    let all = asked();
    let refused: Vec<_> = all.iter().filter(|(_, _, code)| *code == 401 || *code == 403).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let used: BTreeSet<_> = all.iter().map(|(verb, of, _)| format!("{verb} {of}")).collect();
    let wanted = [
        "create subjectaccessreviews",
        "create tokenreviews",
        "get configmaps",
        "list jobs",
        "list namespaces",
        "list nodes",
        "list pods",
        "list replicasets",
        "watch jobs",
        "watch namespaces",
        "watch nodes",
        "watch pods",
        "watch replicasets",
    ];
    assert_eq!(used, BTreeSet::from(wanted.map(str::to_owned)));
    let logs = admin.told(&["logs", "--namespace", "kube-system", "--selector", COLLECTOR, "--tail=-1"]);
    assert_eq!(kube::refusals(&logs), [""; 0]);

    let may = |user: &User, space: &str, [verb, resource, part]: [&str; 3]| {
        let part = format!("--subresource={part}");
        user.run(&["auth", "can-i", "--quiet", space, &part, verb, resource]).code == Some(0)
    };
    for wanted in [
        ["get", "nodes", "metrics"],
        ["get", "nodes", "stats"],
        ["list", "pods", ""],
        ["create", "tokenreviews.authentication.k8s.io", ""],
    ] {
        assert!(may(&collector, "--all-namespaces", wanted), "{wanted:?}");
    }
    for unwanted in [
        ["get", "secrets", ""],
        ["list", "secrets", ""],
        ["list", "configmaps", ""],
        ["create", "pods", ""],
        ["delete", "pods", ""],
        ["patch", "nodes", ""],
        ["get", "nodes", "proxy"],
        ["create", "pods", "exec"],
        ["get", "pods", "log"],
        ["impersonate", "users", ""],
        ["create", "serviceaccounts", "token"],
        ["update", "deployments.apps", ""],
    ] {
        for space in ["--all-namespaces", "--namespace=kube-system"] {
            assert!(!may(&collector, space, unwanted), "{unwanted:?} {space}");
        }
    }
    let words = collector.refused(&["get", "secrets", "--namespace", "kube-system"]);
    assert!(
        words.contains("User \"system:serviceaccount:kube-system:plimsoll-cluster\" cannot list"),
        "{words}"
    );
    // of a kubelet it may read numbers, and neither run nor read what is inside
    let token = collector.told(&["config", "view", "--raw", "-o", "jsonpath={.users[0].user.token}"]);
    let bearer = format!("Authorization: Bearer {token}");
    for (path, wanted) in [
        ("/stats/summary", 200),
        ("/metrics/resource", 200),
        ("/metrics/cadvisor", 200),
        ("/pods", 403),
        ("/logs/", 403),
        ("/run/shop/web/main?cmd=id", 403),
    ] {
        assert_eq!(curl("10.97.0.1:10260", &["-H", &bearer], path).0, wanted, "{path}");
    }
    // the agents need none
    let agent = User::account("kube-system", "plimsoll-host");
    for unwanted in [["list", "pods", ""], ["get", "nodes", "metrics"]] {
        assert!(!may(&agent, "--all-namespaces", unwanted), "{unwanted:?}");
    }
}

#[test]
fn who_has_no_right_is_refused() {
    require!(Need::Kube);
    let _cluster = deployed();
    let (admin, reader) = (User::admin(), User::reader());
    for words in [vec!["top", "nodes"], vec!["top", "pods", "-A"], vec!["top", "pods", "--namespace", "shop"]]
    {
        let error = reader.refused(&words);
        assert!(error.contains("User \"reader\" cannot list resource"), "{error}");
    }
    // the collector's own judgement, without the API server before it
    let to = kube::address("kube-system", COLLECTOR, 10250).to_string();
    let tls = kube::folder().unwrap().join("tls");
    let file = |name: &str| tls.join(name).display().to_string();
    let certificate = |name: &str| {
        ["--cert".to_owned(), file(&format!("{name}.pem")), "--key".to_owned(), file(&format!("{name}.key"))]
    };
    let (front, node, root) = (certificate("front-proxy"), certificate("one"), certificate("admin"));
    let (front, node, root) = (
        front.each_ref().map(String::as_str),
        node.each_ref().map(String::as_str),
        root.each_ref().map(String::as_str),
    );
    let header = |text: &'static str| ["-H", text];
    let path = format!("{METRICS}/nodes");
    let ask = |words: &[&[&str]]| curl(&to, &words.concat(), &path);
    assert_eq!(ask(&[]).0, 403, "nobody in particular");
    assert_eq!(ask(&[&header("Authorization: Bearer wrong")]).0, 401);
    let (status, told) = ask(&[&header("Authorization: Bearer reader")]);
    assert_eq!(status, 403);
    assert!(told.contains("User \\\"reader\\\" cannot list resource \\\"nodes\\\""), "{told}");
    assert_eq!(ask(&[&header("Authorization: Bearer admin")]).0, 200);
    assert_eq!(ask(&[&root]).0, 200, "by a certificate");
    assert_eq!(ask(&[&node]).0, 403, "by a certificate of one who may not");
    let masters = [header("X-Remote-User: someone"), header("X-Remote-Group: system:masters")].concat();
    assert_eq!(ask(&[&front, &masters]).0, 200, "whom the front proxy names");
    assert_eq!(ask(&[&front, &header("X-Remote-User: reader")]).0, 403);
    assert_eq!(ask(&[&masters]).0, 403, "whom nobody vouches for");
    assert_eq!(ask(&[&node, &masters]).0, 403, "whom a node vouches for");
    assert_eq!(curl(&to, &[], "/readyz").0, 200);

    // who may look at a namespace may look at what its pods use, and at no other's
    admin.apply(&json!({"apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "looker", "namespace": "shop"}}));
    admin.apply(&json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "looker", "namespace": "shop"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "looker", "namespace": "shop"}]}));
    let looker = User::account("shop", "looker");
    eventually("the role view has grown", 30.0, || looker.try_told(&["top", "pods", "--namespace", "shop"]));
    for words in [vec!["top", "pods", "--namespace", "kube-system"], vec!["top", "nodes"]] {
        let error = looker.refused(&words);
        assert!(error.contains("cannot list resource"), "{error}");
    }
}

/// What the kernel counted of a group's CPU time, at many instants in seconds since 1970.
struct Truth(Vec<(f64, f64)>);

impl Truth {
    fn now() -> f64 {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
    }

    fn look(&mut self, group: &str) {
        self.0.push((Self::now(), kernel::cpu_nanos(group)));
    }

    fn at(&self, instant: f64) -> Option<f64> {
        let after = self.0.iter().position(|(time, _)| *time >= instant)?;
        let ((a, x), (b, y)) = (self.0.get(after.checked_sub(1)?)?, self.0[after]);
        Some(x + (y - x) * (instant - a) / (b - a))
    }
}

fn cores(quantity: &str) -> f64 {
    quantity
        .strip_suffix('n')
        .map_or_else(|| quantity.parse().unwrap(), |nano| nano.parse::<f64>().unwrap() / 1e9)
}

#[test]
fn numbers_are_the_kernels() {
    require!(Need::Kube);
    let _cluster = deployed();
    let admin = User::admin();
    let [main, side, db] =
        [("web", "main"), ("web", "side"), ("db", "main")].map(|(pod, name)| Worker::find("shop", pod, name));
    for (worker, millis, mib) in [(&main, 2000, 64), (&side, 700, 16), (&db, 1000, 32)] {
        worker.order(&format!("burn {millis}"));
        worker.order(&format!("hold {mib}"));
    }
    for (worker, pod, name, mib) in
        [(&main, "web", "main", 64.0), (&side, "web", "side", 16.0), (&db, "db", "main", 32.0)]
    {
        let entity = format!("namespaces/shop/pods/{pod}/containers/{name}");
        eventually("its CPU time and memory are told as the kernel has them", 60.0, || {
            let told = [newest(&entity, "cpu/usage")?, newest(&entity, "memory/working_set")?];
            let truth = [kernel::cpu_nanos(&worker.group), kernel::working_set(&worker.group)];
            let near = told.iter().zip(truth).all(|(told, truth)| (told - truth).abs() <= truth * 0.01);
            if near { Ok(()) } else { Err(format!("{entity}: {told:?}, the kernel has {truth:?}")) }
        });
        close("rss", newest(&entity, "memory/rss").unwrap(), kernel::anonymous_bytes(&worker.group), 1.0);
        assert!(newest(&entity, "memory/rss").unwrap() >= mib * MIB);
        let pods = admin.json(&["get", "--raw", &format!("{METRICS}/namespaces/shop/pods/{pod}")]);
        let own = pods["containers"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        let memory: f64 = text(own, "/usage/memory").strip_suffix("Ki").unwrap().parse().unwrap();
        close("metrics.k8s.io's memory", memory * 1024.0, kernel::working_set(&worker.group), 1.0);
    }
    for (node, pod) in [("one", "web"), ("two", "db")] {
        let told = newest(&format!("nodes/{node}"), "cpu/usage").unwrap();
        close("the machine's CPU time", told, kernel::cpu_nanos("/"), 1.0);
        let spec = admin.json(&["get", "pod", "--namespace", "shop", pod]);
        assert_eq!(spec["spec"]["nodeName"], node);
    }
    // what was asked for and what is allowed, from the API server
    for (metric, wanted) in [("cpu/request", 100.0), ("cpu/limit", 300.0), ("memory/limit", 128.0 * MIB)] {
        assert_eq!(newest("namespaces/shop/pods/web/containers/main", metric), Ok(wanted), "{metric}");
    }

    // the rate over the very window that is told, of a pod with one container: a pod's time is that of its oldest sample
    let load = Worker::find("shop", "load", "main");
    let mut truth = Truth(Vec::new());
    let told = std::thread::scope(|scope| {
        // three times 20 seconds at least, by its limit
        let burning = scope.spawn(|| (0..3).for_each(|_| drop(load.order("burn 6000"))));
        let mut told = None;
        let path = format!("{METRICS}/namespaces/shop/pods/load");
        while !burning.is_finished() {
            truth.look(&load.group);
            std::thread::sleep(Duration::from_millis(100));
            if !truth.0.len().is_multiple_of(10) {
                continue;
            }
            let pod = admin.json(&["get", "--raw", &path]);
            let end: jiff::Timestamp = text(&pod, "/timestamp").parse().unwrap();
            let window: f64 = text(&pod, "/window").strip_suffix('s').unwrap().parse().unwrap();
            // the time is told in whole seconds: a second more has to be of the same work
            let end = end.as_second() as f64;
            if truth.0[0].0 + 1.0 < end - window && truth.at(end + 1.0).is_some() {
                told = Some((end, window, cores(text(&pod, "/containers/0/usage/cpu"))));
            }
        }
        told
    });
    let (end, window, told) = told.expect("no window lies within the work");
    // the window is exact, its end is told without its fraction of a second
    let used = told * window * 1e9;
    let at = |instant: f64| truth.at(instant).unwrap();
    let possible = (0..=20).map(|step| {
        let end = end + f64::from(step) / 20.0;
        at(end) - at(end - window)
    });
    let (least, most) =
        possible.fold((f64::MAX, 0.0_f64), |(least, most), used| (least.min(used), most.max(used)));
    assert!(least > 1e9, "the work was not what it should be: {least} ns in {window} s");
    assert!(used > least * 0.99 && used < most * 1.01, "{used} ns, but it was between {least} and {most}");
}

#[test]
fn kubectl_is_answered() {
    require!(Need::Kube);
    let _cluster = deployed();
    let admin = User::admin();
    let first = |rows: &[Vec<String>], column: usize| -> Vec<String> {
        rows.iter().map(|row| row[column].clone()).collect()
    };
    let amount = |text: &str| -> u64 {
        text.trim_end_matches(|letter: char| !letter.is_ascii_digit()).parse().unwrap()
    };

    let nodes = admin.rows(&["top", "nodes"]);
    assert_eq!(first(&nodes, 0), ["one", "two"]);
    assert!(
        nodes.iter().all(|row| row.len() == 5 && row[2].ends_with('%') && amount(&row[3]) > 0),
        "{nodes:?}"
    );
    assert_eq!(admin.rows(&["top", "node", "two"]).len(), 1);
    assert_eq!(first(&admin.rows(&["top", "nodes", "-l", "kubernetes.io/hostname=one"]), 0), ["one"]);

    let all = admin.rows(&["top", "pods", "-A"]);
    let names: Vec<_> = all.iter().filter(|row| row[0] == "shop").map(|row| row[1].as_str()).collect();
    assert_eq!(names, ["db", "load", "web"]);
    let own = all.iter().filter(|row| row[0] == "kube-system" && row[1].starts_with("plimsoll-"));
    assert_eq!(own.count(), 3, "a collector and two agents: {all:?}");

    let shop =
        |more: &[&str]| admin.rows(&[["top", "pods", "--namespace", "shop"].as_slice(), more].concat());
    let containers = shop(&["--containers"]);
    let pairs: Vec<_> = containers.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(pairs, [("db", "main"), ("load", "main"), ("web", "main"), ("web", "side")]);
    assert_eq!(first(&shop(&["-l", "app=web"]), 0), ["web"]);
    assert_eq!(first(&shop(&["-l", "app in (db,load)"]), 0), ["db", "load"]);
    assert_eq!(first(&shop(&["--field-selector", "metadata.name=db"]), 0), ["db"]);
    assert_eq!(shop(&["web"]).len(), 1);
    for (by, column) in [("cpu", 1), ("memory", 2)] {
        let sorted: Vec<_> =
            first(&shop(&["--sort-by", by]), column).iter().map(|text| amount(text)).collect();
        assert!(sorted.is_sorted_by(|a, b| a >= b), "{by}: {sorted:?}");
    }
    // a pod's and the sum's are whole mebibytes, cut each for itself
    let rows = shop(&["--sum"]);
    let sum: u64 = rows[..3].iter().map(|row| amount(&row[2])).sum();
    assert!(amount(rows[4].last().unwrap()).abs_diff(sum) <= 3, "{rows:?}");
    let absent = admin.refused(&["top", "pod", "nobody", "--namespace", "shop"]);
    assert!(absent.contains("NotFound") && absent.contains("nobody"), "{absent}");

    let get = |more: &[&str]| admin.told(&[["get", "--namespace", "shop"].as_slice(), more].concat());
    let wide = get(&["podmetrics", "-o", "wide"]);
    let head: Vec<_> = wide.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["NAME", "CPU", "MEMORY", "WINDOW"]);
    assert_eq!(wide.lines().count(), 4, "{wide}");
    let yaml: Value = serde_saphyr::from_str(&get(&["podmetrics", "web", "-o", "yaml"])).unwrap();
    assert_eq!((&yaml["kind"], &yaml["metadata"]["labels"]["app"]), (&json!("PodMetrics"), &json!("web")));
    assert_eq!(yaml["containers"].as_array().unwrap().len(), 2, "{yaml}");
    assert_eq!(get(&["pods.metrics.k8s.io", "-l", "app=db", "-o", "name"]), "podmetrics.metrics.k8s.io/db");
    let nodes = admin.told(&["get", "nodemetrics", "-o", "name"]);
    assert_eq!(nodes, "nodemetrics.metrics.k8s.io/one\nnodemetrics.metrics.k8s.io/two");
    let described = admin.told(&["describe", "podmetrics", "web", "--namespace", "shop"]);
    assert!(described.contains("Name:         web") && described.contains("Usage:"), "{described}");

    let raw = |path: &str| admin.json(&["get", "--raw", &format!("{METRICS}{path}")]);
    assert_eq!(raw("")["kind"], "APIResourceList");
    assert_eq!(raw("/nodes")["items"].as_array().unwrap().len(), 2);
    assert_eq!(raw("/pods?labelSelector=app%3Dweb")["items"].as_array().unwrap().len(), 1);
    assert_eq!(raw("/namespaces/shop/pods/web")["metadata"]["name"], "web");
    let absent = admin.refused(&["get", "--raw", &format!("{METRICS}/namespaces/shop/pods/nobody")]);
    assert!(absent.contains("NotFound"), "{absent}");
    // it reads alone
    let refused = admin.refused(&["delete", "podmetrics", "web", "--namespace", "shop"]);
    assert!(refused.contains("MethodNotAllowed") || refused.contains("not allowed"), "{refused}");
}

#[test]
fn an_autoscaler_follows_the_numbers() {
    require!(Need::Kube);
    let _cluster = deployed();
    let admin = User::admin();
    // each burns its whole limit, which is twice its request
    let container = json!({"name": "main", "image": kube::IMAGE, "imagePullPolicy": "Never",
        "command": ["workload", "do", "burn 600000"],
        "resources": {"requests": {"cpu": "50m"}, "limits": {"cpu": "100m"}}});
    let labels = json!({"app": "busy"});
    admin.apply(&json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "busy", "namespace": "shop"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}}},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "busy", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "busy"},
                "minReplicas": 1, "maxReplicas": 2, "metrics": [{"type": "Resource", "resource":
                    {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 100}}}]}},
    ]}));
    eventually("there are two", 120.0, || {
        let told = admin.try_json(&["get", "hpa", "--namespace", "shop", "busy"])?;
        let ready = admin.try_json(&["get", "deployment", "--namespace", "shop", "busy"])?;
        let used = told
            .pointer("/status/currentMetrics/0/resource/current/averageUtilization")
            .and_then(Value::as_f64);
        if used.is_some_and(|used| used > 110.0) && ready["status"]["readyReplicas"] == 2 {
            Ok(())
        } else {
            Err(told["status"].to_string())
        }
    });
    // sums by workload: both pods are the Deployment's
    eventually("the Deployment's sum is told", 60.0, || {
        let pods = admin.rows(&["get", "pods", "--namespace", "shop", "-l", "app=busy"]);
        let entities = pods.iter().map(|row| format!("namespaces/shop/pods/{}", row[0]));
        let rates: Vec<_> = entities.map(|pod| newest(&pod, "cpu/usage_rate")).collect::<Result<_, _>>()?;
        let told = newest("namespaces/shop/deployments/busy", "cpu/usage_rate")?;
        // each is a whole number, cut for itself; of another round they differ
        let (sum, both) = (rates.iter().sum::<f64>(), rates.len() == 2 && told > 110.0);
        if both && (told - sum).abs() <= 2.0 { Ok(()) } else { Err(format!("{told}, the pods {rates:?}")) }
    });
    admin.told(&["delete", "hpa,deployment", "busy", "--namespace", "shop", "--wait=false"]);
    eventually("they are gone", 60.0, || {
        let left = admin.rows(&["top", "pods", "--namespace", "shop"]);
        if left.len() == 3 { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

#[test]
fn agents_run_on_every_node() {
    require!(Need::Kube);
    let _cluster = deployed();
    let main = Worker::find("shop", "web", "main");
    main.order("burn 300");
    let pods = User::admin().json(&["get", "pods", "--namespace", "kube-system", "--selector", AGENT]);
    let pods = pods["items"].as_array().unwrap().clone();
    assert_eq!(pods.len(), 2);
    for pod in pods {
        let to = std::net::SocketAddr::new(text(&pod, "/status/podIP").parse().unwrap(), 8080);
        assert_eq!(pod["status"]["containerStatuses"][0]["restartCount"], 0, "{pod}");
        assert!(number(&http::get(to, "/api/v1.3/machine").unwrap().json(), "/num_cores") >= 1.0);
        if pod["spec"]["nodeName"] != "one" {
            continue;
        }
        // the runtime tells it whose the group is
        eventually("the agent tells the pod by name, with the kernel's numbers", 40.0, || {
            let all = http::get(to, "/stats/summary")?.json();
            let pods = all["pods"].as_array().cloned().unwrap_or_default();
            let web = pods.into_iter().find(|pod| pod["podRef"]["name"] == "web").ok_or("no web")?;
            let containers = web["containers"].as_array().cloned().unwrap_or_default();
            let own = containers.into_iter().find(|one| one["name"] == "main").ok_or("no main")?;
            let told = own.pointer("/cpu/usageCoreNanoSeconds").and_then(Value::as_f64).ok_or("no CPU")?;
            let truth = kernel::cpu_nanos(&main.group);
            if (told - truth).abs() <= truth * 0.01 { Ok(()) } else { Err(format!("{told}, not {truth}")) }
        });
    }
}
