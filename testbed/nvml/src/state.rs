//! What the library answers: the file beside it.

use std::collections::HashMap;
use std::path::PathBuf;

/// Its name.
pub(crate) const FILE: &str = "state";

#[derive(Default)]
pub(crate) struct State {
    lines: Vec<(String, HashMap<String, String>)>,
}

impl State {
    /// Reads the file beside the library that this code is in.
    pub(crate) fn read() -> Self {
        let text = here().and_then(|path| std::fs::read_to_string(path.with_file_name(FILE)).ok());
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            let first = words.next()?.to_owned();
            let pair = |word: &str| {
                let (key, value) = word.split_once('=').unwrap_or((word, ""));
                (key.to_owned(), value.to_owned())
            };
            Some((first, words.map(pair).collect()))
        };
        Self { lines: text.unwrap_or_default().lines().filter_map(line).collect() }
    }

    pub(crate) fn all(&self, first: &str) -> Vec<&HashMap<String, String>> {
        self.lines.iter().filter(|(word, _)| word == first).map(|(_, pairs)| pairs).collect()
    }

    /// The code that a call answers with on a GPU, if one is ordered; waits while it is to hang.
    pub(crate) fn fault(call: &str, gpu: Option<usize>) -> Option<u32> {
        loop {
            let state = Self::read();
            if !state.all("hang").iter().any(|hang| hang.contains_key(call)) {
                let mut faults = state.all("fault").into_iter();
                return faults.find_map(|fault| {
                    let code = fault.get(call)?.parse().ok()?;
                    let here = number(fault, "gpu").is_none_or(|wanted| gpu == usize::try_from(wanted).ok());
                    here.then_some(code)
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

pub(crate) fn number(pairs: &HashMap<String, String>, key: &str) -> Option<u64> {
    pairs.get(key)?.parse().ok()
}

/// The file that this code was loaded from: the mapping around one of its functions.
fn here() -> Option<PathBuf> {
    let address = here as *const () as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (start, end) = range.split_once('-')?;
        let start = usize::from_str_radix(start, 16).ok()?;
        let end = usize::from_str_radix(end, 16).ok()?;
        (start..end)
            .contains(&address)
            .then(|| rest.find('/').and_then(|at| rest.get(at..)).map(PathBuf::from))?
    })
}
