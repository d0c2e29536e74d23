//! Which format and which compression a client takes: `Accept` and `Accept-Encoding`.

use http::{HeaderMap, header};

use crate::text::Format;

/// How the body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

impl Encoding {
    /// The word of `Content-Encoding`.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

/// What was agreed on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) format: Format,
    pub(super) encoding: Encoding,
    pub(super) content_type: &'static str,
}

pub(super) fn answer(headers: &HeaderMap) -> Answer {
    let (format, content_type) = format(headers);
    Answer { format, encoding: encoding(headers), content_type }
}

/// Text unless OpenMetrics 1.0 stands before it. `escaping` is what the client named last before that,
/// as Go's library has it; our names need none.
fn format(headers: &HeaderMap) -> (Format, &'static str) {
    let mut escaping = "underscores";
    let items = by_quality(headers, header::ACCEPT);
    for item in &items {
        if let Some(named) = item.parameter("escaping") {
            escaping = named;
        }
        let version = item.parameter("version");
        match item.name {
            "application/openmetrics-text" if matches!(version, None | Some("1.0.0")) => {
                return (Format::OpenMetrics, open_metrics_type(escaping));
            }
            "text/plain" if matches!(version, None | Some("0.0.4")) => break,
            _ => {}
        }
    }
    (Format::Text, text_type(escaping))
}

fn text_type(escaping: &str) -> &'static str {
    match escaping {
        "allow-utf-8" => "text/plain; version=0.0.4; charset=utf-8; escaping=allow-utf-8",
        "dots" => "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
        "values" => "text/plain; version=0.0.4; charset=utf-8; escaping=values",
        _ => "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
    }
}

fn open_metrics_type(escaping: &str) -> &'static str {
    match escaping {
        "allow-utf-8" => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        "dots" => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=dots",
        "values" => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=values",
        _ => "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
    }
}

/// The one that the client likes best; zstd where it likes both the same, since it is cheaper.
fn encoding(headers: &HeaderMap) -> Encoding {
    let items = by_quality(headers, header::ACCEPT_ENCODING);
    let quality = |name| items.iter().find(|item| item.name == name).map_or(0, |item| item.quality);
    let (gzip, zstd) = (quality("gzip").max(quality("x-gzip")), quality("zstd"));
    match () {
        () if zstd > 0 && zstd >= gzip => Encoding::Zstd,
        () if gzip > 0 => Encoding::Gzip,
        () => Encoding::Identity,
    }
}

/// Whether the client takes gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    by_quality(headers, header::ACCEPT_ENCODING).iter().any(|item| matches!(item.name, "gzip" | "x-gzip"))
}

/// An item of a list with qualities.
struct Item<'a> {
    name: &'a str,
    parameters: &'a str,
    /// Thousandths.
    quality: u16,
}

impl Item<'_> {
    fn parameter(&self, key: &str) -> Option<&str> {
        parameters(self.parameters).find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
    }
}

/// The items that are wanted at all, best first, in the client's order where it likes them the same.
fn by_quality(headers: &HeaderMap, name: header::HeaderName) -> Vec<Item<'_>> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    let mut items: Vec<Item<'_>> = values
        .flat_map(|value| value.split(','))
        .take(64)
        .map(|item| {
            let (name, rest) = item.split_once(';').unwrap_or((item, ""));
            let quality = parameters(rest)
                .find(|(name, _)| name.eq_ignore_ascii_case("q"))
                .map_or(1.0, |(_, q)| q.parse::<f64>().unwrap_or(0.0));
            Item { name: name.trim(), parameters: rest, quality: (quality.clamp(0.0, 1.0) * 1000.0) as u16 }
        })
        .filter(|item| item.quality > 0)
        .collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.quality));
    items
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn asked(accept: &'static str, encoding: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(encoding));
        answer(&headers)
    }

    #[test]
    fn text_unless_open_metrics_is_liked_better() {
        let f = |accept, content_type| assert_eq!(asked(accept, "").content_type, content_type, "{accept}");
        let text = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
        let open = "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";
        f("", text);
        f("*/*", text);
        f("text/html, */*;q=0.8", text);
        f("application/openmetrics-text", open);
        f("application/openmetrics-text; version=1.0.0; q=0", text);
        f("application/openmetrics-text; version=0.0.1", text);
        f("application/openmetrics-text;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.5", text);
        f("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4", open);
        f("application/openmetrics-text;q=x", text);
        // Prometheus 3
        f(
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
        );
        f(
            "text/plain;version=1.0.0;escaping=dots,text/plain;version=0.0.4;q=0.3",
            "text/plain; version=0.0.4; charset=utf-8; escaping=dots",
        );
        f("text/plain; escaping=nonsense", text);
    }

    #[test]
    fn the_best_liked_compression() {
        let f = |encoding, expected| assert_eq!(asked("", encoding).encoding, expected, "{encoding}");
        f("", Encoding::Identity);
        f("identity", Encoding::Identity);
        f("br", Encoding::Identity);
        f("gzip", Encoding::Gzip);
        f("deflate, gzip, br, zstd", Encoding::Zstd);
        f("gzip;q=1.0, zstd;q=0.5", Encoding::Gzip);
        f("gzip;q=0", Encoding::Identity);
        f("gzip;q=0, zstd;q=0.000", Encoding::Identity);
    }
}
