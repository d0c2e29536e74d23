//! Plimsoll
fn main() {}
