//! The controller hugetlb: a few files a page size, opened each time.

use std::ffi::CString;
use std::path::Path;

use plimsoll_core::columns::Named;
use plimsoll_kernel::dir::Dir;
use plimsoll_kernel::format;
use plimsoll_kernel::hierarchy::Version;

use super::HugeTlb;

/// The sizes of huge pages that the machine knows, as the files name them: `2MB`, `1GB`.
pub(crate) fn page_sizes(sys: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(sys.join("kernel/mm/hugepages")).into_iter().flatten().flatten();
    let mut sizes: Vec<u64> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            name.to_str()?.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()
        })
        .collect();
    sizes.sort_unstable();
    sizes.into_iter().map(name_of).collect()
}

fn name_of(kilobytes: u64) -> String {
    match kilobytes {
        kb if kb >= 1 << 20 => format!("{}GB", kb >> 20),
        kb if kb >= 1 << 10 => format!("{}MB", kb >> 10),
        kb => format!("{kb}KB"),
    }
}

/// Reads all sizes; a size that the group has no files of is left out. Counts the files into `files`.
pub(crate) fn read(
    dir: &Dir,
    version: Version,
    sizes: &[String],
    buffer: &mut Vec<u8>,
    files: &mut u32,
    out: &mut Vec<Named<HugeTlb>>,
) {
    let mut length = 0;
    for size in sizes {
        let mut single = |name: String| {
            *files += 1;
            dir.read(&CString::new(name).ok()?, buffer).ok()?;
            format::single_value(buffer).ok()
        };
        let pages = match version {
            Version::V1 => ["rsvd.", ""].into_iter().find_map(|rsvd| {
                Some(HugeTlb {
                    usage: single(format!("hugetlb.{size}.{rsvd}usage_in_bytes"))?,
                    max_usage: single(format!("hugetlb.{size}.{rsvd}max_usage_in_bytes")),
                    failcnt: single(format!("hugetlb.{size}.{rsvd}failcnt")),
                })
            }),
            Version::V2 => ["rsvd.", ""]
                .into_iter()
                .find_map(|rsvd| single(format!("hugetlb.{size}.{rsvd}current")))
                .map(|usage| HugeTlb { usage, ..HugeTlb::default() }),
        };
        let Some(mut pages) = pages else { continue };
        if version == Version::V2 {
            *files += 1;
            let events = CString::new(format!("hugetlb.{size}.events"));
            if events.is_ok_and(|name| dir.read(&name, buffer).is_ok()) {
                let max = format::flat_keyed(buffer).find(|entry| entry.key == b"max");
                pages.failcnt = max.and_then(|entry| entry.number().ok());
            }
        }
        if length == out.len() {
            out.push(Named::default());
        }
        let Some(item) = out.get_mut(length) else { break };
        item.name.clone_from(size);
        item.value = pages;
        length += 1;
    }
    out.truncate(length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_named_as_the_files_are() {
        let f = |kilobytes, name| assert_eq!(name_of(kilobytes), name);
        f(2048, "2MB");
        f(1 << 20, "1GB");
        f(64, "64KB");
    }

    #[test]
    fn reserved_pages_come_before_used_ones() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let dir = Dir::open(folder.path()).unwrap();
        let sizes = ["2MB".to_owned(), "1GB".to_owned()];
        let read = |version| {
            let mut out = Vec::new();
            read(&dir, version, &sizes, &mut Vec::new(), &mut 0, &mut out);
            out.into_iter().map(|item| (item.name, item.value)).collect::<Vec<_>>()
        };
        write("hugetlb.2MB.current", "1\n");
        write("hugetlb.2MB.events", "max 7\n");
        let size = || "2MB".to_owned();
        assert_eq!(read(Version::V2), [(size(), HugeTlb { usage: 1, max_usage: None, failcnt: Some(7) })]);
        write("hugetlb.2MB.rsvd.current", "4194304\n");
        assert_eq!(
            read(Version::V2),
            [(size(), HugeTlb { usage: 4_194_304, max_usage: None, failcnt: Some(7) })]
        );
        for (name, text) in [("usage_in_bytes", "1"), ("max_usage_in_bytes", "2"), ("failcnt", "3")] {
            write(&format!("hugetlb.2MB.{name}"), text);
        }
        assert_eq!(read(Version::V1), [(size(), HugeTlb { usage: 1, max_usage: Some(2), failcnt: Some(3) })]);
    }
}
