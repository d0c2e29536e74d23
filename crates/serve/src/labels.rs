//! A container's own labels, rendered once when it appears.
//!
//! Gives: `container_env_x="..",container_label_y="..",id="/z",image="..",name=".."`, without braces.
//! Cost:  one sort and one allocation a container, none a scrape.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_core::container::{Identity, Reference};

/// An embedder's own choice of labels: raw name and value of each, besides `id`, `image` and `name`, which it may
/// replace. Names are sanitised.
pub type LabelFunction = Arc<dyn Fn(&Reference, &Identity) -> BTreeMap<String, String> + Send + Sync>;

/// Which labels of a container are shown.
#[derive(Clone)]
pub struct LabelRules {
    /// Whether all are: `--store_container_labels`.
    pub store_container_labels: bool,
    /// Keys that are shown when not all are; without surrounding blanks: `--whitelisted_container_labels`.
    pub whitelisted: Vec<String>,
    /// Gives the labels instead of the rules above.
    pub function: Option<LabelFunction>,
}

impl fmt::Debug for LabelRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelRules")
            .field("store_container_labels", &self.store_container_labels)
            .field("whitelisted", &self.whitelisted)
            .field("function", &self.function.is_some())
            .finish()
    }
}

/// All labels, as without flags.
impl Default for LabelRules {
    fn default() -> Self {
        Self { store_container_labels: true, whitelisted: Vec::new(), function: None }
    }
}

impl LabelRules {
    fn show(&self, key: &str) -> bool {
        self.store_container_labels || self.whitelisted.iter().any(|shown| shown == key)
    }
}

/// The labels of one container, sorted by name. `image` and `name` are always there, if empty. Of two
/// labels whose names become the same, the first in byte order stays and the other is counted.
pub fn block(reference: &Reference, identity: &Identity, rules: &LabelRules) -> Arc<[u8]> {
    if let Some(function) = &rules.function {
        return chosen(reference, identity, function(reference, identity));
    }
    let shown = identity.shown_labels();
    let envs = identity.envs.iter().map(|(key, value)| (sanitised("container_env_", key), value.as_str()));
    let labels = shown
        .iter()
        .filter(|(key, _)| rules.show(key))
        .map(|(key, value)| (sanitised("container_label_", key), value.as_str()));
    let own = envs.chain(labels).collect();
    rendered(own, &standing(reference, identity))
}

/// The labels that an embedder's function gave, with those that it left out and every series needs.
fn chosen(reference: &Reference, identity: &Identity, given: BTreeMap<String, String>) -> Arc<[u8]> {
    let all = given.iter().map(|(name, value)| (sanitised("", name), value.as_str())).collect();
    let standing = standing(reference, identity);
    let left: Vec<_> = standing.into_iter().filter(|(name, _)| !given.contains_key(*name)).collect();
    rendered(all, &left)
}

/// What every container's series carry.
fn standing<'a>(reference: &'a Reference, identity: &'a Identity) -> [(&'static str, &'a str); 3] {
    let name = reference.aliases.first().map_or("", String::as_str);
    [("id", &reference.name), ("image", &identity.image), ("name", name)]
}

fn rendered(mut all: Vec<(String, &str)>, standing: &[(&str, &str)]) -> Arc<[u8]> {
    // stable, so that equal names keep the byte order of what they were made from
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let before = all.len();
    all.dedup_by(|later, first| later.0 == first.0);
    DROPPED.fetch_add((before - all.len()) as u64, Ordering::Relaxed);

    let mut out = Vec::new();
    for (name, value) in &all {
        pair(&mut out, name, value);
    }
    for (name, value) in standing {
        pair(&mut out, name, value);
    }
    out.into()
}

/// How many labels were left out because another of the same container took their name.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Appends `name="value"`, with a comma before it unless it is the first.
pub fn pair(out: &mut Vec<u8>, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(b',');
    }
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    escape(out, value);
    out.push(b'"');
}

/// Whether a block has a label of such a name.
pub fn any(block: &[u8], mut such: impl FnMut(&[u8]) -> bool) -> bool {
    let mut rest = block;
    // a value may look like a label, but the quotes in it stand behind backslashes
    while let Some(end) = rest.iter().position(|byte| *byte == b'=') {
        let (label, after) = rest.split_at(end);
        if such(label) {
            return true;
        }
        let Some(value) = after.strip_prefix(b"=\"") else { return false };
        let Some(end) = closing_quote(value) else { return false };
        rest = value.get(end + 1..).unwrap_or_default();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
    false
}

fn closing_quote(value: &[u8]) -> Option<usize> {
    let mut escaped = false;
    value.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })
}

