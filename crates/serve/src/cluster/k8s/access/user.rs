//! Users, and what they want: the words of Kubernetes' reviews.

use std::collections::BTreeMap;

/// The user of requests without any proof.
pub const ANONYMOUS: &str = "system:anonymous";
/// The group of users with a proof.
pub const AUTHENTICATED: &str = "system:authenticated";
/// The group of requests without any proof.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The group that may do everything.
pub const MASTERS: &str = "system:masters";

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct User {
    /// `system:serviceaccount:kube-system:horizontal-pod-autoscaler`.
    pub name: String,
    /// Often empty.
    pub uid: String,
    /// In the order in which they were told.
    pub groups: Vec<String>,
    /// What else is told, by its key.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Who has no proof.
    pub fn anonymous() -> Self {
        Self { name: ANONYMOUS.to_owned(), groups: vec![UNAUTHENTICATED.to_owned()], ..Self::default() }
    }

    /// This user with the group of those that have a proof.
    pub(super) fn authenticated(mut self) -> Self {
        let known = [AUTHENTICATED, UNAUTHENTICATED];
        if self.name != ANONYMOUS && !self.groups.iter().any(|group| known.contains(&group.as_str())) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }
}

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes {
    /// `get`, `list`; of a path that is no resource the method in small letters.
    pub verb: String,
    /// The path of the request.
    pub path: String,
    /// The resource, if the path is one's.
    pub resource: Option<Resource>,
}

/// An object of the API, or all of a kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resource {
    /// `metrics.k8s.io`.
    pub group: String,
    /// `v1beta1`.
    pub version: String,
    /// `pods`.
    pub resource: String,
    /// What is below the object; empty for the object.
    pub subresource: String,
    /// Empty for the whole cluster.
    pub namespace: String,
    /// Empty for all.
    pub name: String,
}
