//! A label selector's grammar. What it accepts and how it complains is the API server's, oddities included: `a in ()`
//! means the empty value, and a lone key's complaint has no place (`<nil>`).

use std::fmt::Display;

use super::{Requirement, SelectorError, Test, valid};

/// The words that stand between a key and its values.
const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// The requirements between the commas.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    let mut words = Words { rest: text };
    let mut all = Vec::new();
    if words.peek().is_empty() {
        return Ok(all);
    }
    loop {
        let first = words.peek();
        if !is_name(first) && first != "!" {
            return Err(match all.len() {
                0 => found(first, "expected: !, identifier, or 'end of string'"),
                _ => found(first, "expected: identifier after ','"),
            });
        }
        let one = requirement(&mut words);
        all.push(
            one.map_err(|SelectorError(why)| error(format_args!("unable to parse requirement: {why}")))?,
        );
        match words.next() {
            "" => return Ok(all),
            "," => {}
            other => return Err(found(other, "expected: ',' or 'end of string'")),
        }
    }
}

fn requirement(words: &mut Words<'_>) -> Result<Requirement, SelectorError> {
    let mut key = words.next();
    let absent = key == "!";
    if absent {
        key = words.next();
    }
    if !is_name(key) {
        return Err(found(key, "expected: identifier"));
    }
    let complaints = valid::key(key);
    if !complaints.is_empty() {
        return Err(error(format_args!("<nil>: Invalid value: {key:?}: {}", complaints.join("; "))));
    }
    let test = match words.peek() {
        _ if absent => Test::Absent,
        "" | "," => Test::Exists,
        _ => comparison(key, words)?,
    };
    Ok(Requirement { key: key.to_owned(), test })
}

fn comparison(key: &str, words: &mut Words<'_>) -> Result<Test, SelectorError> {
    let operator = words.next();
    let values = match operator {
        "in" | "notin" => set(words)?,
        "=" | "==" | "!=" | ">" | "<" => vec![single(words)?],
        other => return Err(found(other, format_args!("expected: {OPERATORS}"))),
    };
    let bound = match (operator, values.as_slice()) {
        (">" | "<", [number]) => number.parse::<i64>().ok(),
        _ => None,
    };
    let mut complaints = Vec::new();
    if matches!(operator, ">" | "<") && bound.is_none() {
        for (place, value) in values.iter().enumerate() {
            complaints.push(format!(
                "values[{place}]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"
            ));
        }
    }
    for (place, value) in values.iter().enumerate() {
        let wrong = valid::value(value);
        if !wrong.is_empty() {
            complaints
                .push(format!("values[{place}][{key}]: Invalid value: {value:?}: {}", wrong.join("; ")));
        }
    }
    match complaints.as_slice() {
        [] => {}
        [one] => return Err(error(one)),
        many => return Err(error(format_args!("[{}]", many.join(", ")))),
    }
    let owned = || values.iter().map(|value| (*value).to_owned()).collect();
    Ok(match (operator, bound) {
        (">", Some(bound)) => Test::Above(bound),
        ("<", Some(bound)) => Test::Below(bound),
        ("notin" | "!=", _) => Test::NotIn(owned()),
        _ => Test::In(owned()),
    })
}

/// The value behind `=`; none is the empty one.
fn single<'a>(words: &mut Words<'a>) -> Result<&'a str, SelectorError> {
    if matches!(words.peek(), "" | ",") {
        return Ok("");
    }
    let value = words.next();
    if is_name(value) { Ok(value) } else { Err(found(value, "expected: identifier")) }
}

