//! Numbers and names as people read them in a terminal.

use plimsoll_core::time::Timestamp;
use ratatui::text::Span;

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Blocks and lines; else plain ASCII.
    pub(crate) unicode: bool,
    /// Colours.
    pub(crate) colour: bool,
}

impl Look {
    /// As the environment says: the locale, and `NO_COLOR`.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let given = |name: &&str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(given).unwrap_or_default().to_lowercase();
        let colour = given(&"NO_COLOR").is_none() && given(&"TERM").is_none_or(|term| term != "dumb");
        Self { unicode: locale.contains("utf-8") || locale.contains("utf8"), colour }
    }

    const fn steps(self) -> [char; 8] {
        match self.unicode {
            true => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
            false => ['_', '.', ':', '-', '=', '+', '*', '#'],
        }
    }
}

/// A name without what would move the cursor or turn the direction of text: containers choose their names.
pub(crate) fn clean(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    text.chars().filter(|c| !odd(*c)).collect()
}

/// Lines of whole words, none wider than `width` cells but for a word that alone is.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut taken = 0;
    for word in text.split_whitespace() {
        let cells = Span::raw(word).width();
        match lines.last_mut().filter(|_| taken + 1 + cells <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
                taken += 1 + cells;
            }
            None => {
                lines.push(word.to_owned());
                taken = cells;
            }
        }
    }
    lines
}

/// Bytes in at most four places and a unit: `0`, `999`, `1.0K`, `128M`.
pub(crate) fn bytes(bytes: f64) -> String {
    let mut value = bytes.max(0.0);
    let mut units = ["", "K", "M", "G", "T", "P", "E"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while value >= 999.5 {
        let Some(next) = units.next() else { break };
        (value, unit) = (value / 1024.0, next);
    }
    if unit.is_empty() || value >= 9.95 { format!("{value:.0}{unit}") } else { format!("{value:.1}{unit}") }
}

/// Cores in at most five places.
pub(crate) fn cores(cores: f64) -> String {
    match cores {
        c if c < 0.005 => "0".to_owned(),
        c if c < 9.995 => format!("{c:.2}"),
        c if c < 99.95 => format!("{c:.1}"),
        c => format!("{c:.0}"),
    }
}

/// A share as a whole percentage, rounded down: nothing is full that is not.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0}%", (share * 100.0 + 1e-9).floor())
}

/// A span as its two largest units: `3d4h`, `5m2s`.
pub(crate) fn span(nanos: i64) -> String {
    let seconds = nanos.max(0) / 1_000_000_000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match seconds {
        86_400.. => format!("{days}d{hours}h"),
        3600.. => format!("{hours}h{minutes}m"),
        60.. => format!("{minutes}m{rest}s"),
        _ => format!("{rest}s"),
    }
}

/// The time of day, UTC.
pub(crate) fn clock(at: Timestamp) -> String {
    at.to_string().get(11..19).unwrap_or_default().to_owned()
}

/// The last `width` numbers as bars; from 0 to the largest, or to `full` if that is more.
pub(crate) fn spark(numbers: &[Option<f64>], full: f64, width: usize, look: Look) -> String {
    let shown = numbers.get(numbers.len().saturating_sub(width)..).unwrap_or_default();
    let most = shown.iter().flatten().copied().fold(full, f64::max);
    let mut out = " ".repeat(width.saturating_sub(shown.len()));
    out.extend(shown.iter().map(|number| match number {
        Some(number) => bar(*number, most, look),
        None => ' ',
    }));
    out
}

fn bar(number: f64, most: f64, look: Look) -> char {
    let steps = look.steps();
    let share = if most > 0.0 { (number / most).clamp(0.0, 1.0) } else { 0.0 };
    let step = (share * (steps.len() - 1) as f64).round() as usize;
    steps.get(step).copied().unwrap_or(' ')
}

/// A bar of which this share is full, and dots for what is left to the load line.
pub(crate) fn gauge(share: f64, width: usize, look: Look) -> String {
    let full = ((share.clamp(0.0, 1.0) * width as f64) + 0.5).floor() as usize;
    let (on, off) = if look.unicode { ("█", "·") } else { ("#", ".") };
    format!("{}{}", on.repeat(full), off.repeat(width.saturating_sub(full)))
}

