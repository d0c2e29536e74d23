//! What a cluster's collector answers: Heapster's API and Kubernetes' `metrics.k8s.io`.
//!
//! Comes in: a request, and whatever implements [`past::ClusterPast`]. Goes out: bytes.

pub mod k8s;
pub mod past;

pub mod app;
pub mod route;

pub mod handlers;
pub mod reply;
pub mod users;

pub mod export;
pub mod health;
pub mod historical;
pub mod metrics;
pub mod model;
pub mod usage;

#[cfg(any(test, feature = "fake"))]
pub mod fake;
