//! Plimsoll

pub mod flags;
