//! `/validate/`.
