//! Which groups are Mesos'.

use crate::runtime::{Claim, Runtime};

/// Claims `mesos/UUID`, which the agent makes (`--cgroups_root` is `mesos` by default), and perhaps every other
/// group that is called like a UUID. A container in a container (`/mesos/UUID/mesos/UUID`) is one as well. The
/// group's whole path is the id, of which [`uuid`] is what Mesos knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mesos;

impl Runtime for Mesos {
    fn namespace(&self) -> &'static str {
        super::NAMESPACE
    }

    fn claim(&self, name: &str) -> Claim {
        let Some((_, sure)) = uuid(name) else { return Claim::NotMine };
        let id = name.trim_start_matches('/').to_owned();
        if sure { Claim::Mine { id } } else { Claim::Perhaps { id } }
    }
}

/// Mesos' id at the end of a group's path, and whether it can only be Mesos'.
pub(super) fn uuid(name: &str) -> Option<(&str, bool)> {
    let (above, base) = name.rsplit_once('/')?;
    is_uuid(base).then_some((base, above.rsplit('/').next() == Some("mesos")))
}

/// `8f26097e-759a-49ec-bf97-ea8c4ce682da`.
fn is_uuid(text: &str) -> bool {
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 36
        && text.bytes().enumerate().all(
            |(at, byte)| {
                if matches!(at, 8 | 13 | 18 | 23) { byte == b'-' } else { hex(byte) }
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "8f26097e-759a-49ec-bf97-ea8c4ce682da";

    fn claim(pattern: &str) -> Claim {
        Mesos.claim(&pattern.replace("ID", ID))
    }

    #[test]
    fn groups_of_the_agent_are_claimed() {
        for name in ["/mesos/ID", "/mesos/11111111-2222-3333-4444-555555555555/mesos/ID", "/x/mesos/ID"] {
            assert_eq!(claim(name), Claim::Mine { id: name[1..].replace("ID", ID) }, "{name}");
        }
    }

    #[test]
    fn another_root_of_groups_needs_the_agents_word() {
        for name in ["/ID", "/cluster/ID"] {
            assert_eq!(claim(name), Claim::Perhaps { id: name[1..].replace("ID", ID) }, "{name}");
        }
    }

    #[test]
    fn other_groups_are_left_to_others() {
        let long = format!("/mesos/{ID}0");
        let upper = format!("/mesos/{}", ID.to_uppercase());
        for name in
            ["", "/", "/mesos", "/mesos/ID/below", "/kubepods/podID", "/mesos/ID.mount", &long, &upper]
        {
            assert_eq!(claim(name), Claim::NotMine, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_name_panics(name in "\\PC*") {
            let _ = Mesos.claim(&name);
            let _ = Mesos.claim(&format!("/mesos/{name}"));
        }
    }
}
