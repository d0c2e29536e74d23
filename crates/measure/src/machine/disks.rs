//! Disks.
//!
//! Reads: sys/block/*/{dev,size,hidden,queue/scheduler}
//! Gives: disk_map
//! Cost:  four files a disk

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_core::machine::Disk;

use super::file;

/// Devices that are no disks.
const SKIPPED: [&str; 3] = ["loop", "ram", "sr"];

/// Disks by `major:minor`; `None` without the folder. One that cannot be read costs only itself.
pub(super) fn read(block: &Path) -> Option<BTreeMap<String, Disk>> {
    let names = file::names(block)?;
    let disks = names.iter().filter(|name| !SKIPPED.iter().any(|prefix| name.starts_with(prefix)));
    Some(disks.filter_map(|name| disk(&block.join(name), name)).collect())
}

fn disk(dir: &Path, name: &str) -> Option<(String, Disk)> {
    // the paths of a multipath device are hidden behind it
    if file::text(&dir.join("hidden")).as_deref() == Some("1") {
        return None;
    }
    let dev = dir.join("dev");
    let key = file::text(&dev)?;
    let Some((major, minor)) =
        key.split_once(':').and_then(|(a, b)| Some((file::digits(a)?, file::digits(b)?)))
    else {
        file::tell(&dev, &format_args!("expected a device number such as 8:0, found {key:?}"));
        return None;
    };
    let sectors: u64 = file::number(&dir.join("size")).unwrap_or(0);
    let disk = Disk {
        name: name.to_owned(),
        major,
        minor,
        size: sectors.saturating_mul(512),
        scheduler: file::text(&dir.join("queue/scheduler"))
            .and_then(|text| chosen(&text).map(str::to_owned))
            .unwrap_or_else(|| "none".to_owned()),
    };
    Some((key, disk))
}

/// The word in brackets of `none [mq-deadline] kyber`.
fn chosen(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    let (word, _) = rest.split_once(']')?;
    Some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheduler_in_use_stands_in_brackets() {
        assert_eq!(chosen("none [mq-deadline] kyber"), Some("mq-deadline"));
        assert_eq!(chosen("none"), None);
    }
}
