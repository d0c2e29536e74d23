//! `/proc/<pid>/stat`.

/// The fields that are used; ticks are those of the kernel's user interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat<'a> {
    /// Process id.
    pub pid: i64,
    /// Short name of the command, any bytes.
    pub name: &'a [u8],
    /// `R`, `S`, `D`, `Z`, ...
    pub state: char,
    /// Parent's process id.
    pub parent: i64,
    /// Process group.
    pub group: i64,
    /// Session.
    pub session: i64,
    /// The terminal's foreground process group; -1 without a terminal.
    pub foreground: i64,
    /// CPU time as a user.
    pub utime_ticks: u64,
    /// CPU time in the kernel.
    pub stime_ticks: u64,
    /// Nice value.
    pub nice: i64,
    /// Threads.
    pub threads: i64,
    /// When it started, since boot.
    pub start_ticks: u64,
    /// CPU that it last ran on; absent before 2.2.8.
    pub processor: i64,
}

/// The parent of a process; `None` when that has ended, or its parent is none of this machine's processes.
pub fn parent_of(proc: &std::path::Path, pid: u32) -> Option<u32> {
    let bytes = std::fs::read(proc.join(pid.to_string()).join("stat")).ok()?;
    u32::try_from(parse(&bytes)?.parent).ok().filter(|parent| *parent > 0)
}

/// `None` when the bytes have another shape. The name stands in parentheses and may itself hold some, so it ends
/// at the last one.
///
/// ```text
/// 18340 (sleep) S 18295 18295 18295 0 -1 4194304 59 0 0 0 0 0 0 0 20 0 1 0 576640 2322432 316 ...
/// ```
pub fn parse(bytes: &[u8]) -> Option<Stat<'_>> {
    let open = bytes.iter().position(|b| *b == b'(')?;
    let close = bytes.iter().rposition(|b| *b == b')')?;
    let pid = std::str::from_utf8(bytes.get(..open)?).ok()?.trim().parse().ok()?;
    let name = bytes.get(open + 1..close)?;
    let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
    // the first of them is field 3 of proc(5)
    let mut fields = Fields { words: rest.split_ascii_whitespace(), next: 3 };
    let state = fields.at(3)?.chars().next()?;
    Some(Stat {
        pid,
        name,
        state,
        parent: fields.number(4)?,
        group: fields.number(5)?,
        session: fields.number(6)?,
        foreground: fields.number(8)?,
        utime_ticks: fields.number(14)?,
        stime_ticks: fields.number(15)?,
        nice: fields.number(19)?,
        threads: fields.number(20)?,
        start_ticks: fields.number(22)?,
        processor: fields.number(39)?,
    })
}

/// Fields by their number in proc(5), in rising order.
struct Fields<'a> {
    words: std::str::SplitAsciiWhitespace<'a>,
    next: usize,
}

impl<'a> Fields<'a> {
    fn at(&mut self, number: usize) -> Option<&'a str> {
        let skip = number.checked_sub(self.next)?;
        self.next = number + 1;
        self.words.nth(skip)
    }

    fn number<N: std::str::FromStr>(&mut self, number: usize) -> Option<N> {
        self.at(number)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SLEEP: &str = "18340 (sleep) S 18295 18296 18297 0 -1 4194304 59 0 0 0 7 8 0 0 20 -5 3 0 576640 2322432 \
                         316 18446744073709551615 4198400 5785993 140728715631392 0 0 0 0 6 0 1 0 0 17 1 0 0 0 0 0";

    #[test]
    fn fields_are_those_of_the_manual() {
        let stat = Stat {
            pid: 18340,
            name: b"sleep",
            state: 'S',
            parent: 18295,
            group: 18296,
            session: 18297,
            foreground: -1,
            utime_ticks: 7,
            stime_ticks: 8,
            nice: -5,
            threads: 3,
            start_ticks: 576_640,
            processor: 1,
        };
        assert_eq!(parse(SLEEP.as_bytes()), Some(stat));
    }

    #[test]
    fn a_name_may_look_like_anything() {
        for name in ["a) S 1 (b", "", "x y", ") ", "\n"] {
            let text = SLEEP.replace("sleep", name);
            let stat = parse(text.as_bytes()).unwrap();
            assert_eq!((stat.name, stat.parent), (name.as_bytes(), 18295));
        }
    }

    #[test]
    fn a_cut_line_is_none() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"1 (a) S 1 2 3"), None);
        assert_eq!(parse(b"1 )a( S 1 2 3"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            parse(&bytes);
        }
    }
}
