//! A cluster's nodes: who they are, and what each says when asked.

pub mod kube;
