//! `GET /containers/ID/json`: who one container is.

use std::path::{Path, PathBuf};

use plimsoll_core::container::{Identity, Layers};
use serde_json::Value;

use super::NAMESPACE;
use crate::runtime::json::{self, ParseError};
pub use crate::runtime::remote::Inspected;
use crate::runtime::volumes;

/// Reads an answer. `envs` are the prefixes of environment variables that are taken over.
///
/// # Errors
/// The answer is no JSON object with an `Id`.
pub fn parse(bytes: &[u8], envs: &[String]) -> Result<Inspected, ParseError> {
    parse_as(NAMESPACE, bytes, envs)
}

/// The same of a runtime that speaks Docker's API.
pub(crate) fn parse_as(
    namespace: &'static str,
    bytes: &[u8],
    envs: &[String],
) -> Result<Inspected, ParseError> {
    const EXPECTED: &str = "a container as an object with Id";
    let all = json::object(bytes, EXPECTED)?;
    let id = json::text(&all, "/Id")
        .filter(|id| !id.is_empty())
        .ok_or_else(|| ParseError::new(EXPECTED, bytes))?;
    let running = json::is(&all, "/State/Running");
    let ended = matches!(json::text(&all, "/State/Status"), Some("exited" | "dead")) && !running;
    let name = json::text(&all, "/Name").unwrap_or_default().trim_start_matches('/');
    let network = json::text(&all, "/HostConfig/NetworkMode").unwrap_or_default();
    let identity = Identity {
        id: id.to_owned(),
        namespace,
        aliases: [name, id].into_iter().filter(|alias| !alias.is_empty()).map(str::to_owned).collect(),
        labels: all
            .pointer("/Config/Labels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        envs: json::environment(&all, "/Config/Env", envs),
        image: json::text_or_empty(&all, "/Config/Image"),
        created: json::time(&all, "/Created"),
        started: json::time(&all, "/State/StartedAt"),
        pid: json::int(&all, "/State/Pid").and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid > 0),
        has_network: !network.starts_with("container:"),
        host_network: network == "host",
        has_filesystem: true,
        layers: Some(layers(&all, id)),
        volumes: volumes::of_mounts(&all),
        restart_count: json::int(&all, "/RestartCount").and_then(|count| count.try_into().ok()).unwrap_or(0),
        health: json::text(&all, "/State/Health/Status").filter(|word| !word.is_empty()).map(str::to_owned),
        exit_code: if ended { json::int(&all, "/State/ExitCode") } else { None },
        oom_killed: json::is(&all, "/State/OOMKilled"),
        paused: json::is(&all, "/State/Paused") || json::text(&all, "/State/Status") == Some("paused"),
        ..Identity::default()
    };
    Ok(Inspected { identity, running })
}

