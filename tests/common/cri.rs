//! Pods over a runtime's CRI socket, as kubelet makes them.
//!
//! The protocol is CRI's `runtime.v1`: each message with the fields that are used, and their numbers.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use serde_json::Value;

use super::container::{Container, Control};
use super::kernel;

/// Whose a namespace is; 0 is the pod's.
const CONTAINER: i32 = 1;
const NODE: i32 = 2;

/// A runtime's CRI socket.
#[derive(Clone)]
pub struct Cri {
    pub socket: PathBuf,
    /// The UIDs of pods begin so: what is left of one is known by it.
    prefix: String,
    /// The image of the containers.
    pub image: String,
}

/// How a pod is made.
#[derive(Clone, Default)]
pub struct Pod<'a> {
    /// Empty: what the runtime does without one. `UID` in it becomes the pod's, in a slice as systemd has it.
    pub cgroup_parent: &'a str,
    /// Without a network of its own.
    pub host_network: bool,
}

/// A pod that runs; removed with all its containers when dropped.
pub struct Sandbox {
    pub cri: Cri,
    pub id: String,
    pub name: String,
    pub uid: String,
    /// Of its first process, as the host counts; none where the pod has no process of its own.
    pub pid: Option<u32>,
    /// Its cgroup's name.
    pub group: String,
    config: PodSandboxConfig,
}

impl Cri {
    pub fn new(socket: &Path, prefix: &str, image: &str) -> Self {
        Self { socket: socket.to_owned(), prefix: prefix.to_owned(), image: image.to_owned() }
    }

    #[track_caller]
    pub fn pod(&self, name: &str, pod: &Pod<'_>) -> Sandbox {
        let uid = super::unique(&self.prefix);
        let labels = labels(name, &uid, None);
        let in_slice = pod.cgroup_parent.ends_with(".slice");
        let part = if in_slice { uid.replace('-', "_") } else { uid.clone() };
        let cgroup_parent = pod.cgroup_parent.replace("UID", &part);
        let config = PodSandboxConfig {
            metadata: Some(Metadata {
                name: name.to_owned(),
                uid: uid.clone(),
                namespace: "shop".to_owned(),
                attempt: 0,
            }),
            hostname: if pod.host_network { String::new() } else { name.to_owned() },
            labels,
            annotations: HashMap::new(),
            linux: Some(LinuxPod {
                cgroup_parent: cgroup_parent.clone(),
                security_context: Some(Security {
                    // kubelet gives each container processes of its own
                    namespaces: Some(Namespaces {
                        network: if pod.host_network { NODE } else { 0 },
                        pid: CONTAINER,
                    }),
                }),
            }),
        };
        let asked = RunPodSandbox { config: Some(config.clone()) };
        let id = self.call::<One>("RunPodSandbox", &asked).id;
        let told: Status = self.call("PodSandboxStatus", &Which { id: id.clone(), verbose: true });
        let pid = told.pid();
        let group = pid.map_or_else(|| kernel::find_group(&cgroup_parent, &id), kernel::group_of);
        Sandbox { cri: self.clone(), id, name: name.to_owned(), uid, pid, group, config }
    }

    #[track_caller]
    pub fn call<A: Message + Default>(&self, method: &str, question: &impl Message) -> A {
        self.try_call(method, question).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    fn try_call<A: Message + Default>(&self, method: &str, question: &impl Message) -> Result<A, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let limit = super::seconds(60.0);
        runtime.block_on(async {
            tokio::time::timeout(limit, self.ask(method, question))
                .await
                .map_err(|_| format!("no answer within {limit:?}"))?
        })
    }

