use std::time::Duration;

use plimsoll_nodes::ask::Route;

use super::*;

fn run(program: &str, line: &str) -> Result<Command, UsageError> {
    crate::flags::parse(
        program,
        line.split_whitespace().map(|word| if word == "''" { "".into() } else { word.into() }),
    )
}

#[track_caller]
fn cluster(program: &str, line: &str) -> (Cluster, Vec<String>) {
    match run(program, line) {
        Ok(Command::Cluster(cluster, notices)) => (*cluster, notices.into_iter().map(|n| n.text).collect()),
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn fails(program: &str, line: &str, message: &str) {
    let error = run(program, line).unwrap_err();
    assert!(error.message.starts_with(message), "{line}: {}", error.message);
    assert_eq!(error.exit_code, 2);
}

#[test]
fn heapsters_manifests_are_taken() {
    let line = "--source=kubernetes:https://kubernetes.default --sink=influxdb:http://monitoring-influxdb:8086 \
                --sink=log --metric-resolution 30s --store_label=a --store-label=new=b,c --ignore_label=x";
    let (settings, notices) = cluster("/heapster", line);
    assert!(notices.is_empty(), "{notices:?}");
    let Source::Uri(uri) = &settings.source else { panic!("{:?}", settings.source) };
    assert_eq!((uri.key.as_str(), uri.host.as_str()), ("kubernetes", "kubernetes.default"));
    let sinks: Vec<_> = settings.sinks.uris.iter().map(ToString::to_string).collect();
    assert_eq!(sinks, ["influxdb:http://monitoring-influxdb:8086", "log"]);
    assert_eq!(settings.resolution, Duration::from_secs(30));
    let stored: Vec<_> =
        settings.labels.store.iter().map(|(name, new)| (name.as_str(), new.as_str())).collect();
    assert_eq!(stored, [("a", "a"), ("b", "new"), ("c", "c")]);
    assert_eq!(settings.labels.ignore, ["x"]);
    assert_eq!(settings.plain.map(|plain| plain.port), Some(8082));
    assert!(settings.secure.is_none());
    let (settings, _) =
        cluster("heapster", "--source=kubernetes.summary_api:'' --heapster-port=80 --api-server");
    assert_eq!(settings.resolution, Duration::from_secs(60));
    assert_eq!(settings.plain.map(|plain| plain.port), Some(80));
    assert_eq!(settings.secure.map(|secure| secure.port), Some(6443));
}

#[test]
fn metrics_servers_manifests_are_taken() {
    let line = "--cert-dir=/tmp --secure-port=10250 --kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname \
                --kubelet-use-node-status-port --metric-resolution=15s --kubelet-insecure-tls -l a=b";
    let (settings, notices) = cluster("/metrics-server", line);
    assert_eq!(notices, ["-cert-dir: no effect: it is made anew at each start and not written"]);
    assert_eq!(settings.source, Source::Kubernetes(None));
    assert!(settings.plain.is_none());
    assert!(!settings.without_export && !settings.reduced_metrics);
    // of both servers, also where there is only one
    let (both, _) =
        cluster("/metrics-server", "--disable_export --reduced_metrics --authentication-skip-lookup");
    assert!(both.plain.is_none() && both.without_export && both.reduced_metrics);
    assert!(both.secure.is_some_and(|secure| secure.skip_lookup));
    assert_eq!(settings.secure.map(|secure| secure.port), Some(10250));
    let nodes = settings.nodes;
    assert_eq!(nodes.address_types, ["InternalIP", "ExternalIP", "Hostname"]);
    assert!(nodes.status_port && nodes.insecure_tls && nodes.selector == "a=b");
    assert_eq!(cluster("metrics-server", "").0.secure.map(|secure| secure.port), Some(443));
}

#[test]
fn our_own_words() {
    let (settings, _) =
        cluster("plimsoll", "cluster --hosts=a=10.0.0.1:8080,10.0.0.2 --heapster-port=0 --route=summary");
    assert_eq!(settings.source, Source::Hosts(vec!["a=10.0.0.1:8080".to_owned(), "10.0.0.2".to_owned()]));
    assert_eq!(
        (settings.resolution, settings.nodes.choice),
        (Duration::from_secs(15), Some(Route::Summary.into()))
    );
    assert!(settings.plain.is_none());
    let (settings, _) = cluster("plimsoll", "cluster --kubeconfig /etc/kube --metric_resolution=5s");
    assert_eq!(settings.source, Source::Kubernetes(Some("/etc/kube".into())));
    assert_eq!(settings.nodes.timeout, Duration::from_millis(4500));
}

#[test]
fn what_cannot_be_followed_is_told() {
    fails("heapster", "", "-source is missing");
    fails(
        "heapster",
        "--source=kubernetes --source=kubernetes",
        "expected one source, got -source and -source",
    );
    fails("heapster", "--source=:x", "invalid value \":x\" for flag -source: missing uri key");
    fails(
        "heapster",
        "--source=kubernetes --metric_resolution=4s",
        "-metric_resolution: expected 5s or more",
    );
    fails("metrics-server", "--metric-resolution=9s", "-metric_resolution: expected 10s or more");
    fails(
        "metrics-server",
        "--metric-resolution=10s --kubelet-request-timeout=9.5s",
        "-kubelet-request-timeout: 9.5s",
    );
    fails(
        "metrics-server",
        "--kubelet-client-key=k",
        "-kubelet-client-key needs -kubelet-client-certificate",
    );
    let both = "--kubelet-insecure-tls --kubelet-certificate-authority=ca";
    fails("metrics-server", both, "-kubelet-insecure-tls and -kubelet-certificate-authority exclude");
    let both = "--deprecated-kubelet-completely-insecure --kubelet-insecure-tls";
    fails("metrics-server", both, "-deprecated-kubelet-completely-insecure excludes");
    fails("heapster", "--source=kubernetes --tls_cert=c", "-tls_cert needs -tls_key");
    fails("heapster", "--source=kubernetes --tls_client_ca=c", "-tls_client_ca needs -tls_cert and -tls_key");
    fails("heapster", "--source=kubernetes --allowed_users=c", "-allowed_users needs -tls_client_ca");
    fails(
        "heapster",
        "--source=kubernetes --heapster-port=65536",
        "-heapster-port: expected 0 to 65535, got 65536",
    );
    fails(
        "plimsoll",
        "cluster --sorce=kubernetes",
        "flag provided but not defined: -sorce\ndid you mean -source?",
    );
    fails("plimsoll", "cluster --route=x", "invalid value \"x\" for flag -route: ");
}

#[test]
fn help_and_versions() {
    let Ok(Command::Help(text)) = run("plimsoll", "cluster -h") else { panic!("no help") };
    assert!(text.contains("-source uri") && text.contains("metrics.k8s.io"), "{text}");
    let version = |program, line| match run(program, line) {
        Ok(Command::Version(text)) => text,
        other => panic!("{other:?}"),
    };
    assert!(version("heapster", "--version").starts_with("version: v1.5.4+plimsoll."));
    assert!(version("metrics-server", "--version").starts_with("v0.9.0+plimsoll."));
    assert!(version("plimsoll", "cluster --version").starts_with("plimsoll "));
}

#[test]
fn a_name_stands_once_and_defaults_are_taken() {
    let mut names: Vec<_> =
        SECTIONS.iter().flat_map(|section| section.flags).map(|flag| flag.name.replace('_', "-")).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    for flag in SECTIONS.iter().flat_map(|section| section.flags).filter(|flag| !flag.default.is_empty()) {
        let line = format!("cluster --kubeconfig=x --{}={}", flag.name, flag.default);
        assert!(matches!(run("plimsoll", &line), Ok(Command::Cluster(..))), "{line}");
    }
}