/// Engines with the containerd image store tell no directory, since 29 not even under `GraphDriver`.
fn layers(all: &Value, id: &str) -> Layers {
    let told = |pointer: &str| json::text(all, pointer).filter(|text| !text.is_empty());
    let driver = told("/GraphDriver/Name").or_else(|| told("/Storage/RootFS/Snapshot/Name"));
    Layers {
        driver: driver.or_else(|| told("/Driver")).unwrap_or_default().to_owned(),
        upper: told("/GraphDriver/Data/UpperDir").map(PathBuf::from),
        // without a log file another of its files tells the folder; one that is shared lies in another's
        extra: ["/LogPath", "/HostnamePath", "/HostsPath", "/ResolvConfPath"]
            .into_iter()
            .filter_map(|pointer| Path::new(told(pointer)?).parent())
            .find(|folder| folder.ends_with(id))
            .map(Path::to_path_buf),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &[u8] = include_bytes!("testdata/20.10/inspect-web.json");

    fn of(text: &str) -> Identity {
        parse(text.as_bytes(), &[]).unwrap().identity
    }

    #[test]
    fn a_recorded_container_is_read_whole() {
        let Inspected { identity, running } = parse(WEB, &["MO".to_owned()]).unwrap();
        let id = "e86aaafe827a4a6c1c6db7af42ec46c83d6b692c128730f66d051217056eb124";
        assert!(running);
        assert_eq!(identity.id, id);
        assert_eq!(identity.aliases, ["fx-web", id]);
        assert_eq!(identity.labels["c"], "d \"e\"");
        assert_eq!(identity.envs.into_iter().collect::<Vec<_>>(), [("mode".to_owned(), "demo".to_owned())]);
        assert_eq!(identity.image, "localhost/plimsoll/busybox:1");
        assert_eq!(identity.created.unwrap().to_string(), "2026-11-21T10:00:51.675258832Z");
        assert_eq!(identity.started.unwrap().to_string(), "2026-11-21T10:00:52.301667976Z");
        assert_eq!(identity.pid, Some(18191));
        assert!(identity.has_network);
        assert_eq!((identity.exit_code, identity.oom_killed, identity.health), (None, false, None));
    }

    #[test]
    fn a_network_of_another_container_is_not_its_own() {
        let of = |mode| {
            let identity = of(&format!(r#"{{"Id":"a","HostConfig":{{"NetworkMode":"{mode}"}}}}"#));
            (identity.has_network, identity.host_network)
        };
        assert_eq!(of("container:0123"), (false, false));
        assert_eq!(of("host"), (true, true));
        assert_eq!((of("default"), of("none")), ((true, false), (true, false)));
    }

    #[test]
    fn the_layer_and_the_folder_with_the_log_are_told() {
        let layers = parse(WEB, &[]).unwrap().identity.layers.unwrap();
        assert_eq!(layers.driver, "overlay2");
        let root = Path::new("/var/lib/docker");
        let layer = "overlay2/c37fea3705a908fe4b6e20209841d86c31630ce984c7abd0e9f0a1426f0fc946/diff";
        assert_eq!(layers.upper, Some(root.join(layer)));
        let folder = "containers/e86aaafe827a4a6c1c6db7af42ec46c83d6b692c128730f66d051217056eb124";
        assert_eq!(layers.extra, Some(root.join(folder)));
    }

    #[test]
    fn an_engine_that_tells_no_layer_tells_its_snapshotter() {
        let f = |text: &str, driver: &str, extra: Option<&str>| {
            let expected = Layers { driver: driver.to_owned(), upper: None, extra: extra.map(PathBuf::from) };
            assert_eq!(of(text).layers, Some(expected), "{text}");
        };
        f(r#"{"Id":"a","GraphDriver":{"Data":null,"Name":"overlayfs"}}"#, "overlayfs", None);
        f(r#"{"Id":"a","Storage":{"RootFS":{"Snapshot":{"Name":"overlayfs"}}}}"#, "overlayfs", None);
        // no log file, and another container's network with its files
        f(
            r#"{"Id":"a","Driver":"vfs","LogPath":"","HostsPath":"/d/containers/b/hosts","HostnamePath":"/d/containers/a/hostname"}"#,
            "vfs",
            Some("/d/containers/a"),
        );
        f(r#"{"Id":"a","LogPath":"/d/containers/b/b-json.log"}"#, "", None);
    }

    #[test]
    fn no_prefix_lets_no_variable_through() {
        for envs in [vec![], vec![String::new()]] {
            assert!(parse(WEB, &envs).unwrap().identity.envs.is_empty());
        }
    }

    #[test]
    fn a_container_that_was_never_started_has_no_start_pid_or_exit() {
        let identity = of(
            r#"{"Id":"a","State":{"Status":"created","Pid":0,"ExitCode":0,"StartedAt":"0001-01-01T00:00:00Z"}}"#,
        );
        assert_eq!((identity.started, identity.pid, identity.exit_code), (None, None, None));
    }

    #[test]
    fn an_ended_one_has_its_exit_code() {
        let identity =
            of(r#"{"Id":"a","State":{"Status":"exited","ExitCode":137,"OOMKilled":true},"RestartCount":3}"#);
        assert_eq!((identity.exit_code, identity.oom_killed, identity.restart_count), (Some(137), true, 3));
    }

    #[test]
    fn unknown_words_and_wrong_types_cost_their_own_field_alone() {
        let identity = of(
            r#"{"Id":"a","Name":["x"],"Created":5,"Config":{"Labels":{"k":"v","n":1},"Env":"X=1","Image":"i"},
                "State":{"Status":"dreaming","Running":true,"Pid":"x","Health":{"Status":"splendid"}},
                "HostConfig":{"NetworkMode":null,"CgroupnsMode":"novel"},"RestartCount":-1}"#,
        );
        assert_eq!(identity.aliases, ["a"]);
        assert_eq!(identity.labels.len(), 1);
        assert_eq!(identity.image, "i");
        assert_eq!(identity.health.as_deref(), Some("splendid"));
        assert_eq!((identity.created, identity.pid, identity.restart_count), (None, None, 0));
    }

    #[test]
    fn what_is_no_container_is_refused_with_its_beginning() {
        for text in ["", "null", "[]", "{}", "{\"Id\":1}", "{\"Id\":\"a\"", "<html>"] {
            let error = parse(text.as_bytes(), &[]).unwrap_err().to_string();
            assert!(error.starts_with("expected a container"), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_panics(cut in 0..WEB.len(), byte: u8) {
            let mut broken = WEB.to_vec();
            broken[cut] = byte;
            let _ = parse(&broken, &["M".to_owned()]);
            let _ = parse(&broken[..cut], &[]);
        }
    }
}
