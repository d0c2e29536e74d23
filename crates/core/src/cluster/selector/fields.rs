//! Field selectors: `metadata.name` and `metadata.namespace`, the only fields that every object has.

use super::SelectorError;

/// What an object's name and namespace must be. The default takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    equal: bool,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Namespace,
}

impl FieldSelector {
    /// Reads `field=value`, `field==value`, `field!=value`, with commas between them; in values, `\,`, `\=` and `\\`
    /// are a comma, an equals sign and a backslash. Nothing is the default.
    ///
    /// # Errors
    /// The text is no selector, or of another field: the API server's words.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut parts = split(text);
        // the first wrong one of them is told, as there
        parts.sort_unstable();
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        let parts = parts.map(|part| comparison(text, part)).collect::<Result<Vec<_>, _>>()?;
        // `=` alone means all
        let parts = parts.into_iter().filter(|(name, _, value)| !name.is_empty() || !value.is_empty());
        let terms = parts.map(|(name, equal, value)| Ok(Term { field: field(name)?, equal, value }));
        Ok(Self { terms: terms.collect::<Result<_, SelectorError>>()? })
    }

    /// Whether an object of this name is meant; what has no namespace has an empty one.
    pub fn matches(&self, namespace: &str, name: &str) -> bool {
        let value = |field| match field {
            Field::Name => name,
            Field::Namespace => namespace,
        };
        self.terms.iter().all(|term| (value(term.field) == term.value) == term.equal)
    }

    /// Whether every object is meant.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// A term's field, whether it must be equal, and the value.
fn comparison<'a>(whole: &str, text: &'a str) -> Result<(&'a str, bool, String), SelectorError> {
    let place = text.find("!=").into_iter().chain(text.find('=')).min();
    let Some((name, rest)) = place.and_then(|place| text.split_at_checked(place)) else {
        return Err(SelectorError(format!("invalid selector: '{whole}'; can't understand '{text}'")));
    };
    let value =
        rest.strip_prefix("!=").or_else(|| rest.strip_prefix("==")).or_else(|| rest.strip_prefix('='));
    Ok((name, !rest.starts_with('!'), unescaped(value.unwrap_or_default())?))
}

fn field(name: &str) -> Result<Field, SelectorError> {
    match name {
        "metadata.name" => Ok(Field::Name),
        "metadata.namespace" => Ok(Field::Namespace),
        _ => {
            let known = r#"only "metadata.name", "metadata.namespace""#;
            Err(SelectorError(format!("{name:?} is not a known field selector: {known}")))
        }
    }
}

/// The terms between commas that no backslash precedes.
fn split(text: &str) -> Vec<&str> {
    let mut escaped = false;
    let terms = text.split(|c: char| {
        let ends = c == ',' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    terms.collect()
}

fn unescaped(text: &str) -> Result<String, SelectorError> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => value.push(c),
                other => {
                    let shown: String = other.into_iter().collect();
                    let what = "invalid field selector: invalid escape sequence";
                    return Err(SelectorError(format!("{what}: \\{shown}")));
                }
            },
            ',' | '=' => {
                // the API server says the character's number
                let what = "invalid field selector: unescaped character in value";
                return Err(SelectorError(format!("{what}: {}", u32::from(c))));
            }
            c => value.push(c),
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_namespaces_are_matched() {
        let meant = [
            "",
            ",",
            "=",
            "!=,==",
            "metadata.name=web",
            "metadata.name==web",
            ",metadata.name=web,",
            "metadata.name!=api",
            "metadata.name=web,metadata.namespace=shop",
            "metadata.namespace!=",
        ];
        for text in meant {
            assert!(FieldSelector::parse(text).unwrap().matches("shop", "web"), "{text}");
        }
        for text in ["metadata.name=", "metadata.name!=web", "metadata.name=web,metadata.namespace=x"] {
            assert!(!FieldSelector::parse(text).unwrap().matches("shop", "web"), "{text}");
        }
        let escaped = FieldSelector::parse(r"metadata.name=a\,b\=c\\").unwrap();
        assert!(escaped.matches("", r"a,b=c\") && !escaped.is_empty());
        assert!(FieldSelector::parse("metadata.namespace!=x").unwrap().matches("", "node"));
    }

    #[test]
    fn complaints_are_the_api_servers() {
        let known = r#"is not a known field selector: only "metadata.name", "metadata.namespace""#;
        let all = [
            (
                "metadata.name",
                "invalid selector: 'metadata.name'; can't understand 'metadata.name'".to_owned(),
            ),
            ("metadata.name=a,x", "invalid selector: 'metadata.name=a,x'; can't understand 'x'".to_owned()),
            ("spec.nodeName=x", format!("\"spec.nodeName\" {known}")),
            (" metadata.name=a", format!("\" metadata.name\" {known}")),
            (r"metadata.name=a\x", r"invalid field selector: invalid escape sequence: \x".to_owned()),
            (r"metadata.name=a\", r"invalid field selector: invalid escape sequence: \".to_owned()),
            ("metadata.name=a=b", "invalid field selector: unescaped character in value: 61".to_owned()),
            ("metadata.name===", "invalid field selector: unescaped character in value: 61".to_owned()),
        ];
        for (text, wanted) in all {
            assert_eq!(FieldSelector::parse(text).unwrap_err().to_string(), wanted);
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_reader(text in "[metadat.n,=!\\\\é]{0,30}|\\PC{0,30}") {
            let _ = FieldSelector::parse(&text);
        }

        #[test]
        fn an_escaped_value_means_itself(value in "\\PC{0,20}") {
            let escaped = value.replace('\\', r"\\").replace(',', r"\,").replace('=', r"\=");
            let selector = FieldSelector::parse(&format!("metadata.name={escaped}")).unwrap();
            prop_assert!(selector.matches("any", &value));
        }
    }
}