    async fn ask<A: Message + Default>(&self, method: &str, question: &impl Message) -> Result<A, String> {
        let why = |error: &dyn std::fmt::Display| error.to_string();
        let stream = tokio::net::UnixStream::connect(&self.socket).await.map_err(|error| why(&error))?;
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .map_err(|error| why(&error))?;
        tokio::spawn(connection);
        let message = question.encode_to_vec();
        let mut body = BytesMut::new();
        body.put_u8(0);
        body.put_u32(message.len().try_into().unwrap());
        body.put_slice(&message);
        let request = http::Request::post(format!("http://cri/runtime.v1.RuntimeService/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::<Bytes>::new(body.freeze()))
            .unwrap();
        let response = sender.send_request(request).await.map_err(|error| why(&error))?;
        let headers = response.headers().clone();
        let answer = response.into_body().collect().await.map_err(|error| why(&error))?;
        let all = [Some(&headers), answer.trailers()];
        let told =
            |key: &str| all.iter().flatten().find_map(|map| Some(map.get(key)?.to_str().ok()?.to_owned()));
        match told("grpc-status").as_deref() {
            Some("0") => {}
            other => return Err(format!("status {other:?}: {:?}", told("grpc-message"))),
        }
        let bytes = answer.to_bytes();
        A::decode(bytes.get(5..).unwrap_or_default()).map_err(|error| why(&error))
    }
}

impl Sandbox {
    /// A container that waits for orders. `attempt` counts kubelet's restarts.
    #[track_caller]
    pub fn container(&self, name: &str, attempt: u32, envs: &[(&str, &str)], memory: i64) -> Container {
        self.mounting(name, attempt, envs, memory, &[])
    }

    /// The same, with these directories of the host at these places of its own.
    #[track_caller]
    pub fn mounting(
        &self,
        name: &str,
        attempt: u32,
        envs: &[(&str, &str)],
        memory: i64,
        mounts: &[(&Path, &str)],
    ) -> Container {
        let control = Control::new();
        let own = Mount { container_path: Control::INSIDE.to_owned(), host_path: control.path() };
        let others = mounts.iter().map(|(host, inside)| Mount {
            container_path: (*inside).to_owned(),
            host_path: host.display().to_string(),
        });
        let config = ContainerConfig {
            metadata: Some(Named { name: name.to_owned(), attempt }),
            image: Some(Image { image: self.cri.image.clone() }),
            command: Control::COMMAND.map(str::to_owned).to_vec(),
            envs: envs
                .iter()
                .map(|(key, value)| Pair { key: (*key).to_owned(), value: (*value).to_owned() })
                .collect(),
            mounts: std::iter::once(own).chain(others).collect(),
            labels: labels(&self.name, &self.uid, Some(name)),
            annotations: HashMap::from([(
                "io.kubernetes.container.restartCount".to_owned(),
                attempt.to_string(),
            )]),
            linux: Some(LinuxContainer {
                resources: Some(Resources { memory_limit_in_bytes: memory }),
                security_context: self
                    .config
                    .linux
                    .as_ref()
                    .and_then(|linux| linux.security_context)
                    .map(|pod| ContainerSecurity { namespaces: pod.namespaces }),
            }),
        };
        let asked = CreateContainer {
            pod: self.id.clone(),
            config: Some(config),
            sandbox_config: Some(self.config.clone()),
        };
        let id = self.cri.call::<One>("CreateContainer", &asked).id;
        let _: Nothing = self.cri.call("StartContainer", &One { id: id.clone() });
        let told: Status = self.cri.call("ContainerStatus", &Which { id: id.clone(), verbose: true });
        let pid = told.pid().unwrap_or_else(|| panic!("no pid in {:?}", told.info));
        Container::new(&id, name, pid, control, None)
    }
}

impl Sandbox {
    #[track_caller]
    pub fn remove(&self, container: &Container) {
        let _: Nothing = self.cri.call("RemoveContainer", &One { id: container.id.clone() });
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for method in ["StopPodSandbox", "RemovePodSandbox"] {
            let _ = self.cri.try_call::<Nothing>(method, &One { id: self.id.clone() });
        }
    }
}

/// What kubelet writes on a pod, and on a container in it.
fn labels(pod: &str, uid: &str, container: Option<&str>) -> HashMap<String, String> {
    [
        ("pod.name", Some(pod)),
        ("pod.namespace", Some("shop")),
        ("pod.uid", Some(uid)),
        ("container.name", container),
    ]
    .into_iter()
    .filter_map(|(key, value)| Some((format!("io.kubernetes.{key}"), value?.to_owned())))
    .collect()
}

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

/// A question or an answer that is an id.
#[derive(Clone, PartialEq, Message)]
pub struct One {
    #[prost(string, tag = "1")]
    pub id: String,
}

#[derive(Clone, PartialEq, Message)]
struct Which {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(bool, tag = "2")]
    verbose: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(map = "string, string", tag = "2")]
    info: HashMap<String, String>,
}

