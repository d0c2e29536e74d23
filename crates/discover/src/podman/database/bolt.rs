//! Bolt's file: a tree of pages, of which a writer makes copies instead of changing them. Two pages in front name the
//! root; the one with the higher number of a transaction and a right checksum counts. What it names stays as it is
//! until the transaction after the next, so an answer is right if the same transaction counts at its end.
//!
//! Podman keeps a bucket `ctr` with a bucket for each container, in which `config` and `state` are JSON.

use super::{Documents, Source};

const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;
const PAGE_HEADER: usize = 16;
const BUCKET_HEADER: usize = 16;
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
/// The flag of an entry that is a bucket.
const BUCKET: u32 = 1;
/// A tree of a file as large as a disk is not as deep.
const DEEPEST: usize = 32;

/// What the file has of a container; `Some(None)` if it has none. `None` if the file was written meanwhile, or is
/// no file of Bolt's.
#[must_use]
pub fn container(file: &dyn Source, id: &str) -> Option<Option<Documents>> {
    let meta = Meta::newest(file)?;
    let found = documents(&Tree { file, page_size: meta.page_size }, meta.root, id.as_bytes());
    (Meta::newest(file)? == meta).then_some(found)
}

fn documents(tree: &Tree<'_>, root: u64, id: &[u8]) -> Option<Documents> {
    let containers = tree.bucket(&Node::At(root), b"ctr")?;
    let container = tree.bucket(&containers, id)?;
    let config = tree.get(&container, b"config").filter(|entry| !entry.bucket)?.value;
    let state = tree.get(&container, b"state").filter(|entry| !entry.bucket).map(|entry| entry.value);
    Some(Documents { config, state: state.unwrap_or_default() })
}

/// What is in force.
#[derive(PartialEq, Eq)]
struct Meta {
    page_size: u64,
    root: u64,
    transaction: u64,
}

impl Meta {
    fn newest(file: &dyn Source) -> Option<Self> {
        let first = Self::at(file, 0);
        // the second is one page on; a first that is torn does not tell how far that is
        let sizes = match &first {
            Some(meta) => vec![meta.page_size],
            None => (9..=16).map(|bits| 1 << bits).collect(),
        };
        let seconds =
            sizes.into_iter().filter_map(|size| Self::at(file, size).filter(|meta| meta.page_size == size));
        first.into_iter().chain(seconds).max_by_key(|meta| meta.transaction)
    }

    fn at(file: &dyn Source, offset: u64) -> Option<Self> {
        let bytes = file.at(offset + PAGE_HEADER as u64, 64)?;
        let right = u32_at(&bytes, 0)? == MAGIC
            && u32_at(&bytes, 4)? == VERSION
            && u64_at(&bytes, 56)? == fnv1a(bytes.get(..56)?);
        let page_size = u64::from(u32_at(&bytes, 8)?);
        if !right || !page_size.is_power_of_two() || page_size > 1 << 20 {
            return None;
        }
        Some(Self { page_size, root: u64_at(&bytes, 16)?, transaction: u64_at(&bytes, 48)? })
    }
}

/// Where a bucket's first page is: in the file, or, if it is small, in the entry itself.
enum Node {
    At(u64),
    Inline(Vec<u8>),
}

struct Entry {
    value: Vec<u8>,
    bucket: bool,
}

struct Tree<'a> {
    file: &'a dyn Source,
    page_size: u64,
}

impl Tree<'_> {
    fn bucket(&self, within: &Node, key: &[u8]) -> Option<Node> {
        let entry = self.get(within, key).filter(|entry| entry.bucket)?;
        match u64_at(&entry.value, 0)? {
            0 => Some(Node::Inline(entry.value.get(BUCKET_HEADER..)?.to_vec())),
            root => Some(Node::At(root)),
        }
    }

    fn get(&self, within: &Node, key: &[u8]) -> Option<Entry> {
        let mut page = match within {
            Node::At(number) => self.page(*number)?,
            Node::Inline(page) => page.clone(),
        };
        for _ in 0..DEEPEST {
            let count = usize::from(u16_at(&page, 10)?);
            match u16_at(&page, 8)? {
                LEAF => return leaf(&page, count, key),
                BRANCH => page = self.page(branch(&page, count, key)?)?,
                _ => return None,
            }
        }
        None
    }

    fn page(&self, number: u64) -> Option<Vec<u8>> {
        let offset = number.checked_mul(self.page_size)?;
        let header = self.file.at(offset, PAGE_HEADER)?;
        let pages = u64::from(u32_at(&header, 12)?) + 1;
        self.file.at(offset, usize::try_from(pages * self.page_size).ok()?)
    }
}

/// The page below that has the key, if any has it.
fn branch(page: &[u8], count: usize, key: &[u8]) -> Option<u64> {
    let mut next = None;
    for at in (0..count).map(|number| PAGE_HEADER + 16 * number) {
        let begins = piece(page, at + size(page, at)?, size(page, at + 4)?)?;
        if next.is_some() && begins > key {
            break;
        }
        next = u64_at(page, at + 8);
    }
    next
}

fn leaf(page: &[u8], count: usize, key: &[u8]) -> Option<Entry> {
    (0..count).map(|number| PAGE_HEADER + 16 * number).find_map(|at| {
        let (begin, length) = (at + size(page, at + 4)?, size(page, at + 8)?);
        if piece(page, begin, length)? != key {
            return None;
        }
        let value = piece(page, begin + length, size(page, at + 12)?)?.to_vec();
        Some(Entry { value, bucket: u32_at(page, at)? & BUCKET != 0 })
    })
}

fn piece(bytes: &[u8], begin: usize, length: usize) -> Option<&[u8]> {
    bytes.get(begin..begin.checked_add(length)?)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    piece(bytes, at, N)?.try_into().ok()
}

// Bolt writes numbers as the machine has them, and this reads the file where it was written
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array(bytes, at).map(u64::from_ne_bytes)
}

fn size(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The number of the transaction that counts.
#[cfg(test)]
pub(super) fn transaction(file: &dyn Source) -> Option<u64> {
    Meta::newest(file).map(|meta| meta.transaction)
}
