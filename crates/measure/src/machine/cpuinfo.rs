//! `/proc/cpuinfo`: what the processors say of themselves, in the spelling of each architecture.
//!
//! Reads: proc/cpuinfo
//! Gives: vendor_id, num_physical_cores, num_sockets, num_books, num_drawers, cpu_frequency_khz
//! Cost:  one file

use std::collections::BTreeSet;
use std::path::Path;

use super::file;

/// What is there; numbers that the architecture does not print are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CpuInfo {
    /// `GenuineIntel`, `IBM/S390`; empty on ARM.
    pub vendor_id: String,
    /// Logical processors listed.
    pub processors: u64,
    /// The first frequency, in kHz.
    pub khz: Option<u64>,
    /// A pair for each physical core: its socket (as printed, empty when not) and its number in there.
    cores: BTreeSet<(String, u64)>,
    sockets: BTreeSet<u64>,
    books: BTreeSet<u64>,
    drawers: BTreeSet<u64>,
}

/// How many there are of each part; 0 where the source does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Physical cores over all sockets.
    pub cores: u64,
    /// Sockets.
    pub sockets: u64,
    /// Books, s390x.
    pub books: u64,
    /// Drawers, s390x.
    pub drawers: u64,
}

impl Counts {
    /// Takes from `other` what this source does not say.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let or = |ours, theirs| if ours == 0 { theirs } else { ours };
        Self {
            cores: or(self.cores, other.cores),
            sockets: or(self.sockets, other.sockets),
            books: or(self.books, other.books),
            drawers: or(self.drawers, other.drawers),
        }
    }
}

impl CpuInfo {
    /// How many parts the lines name.
    pub fn counts(&self) -> Counts {
        Counts {
            cores: self.cores.len() as u64,
            sockets: self.sockets.len() as u64,
            books: self.books.len() as u64,
            drawers: self.drawers.len() as u64,
        }
    }
}

/// The file; without it nothing is known.
pub(super) fn read(path: &Path) -> CpuInfo {
    file::bytes(path).map(|bytes| parse(&String::from_utf8_lossy(&bytes))).unwrap_or_default()
}

/// Lines of `key : value`, in blocks of one processor. Unknown keys are passed over.
///
/// ```text
/// processor       : 0
/// vendor_id       : AuthenticAMD
/// cpu MHz         : 2445.432
/// physical id     : 0
/// core id         : 0
/// ```
pub fn parse(text: &str) -> CpuInfo {
    let mut info = CpuInfo::default();
    // s390x prints the list of processors twice: in short ("processor 0: version = ...") and in blocks that
    // start with "cpu number"; only the blocks have a key that stands alone
    let mut socket = String::new();
    let mut core = None;
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "processor" | "cpu number" => {
                info.close(&mut socket, &mut core);
                info.processors += 1;
            }
            "vendor_id" if info.vendor_id.is_empty() => {
                info.vendor_id = value.split_whitespace().next().unwrap_or_default().to_owned();
            }
            "physical id" => {
                info.sockets.extend(file::digits(value));
                value.clone_into(&mut socket);
            }
            "core id" => core = file::digits(value),
            "book id" => info.books.extend(file::digits(value)),
            "drawer id" => info.drawers.extend(file::digits(value)),
            // x86 and MIPS; Loongson; PowerPC ("3690.000000MHz"); s390x
            "cpu MHz" | "CPU MHz" | "clock" | "cpu MHz static" if info.khz.is_none() => {
                info.khz = khz(value);
            }
            _ => {}
        }
    }
    info.close(&mut socket, &mut core);
    info
}

impl CpuInfo {
    /// The end of a processor's block. "core id" counts inside a socket, so a core is known by both.
    fn close(&mut self, socket: &mut String, core: &mut Option<u64>) {
        let socket = std::mem::take(socket);
        if let Some(core) = core.take() {
            self.cores.insert((socket, core));
        }
    }
}

fn khz(value: &str) -> Option<u64> {
    let mhz: f64 = value.strip_suffix("MHz").unwrap_or(value).trim().parse().ok()?;
    // 2095.082 x 1000 is a little less than 2095082
    let khz = (mhz * 1000.0).round();
    // a cast of what is no frequency would still give a number
    (khz.is_finite() && (0.0..1e12).contains(&khz)).then_some(khz as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cores_are_counted_over_all_sockets() {
        let block =
            |n, socket, core| format!("processor\t: {n}\nphysical id\t: {socket}\ncore id\t\t: {core}\n\n");
        let text: String = [(0, 0, 0), (1, 0, 1), (2, 1, 0), (3, 1, 1), (4, 0, 0), (5, 1, 1)]
            .map(|(n, socket, core)| block(n, socket, core))
            .concat();
        let info = parse(&text);
        assert_eq!(info.counts(), Counts { cores: 4, sockets: 2, ..Counts::default() });
        assert_eq!(info.processors, 6);
    }

    #[test]
    fn each_architecture_spells_the_frequency_in_its_way() {
        let f = |line, khz| assert_eq!(parse(line).khz, khz, "{line}");
        f("cpu MHz\t\t: 2445.432\n", Some(2_445_432));
        f("cpu MHz\t\t: 2095.082\n", Some(2_095_082));
        f("CPU MHz         : 1800.00\n", Some(1_800_000));
        f("clock\t\t: 3690.000000MHz\n", Some(3_690_000));
        f("cpu MHz static  : 5200\n", Some(5_200_000));
        f("BogoMIPS\t: 108.00\n", None);
        f("cpu MHz : NaN\n", None);
        f("cpu MHz : 1e300\n", None);
    }

    #[test]
    fn arm_names_neither_vendor_nor_cores() {
        let info = parse("processor\t: 0\nBogoMIPS\t: 108.00\n\nprocessor\t: 1\nBogoMIPS\t: 108.00\n");
        assert_eq!(info, CpuInfo { processors: 2, ..CpuInfo::default() });
    }

    #[test]
    fn s390x_has_books_and_drawers() {
        let text = "vendor_id       : IBM/S390\n# processors    : 2\n\
                    processor 0: version = FF,  identification = 0133E8,  machine = 2964\n\
                    processor 1: version = FF,  identification = 0133E8,  machine = 2964\n\n\
                    cpu number      : 0\nphysical id     : 1\ncore id         : 2\nbook id         : 0\n\
                    drawer id       : 3\ncpu MHz dynamic : 5000\ncpu MHz static  : 5200\n\n\
                    cpu number      : 1\nphysical id     : 1\ncore id         : 2\nbook id         : 1\n\
                    drawer id       : 3\n";
        let info = parse(text);
        assert_eq!(info.counts(), Counts { cores: 1, sockets: 1, books: 2, drawers: 1 });
        assert_eq!((info.vendor_id.as_str(), info.processors, info.khz), ("IBM/S390", 2, Some(5_200_000)));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            parse(&text);
        }

        #[test]
        fn counts_are_those_of_distinct_numbers(ids in proptest::collection::vec((0u64..4, 0u64..8), 0..40)) {
            let text: String = ids
                .iter()
                .map(|(s, c)| format!("processor : 0\nphysical id : {s}\ncore id : {c}\n\n"))
                .collect();
            let counts = parse(&text).counts();
            let distinct: BTreeSet<_> = ids.iter().collect();
            let sockets: BTreeSet<_> = ids.iter().map(|(s, _)| s).collect();
            prop_assert_eq!(counts.cores, distinct.len() as u64);
            prop_assert_eq!(counts.sockets, sockets.len() as u64);
        }
    }
}
