//! Which groups without a runtime are shown.

use crate::runtime::{Claim, Runtime};

/// Takes what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// Only the root beside the containers of runtimes, unless `prefixes` names some.
    pub docker_only: bool,
    /// Names must begin with one of these. An empty text lets all through.
    pub prefixes: Vec<String>,
}

impl Default for Raw {
    fn default() -> Self {
        Self { docker_only: false, prefixes: vec![String::new()] }
    }
}

impl Raw {
    /// From the flags: `docker_only`, and a list with commas. A space around a comma is forgiven.
    pub fn new(docker_only: bool, prefixes: &str) -> Self {
        Self { docker_only, prefixes: prefixes.split(',').map(|prefix| prefix.trim().to_owned()).collect() }
    }
}

impl Runtime for Raw {
    fn namespace(&self) -> &'static str {
        ""
    }

    fn claim(&self, name: &str) -> Claim {
        let mine = Claim::Mine { id: String::new() };
        if name == "/" {
            return mine;
        }
        if self.docker_only && self.prefixes.first().is_none_or(String::is_empty) {
            return Claim::Ignored;
        }
        if self.prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())) {
            mine
        } else {
            Claim::Ignored
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(docker_only: bool, prefixes: &str, name: &str) -> bool {
        Raw::new(docker_only, prefixes).claim(name) != Claim::Ignored
    }

    #[test]
    fn all_are_taken_without_flags() {
        assert!(takes(false, "", "/a"));
        assert_eq!(Raw::new(false, ""), Raw::default());
    }

    #[test]
    fn docker_only_leaves_the_root() {
        assert!(takes(true, "", "/"));
        assert!(!takes(true, "", "/a"));
    }

    #[test]
    fn prefixes_choose_even_with_docker_only() {
        for docker_only in [false, true] {
            assert!(takes(docker_only, "/kubepods, /x", "/kubepods/a"));
            assert!(takes(docker_only, "/kubepods, /x", "/xyz"));
            assert!(!takes(docker_only, "/kubepods, /x", "/a"));
            assert!(takes(docker_only, "/kubepods, /x", "/"));
        }
    }
}
