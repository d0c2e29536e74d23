//! SQLite's file, as far as two rows of Podman's need it: tables and their indices in B-trees of pages, long rows
//! continued in chains of pages. A file whose changes go to a log beside it (WAL) is not read: Podman has written
//! none since 4.6.
//!
//! Pages are written only while a journal lies beside the file, and each time that they are the counter in front
//! goes up: an answer is right if the counter is the same at its end and there is no journal then.

use std::cmp::Ordering;

use super::{Documents, Source};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// The header in front of the first page.
const FILE_HEADER: usize = 100;
const TABLE_LEAF: u8 = 13;
const TABLE_BRANCH: u8 = 5;
const INDEX_LEAF: u8 = 10;
const INDEX_BRANCH: u8 = 2;
/// SQLite itself goes no deeper.
const DEEPEST: usize = 20;
/// The most pages of the list of tables.
const MOST_PAGES: usize = 1_000;
/// The longest row.
const LONGEST: u64 = 4 << 20;

/// What the file has of a container; `Some(None)` if it has none. `None` if the file was written meanwhile, or is
/// no file of SQLite's that can be read.
#[must_use]
pub fn container(file: &dyn Source, id: &str) -> Option<Option<Documents>> {
    let database = Database::open(file)?;
    let found = database.document("ContainerConfig", id).map(|config| {
        let state = database.document("ContainerState", id).unwrap_or_default();
        Documents { config, state }
    });
    (Database::open(file)?.changes == database.changes).then_some(found)
}

struct Database<'a> {
    file: &'a dyn Source,
    page_size: u64,
    /// Bytes of a page that are the tree's.
    usable: u64,
    /// How often the file was changed.
    changes: u32,
}

/// A value of a row; others than whole numbers and texts are nobody's here.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    Int(i64),
    Bytes(Vec<u8>),
    Other,
}

/// A page of a tree.
struct Page {
    bytes: Vec<u8>,
    kind: u8,
    /// Where the page's own header begins: the first has the file's before it.
    header: usize,
    cells: usize,
    /// Of a branch the page below that has what is greater than every cell.
    last: Option<u64>,
}

/// An entry of a page.
struct Cell {
    /// The page below that has what is smaller.
    child: Option<u64>,
    /// The row's number, of a table.
    row: i64,
    /// Bytes of the fields.
    size: u64,
    /// Where these begin.
    at: usize,
}

impl<'a> Database<'a> {
    fn open(file: &'a dyn Source) -> Option<Self> {
        let header = file.at(0, FILE_HEADER)?;
        let [_, read_version, reserved] = array(&header, 18)?;
        // texts in UTF-8; 0 where there is no table yet
        let encoding = u32_at(&header, 56)?;
        if !header.starts_with(MAGIC) || read_version != 1 || encoding > 1 {
            return None;
        }
        let page_size = match u16_at(&header, 16)? {
            1 => 65_536,
            size if size >= 512 && size.is_power_of_two() => u64::from(size),
            _ => return None,
        };
        let usable = page_size - u64::from(reserved);
        (usable >= 480).then_some(Self { file, page_size, usable, changes: u32_at(&header, 24)? })
    }

    /// The last field of the row with this primary key: in Podman's tables the document.
    fn document(&self, table: &str, id: &str) -> Option<Vec<u8>> {
        let id = Field::Bytes(id.as_bytes().to_vec());
        let index = self.root(&format!("sqlite_autoindex_{table}_1"))?;
        let (page, cell) = self.find(index, |page, cell| match (self.fields(page, cell)?.first()?, &id) {
            (Field::Bytes(its), Field::Bytes(wanted)) => Some(its.cmp(wanted)),
            _ => None,
        })?;
        let Some(Field::Int(row)) = self.fields(&page, &cell)?.pop() else { return None };
        let (page, cell) = self.find(self.root(table)?, |_, cell| Some(cell.row.cmp(&row)))?;
        let mut fields = self.fields(&page, &cell)?;
        // an index that does not belong to its table would name another's row
        match fields.pop() {
            Some(Field::Bytes(document)) if fields.first() == Some(&id) => Some(document),
            _ => None,
        }
    }

    /// The first page of a table or an index, from the list of them.
    fn root(&self, name: &str) -> Option<u64> {
        let name = Field::Bytes(name.as_bytes().to_vec());
        let mut pages = vec![1];
        for _ in 0..MOST_PAGES {
            let page = self.page(pages.pop()?)?;
            pages.extend(page.last);
            for number in 0..page.cells {
                let cell = self.cell(&page, number)?;
                if let Some(child) = cell.child {
                    pages.push(child);
                } else if let [_, its, _, Field::Int(root), ..] = self.fields(&page, &cell)?.as_slice()
                    && *its == name
                {
                    return u64::try_from(*root).ok();
                }
            }
        }
        None
    }

