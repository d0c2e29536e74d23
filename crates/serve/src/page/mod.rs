//! Pages for people.

pub mod html;
