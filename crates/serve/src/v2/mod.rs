//! The v2 API.

pub mod options;
