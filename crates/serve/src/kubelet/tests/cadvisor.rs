//! `/metrics/cadvisor`: whose the series are, and which there are.

use std::collections::BTreeSet;

use plimsoll_core::kinds::Kinds;

use crate::app::{App, Options};
use crate::fake::Fake;
use crate::fake::kubernetes::WEB_UID;
use crate::tests::{app, get};

#[tokio::test]
async fn containers_and_groups_of_pods_carry_the_pods_names() {
    let answer = get(&app(Fake::kubernetes()), "/metrics/cadvisor").await;
    assert_eq!(answer.status, 200);
    let slice = format!(
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice",
        WEB_UID.replace('-', "_")
    );
    let all: Vec<&str> =
        answer.text().lines().filter(|line| line.starts_with("container_memory_rss{")).collect();
    for labels in [
        r#"container="",id="/",image="",name="",namespace="",pod="""#.to_owned(),
        format!(r#"container="",id="{slice}",image="",name="",namespace="shop",pod="web""#),
        format!(
            r#"container="",id="{slice}/cri-containerd-5ab1f49a895d.scope",image="registry.k8s.io/pause:3.9",name="5ab1f49a895d",namespace="shop",pod="web""#
        ),
        format!(
            r#"container="httpd",id="{slice}/cri-containerd-ca574d8d6e17.scope",image="busybox:local",name="ca574d8d6e17",namespace="shop",pod="web""#
        ),
    ] {
        let line = format!("container_memory_rss{{{labels}}} ");
        assert!(all.iter().any(|known| known.starts_with(&line)), "{line}\n{all:#?}");
    }
}

#[tokio::test]
async fn nothing_is_told_of_the_program() {
    let app = app(Fake::kubernetes());
    let families = async |path: &str| -> BTreeSet<String> {
        let answer = get(&app, path).await;
        let heads = answer.text().lines().filter_map(|line| line.strip_prefix("# TYPE "));
        heads.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let (whole, ours) = (families("/metrics").await, families("/metrics/cadvisor").await);
    assert!(ours.is_subset(&whole));
    assert!(
        whole.difference(&ours).all(|name| !name.starts_with("container_") && !name.starts_with("machine_"))
    );
    assert!(ours.iter().all(|name| {
        ["container_", "machine_", "cadvisor_version_info"].iter().any(|start| name.starts_with(start))
    }));
}

/// Those that kubelet has and this program cannot have, and why.
const NOT_OURS: &[(&str, &str)] = &[];

#[tokio::test]
async fn every_family_of_kubelets_is_known_with_its_type() {
    let all = Options { kinds: Kinds::all(), ..Options::default() };
    let app = App::new(std::sync::Arc::new(Fake::kubernetes()), all);
    let told = get(&app, "/metrics/cadvisor").await.text().to_owned();
    let mut documented: BTreeSet<String> =
        plimsoll_measure::families::container().iter().map(|row| row.name.to_owned()).collect();
    documented
        .extend(crate::metrics::documented().iter().flat_map(|(_, all)| all).map(|e| e.name.to_owned()));
    documented.extend(plimsoll_measure::machine::families::FAMILIES.iter().map(|row| row.name.to_owned()));
    for line in include_str!("../testdata/metrics-cadvisor.prom").lines() {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            let name = head.split(' ').next().unwrap();
            let known = documented.contains(name) || NOT_OURS.iter().any(|(other, _)| *other == name);
            assert!(known, "{name} is not known here");
            let ours = told.lines().find(|line| line.starts_with(&format!("# TYPE {name} ")));
            assert!(ours.is_none_or(|ours| ours == line), "{ours:?} in ours, {line} in theirs");
        } else if line.starts_with("container_") && line.contains('{') {
            let name = line.split('{').next().unwrap();
            let ours = told.lines().find(|line| line.starts_with(&format!("{name}{{")));
            if let Some(ours) = ours {
                assert_eq!(labels(ours), labels(line), "labels of {name}");
            }
        }
    }
}

/// The names of a line's labels.
fn labels(line: &str) -> BTreeSet<&str> {
    let inside = line.split_once('{').unwrap().1.rsplit_once('}').unwrap().0;
    inside.split("\",").map(|pair| pair.split('=').next().unwrap()).collect()
}