/// Appends a label's value as it stands between quotes.
pub fn escape(out: &mut Vec<u8>, value: &str) {
    let special = |byte: &u8| matches!(byte, b'\\' | b'"' | b'\n');
    let mut rest = value.as_bytes();
    while let Some(at) = rest.iter().position(special) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { break };
        out.extend_from_slice(match byte {
            b'\n' => b"\\n",
            b'"' => b"\\\"",
            _ => b"\\\\",
        });
        rest = tail;
    }
    out.extend_from_slice(rest);
}

/// Every character that a label's name cannot have becomes an underscore.
fn sanitised(prefix: &str, key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    prefix.chars().chain(key.chars().map(plain)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn rendered(reference: &Reference, identity: &Identity, rules: &LabelRules) -> String {
        String::from_utf8(block(reference, identity, rules).to_vec()).unwrap()
    }

    #[test]
    fn a_raw_group_has_an_empty_image_and_name() {
        let text = rendered(&Reference::raw("/a.slice"), &Identity::default(), &LabelRules::default());
        assert_eq!(text, r#"id="/a.slice",image="",name="""#);
    }

    #[test]
    fn an_embedders_function_chooses_and_what_every_series_needs_stays() {
        let function: LabelFunction =
            Arc::new(|_, identity| map([("po d", "web-1"), ("image", &identity.image)]));
        let rules = LabelRules { function: Some(function), ..LabelRules::default() };
        let identity = Identity {
            labels: map([("owner", "nobody sees this")]),
            image: "busybox".to_owned(),
            ..Identity::default()
        };
        let text = rendered(&Reference::raw("/a"), &identity, &rules);
        assert_eq!(text, r#"image="busybox",po_d="web-1",id="/a",name="""#);
    }

    #[test]
    fn labels_stand_sorted_and_escaped() {
        let reference = Reference {
            aliases: vec!["fx-web".to_owned(), "48f9".to_owned()],
            ..Reference::raw("/docker/48f9")
        };
        let identity = Identity {
            labels: map([("owner", "a \"quoted\" name"), ("com.example/tier", "c:\\\n"), ("größe", "é")]),
            envs: map([("foo+env", "prod")]),
            image: "busybox:local".to_owned(),
            restart_count: 3,
            ..Identity::default()
        };
        let expected = concat!(
            r#"container_env_foo_env="prod","#,
            r#"container_label_com_example_tier="c:\\\n","#,
            r#"container_label_gr__e="é","#,
            r#"container_label_owner="a \"quoted\" name","#,
            r#"container_label_restartcount="3","#,
            r#"id="/docker/48f9",image="busybox:local",name="fx-web""#,
        );
        assert_eq!(rendered(&reference, &identity, &LabelRules::default()), expected);
    }

    #[test]
    fn only_white_listed_labels_are_shown_when_not_all_are() {
        let identity = Identity {
            labels: map([("a", "1"), ("b", "2")]),
            envs: map([("e", "3")]),
            restart_count: 1,
            ..Identity::default()
        };
        let rules = LabelRules {
            store_container_labels: false,
            whitelisted: vec!["b".to_owned()],
            ..LabelRules::default()
        };
        assert_eq!(
            rendered(&Reference::raw("/"), &identity, &rules),
            r#"container_env_e="3",container_label_b="2",id="/",image="",name="""#
        );
    }

    #[test]
    fn a_block_has_its_labels_and_not_what_looks_like_one_in_a_value() {
        let block = br#"a="x=1,app_b=\"2",app_c="\\",d="""#;
        let f = |name: &str, expected| assert_eq!(any(block, |n| n == name.as_bytes()), expected, "{name}");
        f("a", true);
        f("app_b", false);
        f("app_c", true);
        f("d", true);
        f("app", false);
        assert!(!any(b"", |_| true));
    }

    #[test]
    fn of_two_labels_with_one_name_the_first_stays() {
        let identity =
            Identity { labels: map([("a-b", "1"), ("a.b", "2"), ("a_b", "3")]), ..Identity::default() };
        let before = dropped();
        let text = rendered(&Reference::raw("/"), &identity, &LabelRules::default());
        assert_eq!(text, r#"container_label_a_b="1",id="/",image="",name="""#);
        assert!(dropped() >= before + 2);
    }
}
