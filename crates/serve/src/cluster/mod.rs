//! What a cluster's collector answers: Heapster's API and Kubernetes' `metrics.k8s.io`.
//!
//! Comes in: a request, and whatever implements [`past::ClusterPast`]. Goes out: bytes.

pub mod k8s;
pub mod past;

#[cfg(any(test, feature = "fake"))]
pub mod fake;