impl Status {
    fn pid(&self) -> Option<u32> {
        let info: Value = serde_json::from_str(self.info.get("info")?).ok()?;
        info["pid"].as_u64()?.try_into().ok().filter(|pid| *pid > 0)
    }
}

#[derive(Clone, PartialEq, Message)]
struct RunPodSandbox {
    #[prost(message, optional, tag = "1")]
    config: Option<PodSandboxConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct PodSandboxConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Metadata>,
    #[prost(string, tag = "2")]
    hostname: String,
    #[prost(map = "string, string", tag = "6")]
    labels: HashMap<String, String>,
    #[prost(map = "string, string", tag = "7")]
    annotations: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    linux: Option<LinuxPod>,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    uid: String,
    #[prost(string, tag = "3")]
    namespace: String,
    #[prost(uint32, tag = "4")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
struct LinuxPod {
    #[prost(string, tag = "1")]
    cgroup_parent: String,
    #[prost(message, optional, tag = "2")]
    security_context: Option<Security>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Security {
    #[prost(message, optional, tag = "1")]
    namespaces: Option<Namespaces>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Namespaces {
    #[prost(int32, tag = "1")]
    network: i32,
    #[prost(int32, tag = "2")]
    pid: i32,
}

#[derive(Clone, PartialEq, Message)]
struct CreateContainer {
    #[prost(string, tag = "1")]
    pod: String,
    #[prost(message, optional, tag = "2")]
    config: Option<ContainerConfig>,
    #[prost(message, optional, tag = "3")]
    sandbox_config: Option<PodSandboxConfig>,
}

#[derive(Clone, PartialEq, Message)]
struct ContainerConfig {
    #[prost(message, optional, tag = "1")]
    metadata: Option<Named>,
    #[prost(message, optional, tag = "2")]
    image: Option<Image>,
    #[prost(string, repeated, tag = "3")]
    command: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    envs: Vec<Pair>,
    #[prost(message, repeated, tag = "7")]
    mounts: Vec<Mount>,
    #[prost(map = "string, string", tag = "9")]
    labels: HashMap<String, String>,
    #[prost(map = "string, string", tag = "10")]
    annotations: HashMap<String, String>,
    #[prost(message, optional, tag = "15")]
    linux: Option<LinuxContainer>,
}

#[derive(Clone, PartialEq, Message)]
struct Named {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(uint32, tag = "2")]
    attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Image {
    #[prost(string, tag = "1")]
    image: String,
}

#[derive(Clone, PartialEq, Message)]
struct Pair {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Mount {
    #[prost(string, tag = "1")]
    container_path: String,
    #[prost(string, tag = "2")]
    host_path: String,
}

#[derive(Clone, PartialEq, Message)]
struct LinuxContainer {
    #[prost(message, optional, tag = "1")]
    resources: Option<Resources>,
    #[prost(message, optional, tag = "2")]
    security_context: Option<ContainerSecurity>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ContainerSecurity {
    #[prost(message, optional, tag = "3")]
    namespaces: Option<Namespaces>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Resources {
    #[prost(int64, tag = "4")]
    memory_limit_in_bytes: i64,
}
