//! Text into HTML: everything that is not ours is escaped.

use std::fmt::Display;

use crate::query::escape_path;

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

/// HTML in the making.
#[derive(Default)]
pub struct Html(String);

impl Html {
    /// Markup of ours, as it is.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text of anybody, escaped.
    pub fn text(&mut self, text: &str) -> &mut Self {
        escape(&mut self.0, text);
        self
    }

    /// Something that prints itself, escaped.
    pub fn show(&mut self, value: impl Display) -> &mut Self {
        self.text(&value.to_string())
    }

    /// A link to a path below the root.
    pub fn link(&mut self, root: &str, path: &str, text: &str) -> &mut Self {
        self.raw("<a href=\"").text(root);
        escape_path(&mut self.0, path);
        self.raw("\">").text(text).raw("</a>")
    }

    /// A row of a table of two columns.
    pub fn row(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        self.raw("<tr><th scope=\"row\">").raw(name).raw("</th><td>").show(value).raw("</td></tr>\n")
    }

    /// The first row of a table.
    pub fn head(&mut self, columns: &[&'static str]) -> &mut Self {
        self.raw("<thead><tr>");
        for column in columns {
            self.raw("<th scope=\"col\">").raw(column).raw("</th>");
        }
        self.raw("</tr></thead>\n")
    }

    /// A cell.
    pub fn cell(&mut self, value: impl Display) -> &mut Self {
        self.raw("<td>").show(value).raw("</td>")
    }

    /// A cell with a number, which stands at the right.
    pub fn number(&mut self, value: impl Display) -> &mut Self {
        self.raw("<td class=\"n\">").show(value).raw("</td>")
    }

    /// How much of something is used, as a bar.
    pub fn bar(&mut self, used: u64, of: u64) -> &mut Self {
        self.raw("<meter min=\"0\" max=\"").show(of.max(1)).raw("\" value=\"").show(used.min(of)).raw("\">");
        self.show(percent(used, of)).raw("</meter> ").show(percent(used, of))
    }

    /// Other HTML behind this.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// The markup.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// `12.3 %`.
pub fn percent(part: u64, of: u64) -> String {
    if of == 0 { "-".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / of as f64) }
}

/// Bytes in the largest unit that leaves a whole part: `1.5 GiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut size = n as f64;
    let mut unit = "B";
    for next in UNITS {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{n} B") } else { format!("{size:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_only_text() {
        let mut html = Html::default();
        html.text("<script>alert('x')</script>&\"");
        assert_eq!(html.into_string(), "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&#34;");
    }

    #[test]
    fn links_lead_where_they_say() {
        let mut html = Html::default();
        html.link("../", "containers/a b\"><x>\\x2d?#%é", "<x>");
        assert_eq!(
            html.into_string(),
            "<a href=\"../containers/a%20b%22%3E%3Cx%3E%5Cx2d%3F%23%25%C3%A9\">&lt;x&gt;</a>"
        );
    }

    #[test]
    fn sizes_have_a_unit() {
        let f = |n, want: &str| assert_eq!(bytes(n), want);
        f(0, "0 B");
        f(1023, "1023 B");
        f(1536, "1.5 KiB");
        f(134_217_728, "128.0 MiB");
        f(u64::MAX, "16.0 EiB");
    }
}
