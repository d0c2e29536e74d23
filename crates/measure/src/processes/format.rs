//! The words of `ps` (procps-ng).

use super::stat::Stat;

/// A command's name is printed this wide.
const NAME: usize = 15;

/// State and what goes with it: `<` and `N` by nice value, `L` memory locked, `s` leads a session, `l` has
/// threads, `+` in the foreground.
pub(super) fn state(stat: &Stat<'_>, locked: bool) -> String {
    let marks = [
        ('<', stat.nice < 0),
        ('N', stat.nice > 0),
        ('L', locked),
        ('s', stat.session == stat.pid),
        ('l', stat.threads > 1),
        ('+', stat.group == stat.foreground),
    ];
    let marks = marks.into_iter().filter(|(_, set)| *set).map(|(mark, _)| mark);
    std::iter::once(stat.state).chain(marks).collect()
}

/// `00:10:48`, or `2-00:10:48` from a day on.
pub(super) fn cpu_time(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    let days = if days > 0 { format!("{days}-") } else { String::new() };
    format!("{days}{hours:02}:{minutes:02}:{seconds:02}")
}

/// The command's short name. Bytes that do not print are `?`; runs of spaces are one, since a reader of ps' columns
/// cannot see more.
pub(super) fn command(name: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(name)
        .chars()
        .map(|c| if c.is_control() || c == char::REPLACEMENT_CHARACTER { '?' } else { c })
        .collect();
    let cut: String = text.chars().take(NAME).collect();
    cut.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::stat;
    use super::*;

    #[test]
    fn letters_stand_in_the_order_of_ps() {
        let f = |head: &str, nice: i64, threads: u32, locked, letters| {
            let text = format!(
                "{head} 0 0 0 0 0 0 0 0 0 20 {nice} {threads} 0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 17 0"
            );
            assert_eq!(state(&stat::parse(text.as_bytes()).unwrap(), locked), letters, "{text}");
        };
        f("9 (a) S 1 9 9 0 -1", 0, 1, false, "Ss");
        f("9 (a) R 1 9 9 5 9", 0, 4, false, "Rsl+");
        f("9 (a) S 1 8 8 5 8", 5, 1, true, "SNL+");
        f("9 (a) I 1 0 0 0 -1", -20, 1, false, "I<");
    }

    #[test]
    fn time_is_printed_with_days() {
        let f = |seconds, text| assert_eq!(cpu_time(seconds), text);
        f(0, "00:00:00");
        f(648, "00:10:48");
        f(86_399, "23:59:59");
        f(2 * 86_400 + 1, "2-00:00:01");
    }

    #[test]
    fn names_are_cut_as_in_a_column() {
        let f = |name: &[u8], text| assert_eq!(command(name), text);
        f(b"kworker/u8:3-events_unbound", "kworker/u8:3-ev");
        f(b"DWC Notificatio", "DWC Notificatio");
        f(b"a\x01\xffb", "a??b");
    }
}
