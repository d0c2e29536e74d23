//! Groups that no runtime claims: services, slices, groups made by hand.

pub mod claim;
pub mod hints;
