//! The part of containerd's protocol that we speak: each message with the fields that are read, and their
//! numbers. Others are passed over.

use std::collections::HashMap;

use plimsoll_core::time::Timestamp;

/// A question without words.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Nothing {}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: bytes::Bytes,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Time {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

impl Time {
    /// Go's zero time, and what lies before 1970, is none.
    pub(super) fn stamp(self) -> Option<Timestamp> {
        let nanos = self.seconds.checked_mul(1_000_000_000)?.checked_add(i64::from(self.nanos))?;
        Some(Timestamp(nanos)).filter(|_| self.seconds > 0)
    }
}

pub(super) const VERSION: &str = "/containerd.services.version.v1.Version/Version";

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Version {
    #[prost(string, tag = "1")]
    pub(super) version: String,
}

pub(super) const PLUGINS: &str = "/containerd.services.introspection.v1.Introspection/Plugins";

/// Which of its parts containerd shall describe.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Filters {
    #[prost(string, repeated, tag = "1")]
    pub(super) filters: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Plugins {
    #[prost(message, repeated, tag = "1")]
    pub(super) plugins: Vec<Plugin>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Plugin {
    /// `root`: its folder.
    #[prost(map = "string, string", tag = "5")]
    pub(super) exports: HashMap<String, String>,
}

pub(super) const NAMESPACES: &str = "/containerd.services.namespaces.v1.Namespaces/List";

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Namespaces {
    #[prost(message, repeated, tag = "1")]
    pub(super) namespaces: Vec<Namespace>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Namespace {
    #[prost(string, tag = "1")]
    pub(super) name: String,
}

pub(super) const CONTAINER: &str = "/containerd.services.containers.v1.Containers/Get";
pub(super) const TASK: &str = "/containerd.services.tasks.v1.Tasks/Get";
pub(super) const TASKS: &str = "/containerd.services.tasks.v1.Tasks/List";

/// Which container, or the task of which container.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Which {
    #[prost(string, tag = "1")]
    pub(super) id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GetContainer {
    #[prost(message, optional, tag = "1")]
    pub(super) container: Option<Container>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Container {
    #[prost(string, tag = "1")]
    pub(super) id: String,
    #[prost(map = "string, string", tag = "2")]
    pub(super) labels: HashMap<String, String>,
    #[prost(string, tag = "3")]
    pub(super) image: String,
    /// JSON: the OCI specification.
    #[prost(message, optional, tag = "5")]
    pub(super) spec: Option<Any>,
    #[prost(string, tag = "6")]
    pub(super) snapshotter: String,
    #[prost(message, optional, tag = "8")]
    pub(super) created_at: Option<Time>,
    /// By the name of who wrote it; CRI's are JSON.
    #[prost(map = "string, message", tag = "10")]
    pub(super) extensions: HashMap<String, Any>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GetTask {
    #[prost(message, optional, tag = "1")]
    pub(super) process: Option<Process>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Tasks {
    #[prost(message, repeated, tag = "1")]
    pub(super) tasks: Vec<Process>,
}

/// A task: the first process of a container.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Process {
    /// Empty in some answers, where `id` is the container's.
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(string, tag = "2")]
    pub(super) id: String,
    #[prost(uint32, tag = "3")]
    pub(super) pid: u32,
    #[prost(int32, tag = "4")]
    pub(super) status: i32,
    #[prost(uint32, tag = "9")]
    pub(super) exit_status: u32,
}

impl Process {
    const RUNNING: i32 = 2;
    const STOPPED: i32 = 3;
    const PAUSED: i32 = 4;
    const PAUSING: i32 = 5;

    pub(super) fn running(&self) -> bool {
        self.status == Self::RUNNING || self.paused()
    }

    pub(super) fn paused(&self) -> bool {
        matches!(self.status, Self::PAUSED | Self::PAUSING)
    }

    pub(super) fn stopped(&self) -> bool {
        self.status == Self::STOPPED
    }
}

pub(super) const EVENTS: &str = "/containerd.services.events.v1.Events/Subscribe";

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Subscribe {
    /// Any of these lets an event through.
    #[prost(string, repeated, tag = "1")]
    pub(super) filters: Vec<String>,
}

/// An event, with what happened inside.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Envelope {
    #[prost(string, tag = "2")]
    pub(super) namespace: String,
    #[prost(string, tag = "3")]
    pub(super) topic: String,
    #[prost(message, optional, tag = "4")]
    pub(super) event: Option<Any>,
}

/// `TaskExit`: of the container's first process, or of another that was run inside.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Exit {
    #[prost(string, tag = "1")]
    pub(super) container_id: String,
    #[prost(string, tag = "2")]
    pub(super) id: String,
    #[prost(uint32, tag = "4")]
    pub(super) exit_status: u32,
}
