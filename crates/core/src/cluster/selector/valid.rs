//! What a label's name and value may be, and the API server's words where they are not.

/// Bytes of a name behind its prefix, and of a value.
const NAME_LENGTH: usize = 63;
/// Bytes of the prefix.
const PREFIX_LENGTH: usize = 253;

const EXAMPLES: &str = "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
    must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
    validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const PREFIX: &str = "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
    '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation \
    is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// Complaints about a label's name: `app`, `example.com/app`.
pub(super) fn key(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            let tail = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a qualified name must {EXAMPLES} {tail}")];
        }
        Some((prefix, name)) => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                if prefix.len() > PREFIX_LENGTH {
                    wrong.push(format!("prefix part must be no more than {PREFIX_LENGTH} characters"));
                }
                if !prefix.split('.').all(is_host_part) {
                    wrong.push(PREFIX.to_owned());
                }
            }
            name
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".to_owned());
    } else if name.len() > NAME_LENGTH {
        wrong.push(format!("name part must be no more than {NAME_LENGTH} characters"));
    }
    if !is_word(name) {
        wrong.push(format!("name part must {EXAMPLES}"));
    }
    wrong
}

/// Complaints about a label's value.
pub(super) fn value(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > NAME_LENGTH {
        wrong.push(format!("must be no more than {NAME_LENGTH} characters"));
    }
    if !text.is_empty() && !is_word(text) {
        wrong.push(VALUE.to_owned());
    }
    wrong
}

fn is_word(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    framed(text, |byte| byte.is_ascii_alphanumeric()) && text.bytes().all(inside)
}

fn is_host_part(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    framed(text, plain) && text.bytes().all(|byte| plain(byte) || byte == b'-')
}

/// Whether the first and the last byte are such ones.
fn framed(text: &str, such: impl Fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|first| such(*first)) && bytes.last().is_some_and(|last| such(*last))
}