    /// The entry that compares as equal; the greater are behind it.
    fn find(&self, root: u64, compare: impl Fn(&Page, &Cell) -> Option<Ordering>) -> Option<(Page, Cell)> {
        let mut next = root;
        for _ in 0..DEEPEST {
            let page = self.page(next)?;
            let mut below = page.last;
            for number in 0..page.cells {
                let cell = self.cell(&page, number)?;
                match compare(&page, &cell)? {
                    Ordering::Less => {}
                    // a table has its rows in leaves alone
                    Ordering::Equal if page.kind != TABLE_BRANCH => return Some((page, cell)),
                    _ => {
                        below = cell.child;
                        break;
                    }
                }
            }
            next = below?;
        }
        None
    }

    fn page(&self, number: u64) -> Option<Page> {
        let offset = number.checked_sub(1)?.checked_mul(self.page_size)?;
        let bytes = self.file.at(offset, usize::try_from(self.page_size).ok()?)?;
        let header = if number == 1 { FILE_HEADER } else { 0 };
        let kind = *bytes.get(header)?;
        let last = match kind {
            TABLE_BRANCH | INDEX_BRANCH => Some(u64::from(u32_at(&bytes, header + 8)?)),
            TABLE_LEAF | INDEX_LEAF => None,
            _ => return None,
        };
        let cells = usize::from(u16_at(&bytes, header + 3)?);
        Some(Page { bytes, kind, header, cells, last })
    }

    fn cell(&self, page: &Page, number: usize) -> Option<Cell> {
        let pointers = page.header + if page.last.is_some() { 12 } else { 8 };
        let at = usize::from(u16_at(&page.bytes, pointers + 2 * number)?);
        let mut cell = Cell { child: None, row: 0, size: 0, at };
        if page.last.is_some() {
            cell.child = Some(u64::from(u32_at(&page.bytes, at)?));
            cell.at += 4;
        }
        if page.kind != TABLE_BRANCH {
            cell.size = varint(&page.bytes, &mut cell.at)?.try_into().ok()?;
        }
        if matches!(page.kind, TABLE_BRANCH | TABLE_LEAF) {
            cell.row = varint(&page.bytes, &mut cell.at)?;
        }
        Some(cell)
    }

    fn fields(&self, page: &Page, cell: &Cell) -> Option<Vec<Field>> {
        let bytes = self.payload(page, cell)?;
        let mut header = 0;
        let mut body = usize::try_from(varint(&bytes, &mut header)?).ok()?;
        let end = body;
        let mut fields = Vec::new();
        while header < end {
            let (field, length) = field(&bytes, body, varint(&bytes, &mut header)?)?;
            fields.push(field);
            body += length;
        }
        Some(fields)
    }

    /// The fields' bytes: a part is in the page, the rest in a chain of others.
    fn payload(&self, page: &Page, cell: &Cell) -> Option<Vec<u8>> {
        if cell.size > LONGEST {
            return None;
        }
        let most = match page.kind {
            TABLE_LEAF => self.usable - 35,
            _ => (self.usable - 12) * 64 / 255 - 23,
        };
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (cell.size.saturating_sub(least)) % (self.usable - 4);
        let local = match cell.size {
            size if size <= most => size,
            _ if fitting <= most => fitting,
            _ => least,
        };
        let size = usize::try_from(cell.size).ok()?;
        let end = cell.at + usize::try_from(local).ok()?;
        let mut bytes = page.bytes.get(cell.at..end)?.to_vec();
        let mut next = if bytes.len() < size { u32_at(&page.bytes, end)? } else { 0 };
        while bytes.len() < size {
            let offset = u64::from(next).checked_sub(1)? * self.page_size;
            let overflow = self.file.at(offset, usize::try_from(self.usable).ok()?)?;
            next = u32_at(&overflow, 0)?;
            bytes.extend(overflow.get(4..)?.iter().take(size - bytes.len()));
        }
        Some(bytes)
    }
}

/// A field of this type that begins there, and its length.
fn field(bytes: &[u8], at: usize, kind: i64) -> Option<(Field, usize)> {
    let length = match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        12.. => usize::try_from((kind - 12) / 2).ok()?,
        _ => return None,
    };
    let piece = bytes.get(at..at.checked_add(length)?)?;
    let field = match kind {
        1..=6 => {
            let first = i64::from(i8::from_be_bytes([*piece.first()?]));
            Field::Int(piece.iter().skip(1).fold(first, |number, byte| number << 8 | i64::from(*byte)))
        }
        8 | 9 => Field::Int(kind - 8),
        12.. => Field::Bytes(piece.to_vec()),
        _ => Field::Other,
    };
    Some((field, length))
}

/// Seven bits a byte, the highest first, until a byte has no eighth; a ninth byte is whole. Moves on behind it.
fn varint(bytes: &[u8], at: &mut usize) -> Option<i64> {
    let mut number = 0_u64;
    for place in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if place == 8 {
            number = number << 8 | u64::from(byte);
            break;
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(number.cast_signed())
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}