/// Columns of a chart, top line first, in cells of eight steps. The newest number is the rightmost.
pub(crate) fn chart(
    numbers: &[Option<f64>],
    most: f64,
    width: usize,
    height: usize,
    look: Look,
) -> Vec<String> {
    let shown = numbers.get(numbers.len().saturating_sub(width)..).unwrap_or_default();
    let steps = look.steps();
    let gap = width.saturating_sub(shown.len());
    (0..height)
        .rev()
        .map(|level| {
            let mut line = " ".repeat(gap);
            line.extend(shown.iter().map(|number| {
                let Some(number) = number else { return ' ' };
                let share = if most > 0.0 { (number / most).clamp(0.0, 1.0) } else { 0.0 };
                // a number that is there shows at least the lowest step
                let eighths = ((share * (height * 8) as f64).round() as usize).max(1);
                match eighths.saturating_sub(level * 8) {
                    0 => ' ',
                    step => steps.get(step.min(8) - 1).copied().unwrap_or(' '),
                }
            }));
            line
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RICH: Look = Look { unicode: true, colour: true };
    const PLAIN: Look = Look { unicode: false, colour: false };

    #[test]
    fn numbers_are_short() {
        let f = |n: f64, want| assert_eq!(bytes(n), want);
        f(0.0, "0");
        f(999.0, "999");
        f(1000.0, "1.0K");
        f(10_240.0, "10K");
        f(134_217_728.0, "128M");
        f(1e24, "867362E");
        let f = |n, want| assert_eq!(cores(n), want);
        f(0.004, "0");
        f(0.25, "0.25");
        f(12.34, "12.3");
        f(128.0, "128");
        assert_eq!((percent(0.9999), percent(1.2)), ("99%".to_owned(), "120%".to_owned()));
    }

    #[test]
    fn spans_have_two_units() {
        let f = |seconds: i64, want| assert_eq!(span(seconds * 1_000_000_000), want);
        f(-1, "0s");
        f(59, "59s");
        f(302, "5m2s");
        f(3_660, "1h1m");
        f(273_600, "3d4h");
    }

    #[test]
    fn long_texts_are_wrapped_at_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("数数 数 a", 6), ["数数", "数 a"], "in cells");
        assert_eq!(wrapped("endlessly a", 4), ["endlessly", "a"]);
        assert_eq!(wrapped(" ", 4), Vec::<String>::new());
    }

    #[test]
    fn names_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\r\nc\u{202e}d\u{7f}\u{9b}"), "a[2Jbcd");
        assert_eq!(clean("größe 数"), "größe 数");
    }

    #[test]
    fn bars_grow_with_their_number() {
        let numbers = [None, Some(0.0), Some(0.5), Some(1.0)];
        assert_eq!(spark(&numbers, 0.0, 6, RICH), "   ▁▅█");
        assert_eq!(spark(&numbers, 2.0, 2, RICH), "▃▅");
        assert_eq!(spark(&numbers, 0.0, 3, PLAIN), "_=#");
        assert_eq!(gauge(0.5, 4, RICH), "██··");
        assert_eq!(gauge(7.0, 4, PLAIN), "####");
        assert_eq!(chart(&numbers, 1.0, 5, 2, RICH), ["    █", "  ▁██"]);
    }

    #[test]
    fn the_environment_says_what_can_be_shown() {
        let f = |pairs: &[(&str, &str)]| {
            Look::of(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(f(&[("LANG", "C.UTF-8"), ("TERM", "xterm")]), RICH);
        assert_eq!(f(&[("LANG", "C.UTF-8"), ("LC_ALL", "C"), ("NO_COLOR", "1")]), PLAIN);
        assert_eq!(
            f(&[("LC_ALL", ""), ("LANG", "de_DE.utf8"), ("TERM", "dumb")]),
            Look { colour: false, ..RICH }
        );
    }
}
