//! Names of users: `/etc/passwd` of the host, read once a list.

use std::collections::HashMap;
use std::path::Path;

use crate::machine::file;

/// Names by number.
pub(super) struct Users(HashMap<u32, String>);

impl Users {
    pub(super) fn new(passwd: &Path) -> Self {
        let text = file::bytes(passwd).unwrap_or_default();
        Self(parse(&String::from_utf8_lossy(&text)))
    }

    /// The name, or the number where it has none.
    pub(super) fn name(&mut self, uid: u32) -> String {
        self.0.entry(uid).or_insert_with(|| uid.to_string()).clone()
    }
}

/// Lines of `name:password:uid:...`; the first name of a number counts.
fn parse(text: &str) -> HashMap<u32, String> {
    let mut users = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        let uid = fields.nth(1).and_then(|uid| uid.parse().ok());
        if let Some(uid) = uid {
            users.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_a_name_is_a_number() {
        let mut users = Users(parse("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n# comment\n+::::::\n"));
        assert_eq!((users.name(0).as_str(), users.name(1000).as_str()), ("root", "1000"));
    }
}
