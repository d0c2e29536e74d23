//! Objects as bytes, one after the other, without a tree between.

pub(super) mod indent;
pub(super) mod json;
pub(super) mod protobuf;
pub(super) mod yaml;

use plimsoll_core::time::Timestamp;

use super::accept::As;

/// What kind of object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Node,
    Pod,
}

impl Kind {
    /// The kind of one.
    pub(super) fn one(self) -> &'static str {
        match self {
            Self::Node => "NodeMetrics",
            Self::Pod => "PodMetrics",
        }
    }

    /// The kind of several.
    pub(super) fn list(self) -> &'static str {
        match self {
            Self::Node => "NodeMetricsList",
            Self::Pod => "PodMetricsList",
        }
    }

    /// The resource.
    pub(super) fn resource(self) -> &'static str {
        match self {
            Self::Node => "nodes",
            Self::Pod => "pods",
        }
    }
}

/// What stands beside a table's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Include {
    Nothing,
    Metadata,
    Object,
}

/// What is written, in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Writing {
    pub(super) kind: Kind,
    pub(super) shape: As,
    pub(super) include: Include,
    /// What objects tell as their creation: the present.
    pub(super) now: Timestamp,
}
