//! Pressure stall information: `{cpu,memory,io}.pressure`, the same on v1 (in the unified hierarchy of a hybrid
//! machine) and v2.

use plimsoll_kernel::error::ParseError;
use plimsoll_kernel::format::{self, Nested};

use crate::sample::{Psi, PsiLine, Sample};

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Cpu,
    Memory,
    Io,
}

impl Resource {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Io];

    /// What a sample has of it.
    pub(crate) fn of(self, sample: &Sample) -> Option<&Psi> {
        match self {
            Self::Cpu => sample.cpu.as_ref()?.psi.as_ref(),
            Self::Memory => sample.memory.as_ref()?.psi.as_ref(),
            Self::Io => sample.diskio.as_ref()?.psi.as_ref(),
        }
    }
}

impl Psi {
    /// Whether its averages are all zero: they do not move unless the totals do.
    pub(crate) fn has_faded(&self) -> bool {
        [&self.some, &self.full].iter().all(|line| (line.avg10, line.avg60, line.avg300) == (0, 0, 0))
    }
}

/// ```text
/// some avg10=73.88 avg60=44.03 avg300=12.56 total=41948995
/// full avg10=73.87 avg60=44.02 avg300=12.56 total=41935480
/// ```
/// Before Linux 5.13 a CPU's file has no line `full`: zeros.
pub(crate) fn parse(text: &[u8]) -> Result<Psi, ParseError> {
    let mut psi = Psi::default();
    let mut known = false;
    for line in format::nested_keyed(text) {
        let place = match line.name {
            b"some" => &mut psi.some,
            b"full" => &mut psi.full,
            _ => continue,
        };
        *place = parse_line(line)?;
        known = true;
    }
    if known { Ok(psi) } else { Err(ParseError::new(1, "a line \"some avg10=...\"", text)) }
}

fn parse_line(line: Nested<'_>) -> Result<PsiLine, ParseError> {
    let mut out = PsiLine::default();
    for pair in line.pairs() {
        match pair.key {
            b"avg10" => out.avg10 = pair.hundredths()?,
            b"avg60" => out.avg60 = pair.hundredths()?,
            b"avg300" => out.avg300 = pair.hundredths()?,
            b"total" => out.total = pair.number()?,
            _ => {}
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_both_lines() {
        let text = b"some avg10=73.88 avg60=44.03 avg300=12.56 total=41948995\n\
                     full avg10=73.87 avg60=44.02 avg300=12.56 total=41935480 new=1\n\
                     other x=1\n";
        let some = PsiLine { avg10: 7388, avg60: 4403, avg300: 1256, total: 41_948_995 };
        let full = PsiLine { avg10: 7387, avg60: 4402, avg300: 1256, total: 41_935_480 };
        assert_eq!(parse(text), Ok(Psi { some, full }));
    }

    #[test]
    fn an_old_kernel_has_no_full_line_for_cpu() {
        let psi = parse(b"some avg10=0.00 avg60=0.00 avg300=0.00 total=7\n").unwrap();
        assert_eq!((psi.some.total, psi.full), (7, PsiLine::default()));
    }

    #[test]
    fn another_text_is_a_fault() {
        for text in ["", "0\n", "some avg10=x\n", "some avg10=1.000\n"] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(a in 0..=10_000u64, b in 0..=10_000u64, total in any::<u64>()) {
            let line = |n: u64| format!("avg10={0}.{1:02} avg60={0}.{1:02} avg300=0.00", n / 100, n % 100);
            let text = format!("some {} total={total}\nfull {} total=0\n", line(a), line(b));
            let some = PsiLine { avg10: a, avg60: a, avg300: 0, total };
            let full = PsiLine { avg10: b, avg60: b, avg300: 0, total: 0 };
            prop_assert_eq!(parse(text.as_bytes()), Ok(Psi { some, full }));
        }

        #[test]
        fn no_text_makes_it_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text);
        }
    }
}
