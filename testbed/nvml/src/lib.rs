//! What the tests take for `libnvidia-ml.so.1`: its calls, and [`Fake`], a copy of it with a file beside it that says
//! what it answers. The calls have the shapes of NVIDIA's `nvml.h`.
//!
//! A line each, read anew at every call; words are `key=value`, `_` in a model stands for a space:
//!
//! ```text
//! gpu minor=0 uuid=GPU-1 model=NVIDIA_A100 total=42949672960 used=1024 busy=20,40 now=3
//! mig gpu=0 uuid=MIG-1 gi=1 ci=0 model=NVIDIA_A100_MIG_1g.5gb total=5368709120 used=512
//! process gpu=0 pid=123 memory=1024 sm=30 list=compute
//! process gpu=0 mig=0 pid=124 memory=512
//! fault nvmlDeviceGetMemoryInfo=15 gpu=1
//! hang nvmlDeviceGetMemoryInfo
//! ```
//!
//! `busy` are the driver's samples of the use, `now` its own newest figure; without `memory` a process' memory is not
//! known. A `fault` answers with a code, on one GPU or all; `hang` waits until the line is gone.

mod calls;
mod state;

use std::path::{Path, PathBuf};

/// A copy of the library in a folder of its own.
pub struct Fake {
    folder: PathBuf,
}

impl Fake {
    /// Puts the library into a folder.
    ///
    /// # Errors
    /// The library was not built beside the running test, or the folder cannot be written.
    pub fn new(folder: &Path) -> std::io::Result<Self> {
        Self::without(folder, &[])
    }

    /// The same without some of its calls, as an old one has them not.
    ///
    /// # Errors
    /// As above.
    pub fn without(folder: &Path, calls: &[&str]) -> std::io::Result<Self> {
        let fake = Self { folder: folder.to_owned() };
        let mut library = std::fs::read(built()?)?;
        for call in calls {
            // one letter of the name in the table of symbols: nobody finds it any more
            let name = [b"\0", call.as_bytes(), b"\0"].concat();
            let places: Vec<usize> = library
                .windows(name.len())
                .enumerate()
                .filter(|(_, bytes)| *bytes == name)
                .map(|(at, _)| at)
                .collect();
            for place in places {
                if let Some(byte) = library.get_mut(place + 1) {
                    *byte = b'x';
                }
            }
        }
        std::fs::write(fake.library(), library)?;
        fake.says("");
        Ok(fake)
    }

    /// The library's path.
    pub fn library(&self) -> PathBuf {
        self.folder.join("libnvidia-ml.so.1")
    }

    /// From now on it answers so.
    #[allow(clippy::expect_used, reason = "for tests")]
    pub fn says(&self, text: &str) {
        let new = self.folder.join("new");
        std::fs::write(&new, text).expect("the folder of the library can be written");
        std::fs::rename(&new, self.folder.join(state::FILE))
            .expect("the folder of the library can be written");
    }
}

/// The library as it was built: beside the tests, or a folder above.
fn built() -> std::io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folders =
        program.ancestors().skip(1).take(2).flat_map(|folder| [folder.to_owned(), folder.join("deps")]);
    let mut files = folders.map(|folder| folder.join("libplimsoll_nvml.so"));
    files.find(|file| file.is_file()).ok_or_else(|| {
        let text = format!("no libplimsoll_nvml.so beside {}", program.display());
        std::io::Error::new(std::io::ErrorKind::NotFound, text)
    })
}
