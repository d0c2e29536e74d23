//! The manifests of `deploy/kubernetes`: what they name is there, and every flag in them is one of ours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll::flags::{self, Command};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes")
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All objects that a folder's kustomization lists, those of other folders included.
fn listed(folder: &Path) -> Vec<Value> {
    let all = documents(&folder.join("kustomization.yaml"));
    let [kustomization] = all.as_slice() else { panic!("{}: one document is wanted", folder.display()) };
    let mut objects = Vec::new();
    for entry in kustomization["resources"].as_array().unwrap() {
        let path = folder.join(entry.as_str().unwrap());
        objects.extend(if path.is_dir() { listed(&path) } else { documents(&path) });
    }
    objects
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// Whether each pair of the first stands in the second.
fn within(part: &Value, whole: &Value) -> bool {
    part.as_object().unwrap().iter().all(|(key, value)| whole.get(key) == Some(value))
}

fn workloads(objects: &[Value]) -> Vec<&Value> {
    [of_kind(objects, "Deployment"), of_kind(objects, "DaemonSet")].concat()
}

fn containers(workload: &Value) -> &Vec<Value> {
    workload.pointer("/spec/template/spec/containers").and_then(Value::as_array).unwrap()
}

/// The ports of a workload by name.
fn ports(workload: &Value) -> BTreeMap<String, u64> {
    let of_one =
        |port: &Value| (port["name"].as_str().unwrap().to_owned(), port["containerPort"].as_u64().unwrap());
    containers(workload).iter().flat_map(|one| one["ports"].as_array().unwrap()).map(of_one).collect()
}

#[test]
fn every_file_is_listed_and_nothing_twice() {
    for overlay in ["", "heapster"] {
        let objects = listed(&folder().join(overlay));
        let names: BTreeSet<_> = objects
            .iter()
            .map(|object| format!("{}/{}", object["kind"], object["metadata"]["name"]))
            .collect();
        assert_eq!(names.len(), objects.len(), "{names:#?}");
    }
    let base = folder().join("base");
    let all = documents(&base.join("kustomization.yaml")).remove(0);
    let all: BTreeSet<_> =
        all["resources"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
    let files = fs::read_dir(base).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files: BTreeSet<_> = files.filter(|name| name != "kustomization.yaml").collect();
    assert_eq!(all, files);
}

#[test]
fn selectors_and_ports_meet() {
    let objects = listed(&folder().join("heapster"));
    for workload in workloads(&objects) {
        let (selector, labels) = (
            &workload["spec"]["selector"]["matchLabels"],
            &workload["spec"]["template"]["metadata"]["labels"],
        );
        assert!(within(selector, labels), "{}", name(workload));
        for one in containers(workload) {
            let ports = ports(workload);
            for probe in ["livenessProbe", "readinessProbe"] {
                let port = one[probe]["httpGet"]["port"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{} has no {probe}", name(workload)));
                assert!(ports.contains_key(port), "{}: {probe} asks {port}", name(workload));
            }
            let mounts = one["volumeMounts"].as_array().into_iter().flatten();
            let volumes = workload.pointer("/spec/template/spec/volumes").and_then(Value::as_array);
            let volumes: Vec<_> = volumes.into_iter().flatten().map(|volume| &volume["name"]).collect();
            for mount in mounts {
                assert!(volumes.contains(&&mount["name"]), "{}: {mount}", name(workload));
            }
        }
    }
    let services = of_kind(&objects, "Service");
    assert_eq!(services.len(), 2);
    for service in &services {
        let selector = &service["spec"]["selector"];
        let all = workloads(&objects);
        let fitting: Vec<_> = all
            .iter()
            .filter(|one| within(selector, &one["spec"]["template"]["metadata"]["labels"]))
            .collect();
        let [workload] = fitting.as_slice() else {
            panic!("{} selects {} workloads", name(service), fitting.len())
        };
        for port in service["spec"]["ports"].as_array().unwrap() {
            let target = port["targetPort"].as_str().unwrap();
            assert!(ports(workload).contains_key(target), "{}: {target}", name(service));
        }
    }
    // where others look for it
    let heapster = services.iter().find(|service| name(service) == "heapster").unwrap();
    assert_eq!(
        (&heapster["metadata"]["namespace"], &heapster["spec"]["ports"][0]["port"]),
        (&json!("kube-system"), &json!(80))
    );
    let api = of_kind(&objects, "APIService").remove(0);
    let spec = &api["spec"];
    assert_eq!(
        name(api),
        format!("{}.{}", spec["version"].as_str().unwrap(), spec["group"].as_str().unwrap())
    );
    let service = services.iter().find(|one| one["metadata"]["name"] == spec["service"]["name"]).unwrap();
    assert_eq!(service["metadata"]["namespace"], spec["service"]["namespace"]);
    assert!(
        service["spec"]["ports"]
            .as_array()
            .unwrap()
            .iter()
            .any(|port| port["port"] == spec["service"]["port"])
    );
}

#[test]
fn accounts_and_roles_are_there() {
    let objects = listed(&folder());
    let accounts: Vec<_> = of_kind(&objects, "ServiceAccount").into_iter().map(name).collect();
    for workload in workloads(&objects) {
        let account = workload.pointer("/spec/template/spec/serviceAccountName").and_then(Value::as_str);
        assert!(accounts.contains(&account.unwrap()), "{}", name(workload));
    }
    // those that every cluster has
    let given = ["system:auth-delegator", "extension-apiserver-authentication-reader"];
    let roles: Vec<_> = of_kind(&objects, "ClusterRole").into_iter().map(name).chain(given).collect();
    let bindings = [of_kind(&objects, "ClusterRoleBinding"), of_kind(&objects, "RoleBinding")].concat();
    assert_eq!(bindings.len(), 3);
    for binding in bindings {
        assert!(roles.contains(&binding["roleRef"]["name"].as_str().unwrap()), "{}", name(binding));
        for subject in binding["subjects"].as_array().unwrap() {
            assert!(accounts.contains(&subject["name"].as_str().unwrap()), "{}", name(binding));
        }
    }
    // reading, and nothing of secrets or of what runs
    for role in of_kind(&objects, "ClusterRole") {
        for rule in role["rules"].as_array().unwrap() {
            for verb in rule["verbs"].as_array().unwrap() {
                assert!(["get", "list", "watch"].contains(&verb.as_str().unwrap()), "{}: {rule}", name(role));
            }
            for resource in rule["resources"].as_array().unwrap() {
                assert!(
                    !["*", "secrets", "nodes/proxy"].contains(&resource.as_str().unwrap()),
                    "{}: {rule}",
                    name(role)
                );
            }
        }
    }
}

#[test]
fn nothing_has_more_rights_than_it_uses() {
    for workload in workloads(&listed(&folder())) {
        for one in containers(workload) {
            let rights = &one["securityContext"];
            assert_ne!(rights["privileged"], true);
            assert_eq!(
                (&rights["readOnlyRootFilesystem"], &rights["allowPrivilegeEscalation"]),
                (&json!(true), &json!(false))
            );
            assert_eq!(rights["capabilities"]["drop"], json!(["ALL"]));
            assert!(
                one["resources"]["requests"]["memory"].is_string()
                    && one["resources"]["limits"]["memory"].is_string()
            );
            for mount in one["volumeMounts"].as_array().into_iter().flatten() {
                assert_eq!(mount["readOnly"], true, "{mount}");
            }
        }
        let pod = &workload["spec"]["template"]["spec"];
        if workload["kind"] == "Deployment" {
            assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
            assert!(containers(workload)[0]["securityContext"]["capabilities"].get("add").is_none());
        } else {
            assert_eq!(pod["automountServiceAccountToken"], false);
            let added = &containers(workload)[0]["securityContext"]["capabilities"]["add"];
            // as docs/privileges.md has it
            assert_eq!(*added, json!(["DAC_READ_SEARCH", "SYS_PTRACE"]));
        }
    }
}

#[test]
fn every_flag_is_ours_and_ports_are_those_that_are_told() {
    for workload in workloads(&listed(&folder())) {
        for one in containers(workload) {
            let words = one["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
            let words: Vec<_> = words.collect();
            let command = flags::parse("plimsoll", words.iter().map(OsString::from));
            let ports = ports(workload);
            match command.unwrap_or_else(|error| panic!("{}: {error}", name(workload))) {
                Command::Host(settings, notices) => {
                    assert!(notices.is_empty(), "{notices:?}");
                    assert!(words.contains(&format!("--port={}", ports["http"]).as_str()), "{settings:?}");
                }
                Command::Cluster(settings, notices) => {
                    assert!(notices.is_empty(), "{notices:?}");
                    let (secure, plain) = (settings.secure.unwrap(), settings.plain.unwrap());
                    assert_eq!(u64::from(secure.port), ports["https"]);
                    assert_eq!(u64::from(plain.port), ports["http"]);
                }
                other => panic!("{}: {other:?}", name(workload)),
            }
            commented_flags(&words);
        }
    }
}

/// Flags that a comment offers are ours as well.
fn commented_flags(words: &[&str]) {
    let text = fs::read_to_string(folder().join("base/cluster.yaml")).unwrap();
    let offered = text.lines().filter_map(|line| line.trim().strip_prefix("# - --"));
    for flag in offered.filter(|_| words.first() == Some(&"cluster")) {
        let words = words.iter().map(|word| (*word).to_owned()).chain([format!("--{flag}")]);
        let parsed = flags::parse("plimsoll", words.map(OsString::from));
        assert!(matches!(parsed, Ok(Command::Cluster(..))), "{flag}: {parsed:?}");
    }
}

#[test]
fn flags_that_the_page_names_are_ours() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cluster.md")).unwrap();
    let known: BTreeSet<String> = flags::cluster::SECTIONS
        .iter()
        .flat_map(|section| section.flags)
        .map(|flag| flag.name.replace('_', "-"))
        .collect();
    let words = page.split(['`', ' ', '\n', ',', '(']).filter(|word| word.starts_with('-') && word.len() > 2);
    let names = words.map(|word| word.trim_start_matches('-').split('=').next().unwrap().replace('_', "-"));
    let names: BTreeSet<String> =
        names.filter(|name| name.starts_with(|letter: char| letter.is_ascii_lowercase())).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        let fits =
            |known: &String| name.strip_suffix("-*").map_or(*known == name, |start| known.starts_with(start));
        assert!(known.iter().any(fits), "-{name} is no flag");
    }
}
