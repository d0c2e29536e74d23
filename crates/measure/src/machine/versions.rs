//! Which kernel and which system run here.
//!
//! Reads: proc/sys/kernel/osrelease, etc/os-release, usr/lib/os-release
//! Gives: kernelVersion and osVersion of cadvisor_version_info and of the attributes
//! Cost:  two files

use std::path::Path;

use plimsoll_kernel::root::Root;

use super::file;

/// The kernel's release (as uname says) and the host system's PRETTY_NAME; `Linux` where its file names none,
/// `Unknown` without a file.
pub fn versions(root: &Root) -> (String, String) {
    let kernel = file::text(&root.proc.join("sys/kernel/osrelease"))
        .unwrap_or_else(|| rustix::system::uname().release().to_string_lossy().into_owned());
    let os = ["/etc/os-release", "/usr/lib/os-release"]
        .iter()
        .find_map(|path| file::text(&file::on_host(root, Path::new(path))))
        .map_or_else(
            || "Unknown".to_owned(),
            |text| pretty_name(&text).unwrap_or_else(|| "Linux".to_owned()),
        );
    (kernel, os)
}

/// The value of PRETTY_NAME, which is written as in a shell: bare, or in quotes with backslashes.
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?.trim();
    let quoted = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    let name = match (quoted('"'), quoted('\'')) {
        (Some(inner), _) => unescape(inner),
        (None, Some(inner)) => inner.to_owned(),
        (None, None) => unescape(value),
    };
    (!name.is_empty()).then_some(name)
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_written_as_in_a_shell() {
        let f = |text, name: Option<&str>| assert_eq!(pretty_name(text).as_deref(), name, "{text}");
        f("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n", Some("Debian GNU/Linux 12 (bookworm)"));
        f("PRETTY_NAME='Alpine Linux v3.20'\n", Some("Alpine Linux v3.20"));
        f("PRETTY_NAME=Arch\n", Some("Arch"));
        f("PRETTY_NAME=\"a \\\"b\\\"\"\n", Some("a \"b\""));
        f("PRETTY_NAME=\"\"\n", None);
        f("ID=debian\n", None);
    }
}
