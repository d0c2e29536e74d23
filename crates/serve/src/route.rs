//! Which route a path takes.