/// The values between parentheses, in order and each once. Where one is missing, the empty one is meant.
fn set<'a>(words: &mut Words<'a>) -> Result<Vec<&'a str>, SelectorError> {
    let open = words.next();
    if open != "(" {
        // without a comma, as there
        return Err(error(format_args!("found '{open}' expected: '('")));
    }
    let first = words.peek();
    if !is_name(first) && !matches!(first, "," | ")") {
        return Err(found(first, "expected: ',', ')' or identifier"));
    }
    let mut values = Vec::new();
    loop {
        let value = if matches!(words.peek(), "," | ")") { "" } else { words.next() };
        if !value.is_empty() && !is_name(value) {
            return Err(found(value, "expected: ',', or identifier"));
        }
        if value.is_empty() && words.peek().is_empty() {
            return Err(found("", "expected: ',', or identifier"));
        }
        values.push(value);
        match words.next() {
            "," => {}
            ")" => break,
            other => return Err(found(other, "expected: ',' or ')'")),
        }
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// The text's words, one after the other: signs, and what stands between signs and spaces. Behind the last, and from a
/// zero byte on, they are empty.
struct Words<'a> {
    rest: &'a str,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

impl<'a> Words<'a> {
    fn split(&self) -> (&'a str, &'a str) {
        let rest = self.rest.trim_start_matches(SPACES);
        let ends = |c: char| is_sign(c) || SPACES.contains(&c) || c == '\0';
        let length = match rest.find(ends) {
            Some(0) if rest.starts_with("==") || rest.starts_with("!=") => 2,
            Some(0) if rest.starts_with('\0') => 0,
            Some(0) => 1,
            Some(length) => length,
            None => rest.len(),
        };
        rest.split_at_checked(length).unwrap_or((rest, ""))
    }

    fn peek(&self) -> &'a str {
        self.split().0
    }

    fn next(&mut self) -> &'a str {
        let (word, rest) = self.split();
        self.rest = rest;
        word
    }
}

