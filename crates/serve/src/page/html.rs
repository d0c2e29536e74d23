//! Text into HTML: everything that is not ours is escaped.

/// Appends text so that it is only text, inside an element or a quoted attribute. The escapes are those of
/// Go's `html.EscapeString`.
pub fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}
