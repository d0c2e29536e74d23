//! What a database is read from.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// The longest piece that is read at once.
const MOST: usize = 4 << 20;

/// Something that bytes can be read from anywhere.
pub trait Source {
    /// So many bytes from there; `None` if they are not there, or more than 4 MiB.
    fn at(&self, offset: u64, length: usize) -> Option<Vec<u8>>;
}

impl Source for File {
    fn at(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        if length > MOST {
            return None;
        }
        let mut bytes = vec![0; length];
        self.read_exact_at(&mut bytes, offset).ok()?;
        Some(bytes)
    }
}

impl Source for &[u8] {
    fn at(&self, offset: u64, length: usize) -> Option<Vec<u8>> {
        let rest = self.get(usize::try_from(offset).ok()?..)?;
        rest.get(..length).filter(|_| length <= MOST).map(<[u8]>::to_vec)
    }
}