fn is_sign(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn is_name(word: &str) -> bool {
    word.chars().next().is_some_and(|first| !is_sign(first))
}

fn found(word: &str, wanted: impl Display) -> SelectorError {
    error(format_args!("found '{word}', {wanted}"))
}

fn error(why: impl Display) -> SelectorError {
    SelectorError(why.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::LabelSelector;

    const NAME: &str = "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
        alphanumeric character (e.g.";
    const KEY: &str = "'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
        '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    const VALUE: &str = "'MyValue',  or 'my_value',  or '12345', regex used for validation is \
        '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

    fn complaint(text: &str) -> String {
        LabelSelector::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn complaints_about_the_grammar_are_the_api_servers() {
        let outer = [
            ("=a", "found '=', expected: !, identifier, or 'end of string'"),
            (",a", "found ',', expected: !, identifier, or 'end of string'"),
            ("(a)", "found '(', expected: !, identifier, or 'end of string'"),
            ("a,", "found '', expected: identifier after ','"),
            ("a,,b", "found ',', expected: identifier after ','"),
            ("a=b c", "found 'c', expected: ',' or 'end of string'"),
            ("a=b=c", "found '=', expected: ',' or 'end of string'"),
            ("a==b=", "found '=', expected: ',' or 'end of string'"),
            ("!a=b", "found '=', expected: ',' or 'end of string'"),
            ("!a in (b)", "found 'in', expected: ',' or 'end of string'"),
            ("a in (b))", "found ')', expected: ',' or 'end of string'"),
        ];
        for (text, wanted) in outer {
            assert_eq!(complaint(text), wanted, "{text}");
        }
        let inner = [
            ("a in (x y)", "found 'y', expected: ',' or ')'"),
            ("a in x", "found 'x' expected: '('"),
            ("a in (x", "found '', expected: ',' or ')'"),
            ("a in (x=)", "found '=', expected: ',' or ')'"),
            ("a in (>)", "found '>', expected: ',', ')' or identifier"),
            ("a in (x,>)", "found '>', expected: ',', or identifier"),
            ("a in (", "found '', expected: ',', ')' or identifier"),
            ("a in (x,", "found '', expected: ',', or identifier"),
            ("a b", "found 'b', expected: in, notin, =, ==, !=, gt, lt"),
            ("a gt 5", "found 'gt', expected: in, notin, =, ==, !=, gt, lt"),
            ("a!", "found '!', expected: in, notin, =, ==, !=, gt, lt"),
            ("a)", "found ')', expected: in, notin, =, ==, !=, gt, lt"),
            ("a=(", "found '(', expected: identifier"),
            ("a=!b", "found '!', expected: identifier"),
            ("a><5", "found '<', expected: identifier"),
            ("a>=5", "found '=', expected: identifier"),
            ("!!a", "found '!', expected: identifier"),
            ("!", "found '', expected: identifier"),
            (
                "a>x",
                "values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
            ),
            ("a>", "values[0]: Invalid value: \"\": for 'Gt', 'Lt' operators, the value must be an integer"),
        ];
        for (text, wanted) in inner {
            assert_eq!(complaint(text), format!("unable to parse requirement: {wanted}"), "{text}");
        }
    }

    #[test]
    fn complaints_about_keys_and_values_are_the_api_servers() {
        let long = |count| "x".repeat(count);
        let of_key = |key: &str, why: &str| (key.to_owned(), format!("<nil>: Invalid value: {key:?}: {why}"));
        let bad_name = format!("name part must {NAME} {KEY}");
        let bad_value = format!("a valid label must be an empty string or {NAME} {VALUE}");
        let of_value = |place: u8, value: &str, why: &str| {
            format!("values[{place}][a]: Invalid value: {value:?}: {why}")
        };
        let subdomain = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
            '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation \
            is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
        let too_long = of_value(0, &long(64), "must be no more than 63 characters");
        let both = [of_value(0, "-x", &bad_value), of_value(1, "-y", &bad_value)].join(", ");
        let all = [
            of_key("-a", &bad_name),
            of_key("é", &bad_name),
            of_key("/a", "prefix part must be non-empty"),
            of_key("a/", &format!("name part must be non-empty; {bad_name}")),
            of_key("A_b/c", &format!("prefix part {subdomain}")),
            of_key(
                "a/b/c",
                &format!(
                    "a qualified name must {NAME} {KEY} with an optional DNS subdomain prefix and '/' (e.g. \
                 'example.com/MyName')"
                ),
            ),
            of_key(&long(64), "name part must be no more than 63 characters"),
            of_key(&format!("{}/a", long(254)), "prefix part must be no more than 253 characters"),
            ("a=-b".to_owned(), of_value(0, "-b", &bad_value)),
            (format!("a={}", long(64)), too_long),
            ("a in (-y,-x)".to_owned(), format!("[{both}]")),
        ];
        for (text, wanted) in all {
            assert_eq!(complaint(&text), format!("unable to parse requirement: {wanted}"), "{text}");
        }
    }

    #[test]
    fn odd_forms_are_taken_as_there() {
        let same = [
            ("a in (x,,y)", "a in (y,x,)"),
            ("a in (x,)", "a in (,x)"),
            ("a in ()", "a in (,)"),
            ("a=,b", "a==,b"),
            ("in in (in)", "in in (in,in)"),
            ("notin=in", "notin==in"),
            ("a=notin", "a in (notin)"),
            ("\ta\n=\rb ", "a=b"),
        ];
        for (one, two) in same {
            assert_eq!(LabelSelector::parse(one).unwrap(), LabelSelector::parse(two).unwrap(), "{one}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_the_reader(text in "[ab/.=!<>(), \\x00é-]{0,30}|\\PC{0,30}") {
            let _ = LabelSelector::parse(&text);
        }

        #[test]
        fn sets_hold_their_values(key in "[a-z]{1,8}", values in prop::collection::vec("[a-z0-9]{1,5}", 1..5)) {
            let inside = LabelSelector::parse(&format!("{key} in ({})", values.join(","))).unwrap();
            let outside = LabelSelector::parse(&format!("{key} notin ({})", values.join(" , "))).unwrap();
            for value in values.iter().map(String::as_str).chain(["-"]) {
                let labels = [(key.as_str().into(), value.into())].into();
                prop_assert_eq!(inside.matches(&labels), value != "-");
                prop_assert_eq!(outside.matches(&labels), value == "-");
            }
        }
    }
}
