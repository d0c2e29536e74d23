//! Which objects are meant: Kubernetes' label selectors (`app=web,tier in (front,edge),!old`) and field selectors
//! (`metadata.name=web`), as they stand in requests.
//!
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>

mod fields;
mod grammar;
mod valid;

pub use self::fields::FieldSelector;
use super::objects::Map;

/// A text is no selector: the API server's words for why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(String);

/// What labels must be like. The default takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    requirements: Vec<Requirement>,
}

/// What one label must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    /// In order, each once.
    In(Vec<String>),
    /// A label that is absent is in no set.
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// Reads `key`, `!key`, `key=value`, `key!=value`, `key in (a,b)`, `key notin (a,b)`, `key>5`, `key<5`, with commas
    /// between them. Nothing is the default.
    ///
    /// # Errors
    /// The text is no selector.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        Ok(Self { requirements: grammar::requirements(text)? })
    }

    /// Whether these labels are meant.
    pub fn matches(&self, labels: &Map) -> bool {
        self.requirements.iter().all(|one| one.test.holds(labels.get(one.key.as_str()).map(|value| &**value)))
    }

    /// Whether every object is meant.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let one_of = |all: &[String]| value.is_some_and(|value| all.iter().any(|one| one == value));
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::In(all) => one_of(all),
            Self::NotIn(all) => !one_of(all),
            Self::Above(bound) => number().is_some_and(|number| number > *bound),
            Self::Below(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_matched() {
        let labels = [("app", "web"), ("tier", "front"), ("n", "7"), ("empty", ""), ("a.b/c", "d")];
        let labels: Map = labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        let meant = [
            "",
            "app",
            "!gone",
            "app=web",
            "app==web",
            "app!=api",
            "gone!=x",
            "app in (api,web)",
            "app notin (api)",
            "gone notin (api)",
            "n>6",
            "n<8",
            "empty",
            "empty=",
            "empty in ()",
            "a.b/c=d",
            " app = web , tier in ( front , edge ),!gone",
        ];
        for text in meant {
            assert!(LabelSelector::parse(text).unwrap().matches(&labels), "{text}");
        }
        let others = [
            "gone",
            "!app",
            "app=api",
            "app!=web",
            "app in (api)",
            "app notin (api,web)",
            "gone in (x)",
            "gone=",
            "n>7",
            "n<7",
            "app>1",
            "gone<1",
            "app=web,gone",
            "app in ()",
            "App",
        ];
        for text in others {
            assert!(!LabelSelector::parse(text).unwrap().matches(&labels), "{text}");
        }
        assert!(
            LabelSelector::parse(" ").unwrap().is_empty() && !LabelSelector::parse("a").unwrap().is_empty()
        );
    }
}
