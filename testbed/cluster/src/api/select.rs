//! Label and field selectors, as far as clients use them here.

use crate::object::Object;

/// Which objects are wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Term>,
    fields: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    key: String,
    /// `None`: it is there at all.
    value: Option<String>,
    /// Whether it has to be so; else it must not.
    is: bool,
}

impl Selector {
    /// From the two parameters of a request.
    ///
    /// # Errors
    /// The field cannot be selected by, in the server's words.
    pub(crate) fn parse(labels: Option<&str>, fields: Option<&str>) -> Result<Self, String> {
        let labels = labels.map(terms).unwrap_or_default();
        let fields = fields.map(terms).unwrap_or_default();
        let known = ["metadata.name", "metadata.namespace", "spec.nodeName", "status.phase"];
        match fields.iter().find(|term| !known.contains(&term.key.as_str())) {
            Some(term) => Err(format!("field label not supported: {}", term.key)),
            None => Ok(Self { labels, fields }),
        }
    }

    /// Whether this object is wanted.
    pub(crate) fn fits(&self, object: &Object) -> bool {
        let label = |key: &str| object.labels.iter().find(|(one, _)| *one == key).map(|(_, value)| &**value);
        self.labels.iter().all(|term| term.fits(label(&term.key)))
            && self.fields.iter().all(|term| term.fits(object.field(&term.key)))
    }
}

impl Term {
    fn fits(&self, value: Option<&str>) -> bool {
        let so = match &self.value {
            None => value.is_some(),
            Some(wanted) => value == Some(wanted),
        };
        so == self.is
    }
}

fn terms(text: &str) -> Vec<Term> {
    let term = |text: &str| {
        let (key, value, is) = if let Some((key, value)) = text.split_once("!=") {
            (key, Some(value), false)
        } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
            (key, Some(value), true)
        } else if let Some(key) = text.strip_prefix('!') {
            (key, None, false)
        } else {
            (text, None, true)
        };
        Term { key: key.trim().to_owned(), value: value.map(|value| value.trim().to_owned()), is }
    };
    text.split(',').filter(|text| !text.is_empty()).map(term).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Body, Kind};

    #[test]
    fn terms_say_what_fits() {
        let object = Object {
            kind: Kind::Namespace,
            namespace: "".into(),
            name: "a".into(),
            uid: String::new(),
            version: 1,
            created: 0,
            labels: vec![("app", "web".into()), ("tier", "front".into())],
            owner: None,
            body: Body::Namespace,
        };
        let f = |labels: &str, expected: bool| {
            assert_eq!(Selector::parse(Some(labels), None).unwrap().fits(&object), expected, "{labels}");
        };
        f("", true);
        f("app=web", true);
        f("app==web,tier=front", true);
        f("app=web,tier=back", false);
        f("app!=web", false);
        f("none!=x", true);
        f("tier", true);
        f("!tier", false);
        assert!(Selector::parse(None, Some("metadata.name=a")).unwrap().fits(&object));
        assert!(!Selector::parse(None, Some("metadata.name!=a")).unwrap().fits(&object));
        let error = Selector::parse(None, Some("spec.color=red")).unwrap_err();
        assert_eq!(error, "field label not supported: spec.color");
    }
}
