//! A second reading of the exposition format, written from its specification and not from the writer.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
    /// As it is written, milliseconds or seconds.
    pub time: Option<String>,
}

/// Every line that is no comment.
///
/// # Errors
/// The first line that is not of the format.
pub fn lines(text: &str) -> Result<Vec<Line>, String> {
    assert!(text.is_empty() || text.ends_with('\n'), "no line break at the end");
    text.split_terminator('\n').filter(|l| !l.starts_with('#')).map(|l| line(l).ok_or(l.to_owned())).collect()
}

pub fn line(text: &str) -> Option<Line> {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = text.find(|c| !letters(c))?;
    let (name, mut rest) = text.split_at(end);
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        return None;
    }
    let mut labels = BTreeMap::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (key, tail) = rest.split_once("=\"")?;
            if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return None;
            }
            let (value, tail) = quoted(tail)?;
            if labels.insert(key.to_owned(), value).is_some() {
                return None;
            }
            rest = tail.strip_prefix(',').unwrap_or(tail);
            if let Some(tail) = tail.strip_prefix('}') {
                rest = tail;
                break;
            }
        }
    }
    let mut fields = rest.strip_prefix(' ')?.split(' ');
    let value = match fields.next()? {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number => number.parse().ok()?,
    };
    let time = fields.next().map(str::to_owned);
    if time.as_ref().is_some_and(|time| time.parse::<f64>().is_err()) || fields.next().is_some() {
        return None;
    }
    Some(Line { name: name.to_owned(), labels, value, time })
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => value.push(match rest.next()? {
                'n' => '\n',
                '"' => '"',
                '\\' => '\\',
                _ => return None,
            }),
            c => value.push(c),
        }
    }
}

/// A file of upstream's or recorded data, if it is here.
pub fn reference(path: &str) -> Option<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = ["../../../shared/reference", "../../../../shared/reference"].map(|up| here.join(up));
    let named = std::env::var_os("PLIMSOLL_REFERENCE").map(PathBuf::from);
    let found =
        named.into_iter().chain(beside).find_map(|root| std::fs::read_to_string(root.join(path)).ok());
    if found.is_none() {
        println!("skipped: {path} is not here; PLIMSOLL_REFERENCE can say where it is");
    }
    found
}
