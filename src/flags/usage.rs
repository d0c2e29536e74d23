//! The texts for people: `-h` and `docs/flags.md`.

use std::fmt::Write as _;

use super::cluster;
use super::flag::{Flag, Section, Status};
use super::list::{HEALTH, SECTIONS, TOP};

/// What `-h` prints.
pub(super) fn help(program: &str, commands: &str) -> String {
    let mut out = format!("Usage of {program}:\n{commands}");
    help_sections(&mut out, SECTIONS);
    out
}

/// What `plimsoll health -h` prints.
pub(super) fn help_health() -> String {
    let mut out = "Usage of plimsoll health: exits 0 when the agent answers ok, else 1.\n\n\
                   Takes the agent's flags to find address and prefix, and:\n"
        .to_owned();
    HEALTH.flags.iter().for_each(|flag| help_flag(&mut out, &HEALTH, flag));
    out
}

/// What `plimsoll top -h` prints.
pub(super) fn help_top() -> String {
    let mut out = "Usage of plimsoll top [flags] [address]: what runs here, or what the agent at \
                   http://[user:password@]host:port[/prefix], https://... or unix:///socket sees.\n\n\
                   In the terminal ? shows the keys. Takes the agent's flags to look at this host, and:\n"
        .to_owned();
    TOP.flags.iter().for_each(|flag| help_flag(&mut out, &TOP, flag));
    out
}

/// What `plimsoll cluster -h` prints.
pub(super) fn help_cluster(program: &str) -> String {
    let mut out = format!(
        "Usage of {program}: collects from the nodes of a cluster, or from many hosts, and serves Heapster's API \
         and metrics.k8s.io.\n\n- and _ in names are the same.\n"
    );
    help_sections(&mut out, cluster::SECTIONS);
    out
}

fn help_sections(out: &mut String, sections: &'static [Section]) {
    for section in sections {
        let _ = write!(out, "\n{}\n", section.title);
        section.flags.iter().for_each(|flag| help_flag(out, section, flag));
        for (reason, names) in common_reasons(section) {
            let _ = writeln!(out, "  No effect: {reason}: {}.", names.join(", "));
        }
    }
}

fn help_flag(out: &mut String, section: &Section, flag: &Flag) {
    let _ = write!(out, "  -{} {}\n    \t{}", flag.name, flag.set.type_name(), flag.help);
    if !flag.default.is_empty() {
        let _ = write!(out, " (default {})", flag.default);
    }
    if let Some(reason) = own_reason(section, flag) {
        let _ = write!(out, "\n    \tNo effect: {reason}.");
    }
    out.push('\n');
}

/// `docs/flags.md`.
pub fn document() -> String {
    let mut out = INTRODUCTION.to_owned();
    SECTIONS.iter().for_each(|section| document_section(&mut out, section));
    out.push_str("\n# Flags of `plimsoll health`\n\nThe agent's flags, and:\n");
    document_flags(&mut out, &HEALTH);
    out.push_str("\n# Flags of `plimsoll top`\n\nThe agent's flags, and:\n");
    document_flags(&mut out, &TOP);
    out.push_str(CLUSTER);
    cluster::SECTIONS.iter().for_each(|section| document_section(&mut out, section));
    out
}

fn document_section(out: &mut String, section: &Section) {
    let _ = write!(out, "\n## {}\n", section.title);
    document_flags(out, section);
}

fn document_flags(out: &mut String, section: &Section) {
    out.push_str("\n| flag | type | default | since | what it does |\n| --- | --- | --- | --- | --- |\n");
    for flag in section.flags {
        let default = if flag.default.is_empty() { String::new() } else { format!("`{}`", flag.default) };
        let since = if flag.is_ours() { "Plimsoll" } else { flag.since };
        let kind = flag.set.type_name();
        let help = plain(flag.help);
        let _ = write!(out, "| `{}` | {kind} | {} | {since} | {help}", flag.name, breakable(&default));
        if let Some(reason) = own_reason(section, flag) {
            let _ = write!(out, " **No effect**: {}.", plain(reason));
        }
        out.push_str(" |\n");
    }
    for (reason, names) in common_reasons(section) {
        let _ = writeln!(out, "\n**No effect**: {}: `{}`.", plain(reason), names.join("`, `"));
    }
}

/// Why a flag has no effect, where it shares the reason with few others of its section.
fn own_reason(section: &Section, flag: &Flag) -> Option<&'static str> {
    let Status::Accepted(reason) = flag.status else { return None };
    (!common_reasons(section).iter().any(|(common, _)| *common == reason)).then_some(reason)
}

/// Reasons that many flags of a section share, said once below them.
fn common_reasons(section: &Section) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for flag in section.flags {
        let Status::Accepted(reason) = flag.status else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, names)) => names.push(flag.name),
            None => reasons.push((reason, vec![flag.name])),
        }
    }
    reasons.retain(|(_, names)| names.len() > 3);
    reasons
}

/// Text that Markdown leaves as it is in a table's cell.
fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*").replace('<', "&lt;")
}

/// A long list of words would make the table as wide as itself.
fn breakable(default: &str) -> String {
    default.replace(',', "`, `")
}

const CLUSTER: &str = "
# Flags of `plimsoll cluster`

Those of Heapster 1.2 to 1.5 and those that metrics-server's manifests use; `-` and `_` in names are the same. A \
link named `heapster` or `metrics-server` takes them without the word `cluster` and has that program's ports and \
period. *Since* names the Heapster version that first had it.
";

const INTRODUCTION: &str = "\
<!-- Written from the list in src/flags/list.rs; `make bless` renews it -->

# Flags

Every flag of cAdvisor 0.60 and of its older versions is taken, with the same grammar. *Since* names \
the cAdvisor version that first had it (empty: it was always there), or Plimsoll for our own.

A flag that has **no effect** is checked as the others are and said once at start.

## Grammar

It is that of Go's `flag` package, not GNU's.

| written | meaning |
| --- | --- |
| `-name=value`, `--name=value` | one dash or two are the same |
| `-name value` | the next word is the value, even if it begins with a dash; not for bool |
| `-name` | for bool: true. `-name false` is true as well, and `false` ends the flags: write `-name=false` |
| `--`, or a word that is no flag | ends the flags; what follows is ignored, and said so |
| the same flag again | the last one counts |
| `-h`, `-help` | this list; exit code 0 |

| type | values |
| --- | --- |
| bool | `1 0 t f T F true false TRUE FALSE True False` |
| int, uint | `10`, `0x1f`, `0b1`, `0o17`, `017`, `1_000` |
| float | `1`, `.5`, `1e3` |
| duration | numbers with units: `300ms`, `1m30s`, `1.5h`; units `ns us µs ms s m h`; `0` needs none |
| list | comma-separated; spaces around items are forgiven |
| kinds | list of metrics, see `-disable_metrics` |
| limits | list of `type=limit`; a bad item is passed over with a warning |

A bad flag or value ends the program with exit code 2 and a sentence on standard error.

The metrics that `-disable_metrics` and `-enable_metrics` know: `cpu`, `sched`, `percpu`, `memory`, \
`memory_numa`, `cpuLoad`, `diskIO`, `disk`, `network`, `tcp`, `advtcp`, `udp`, `app`, `process`, \
`hugetlb`, `perf_event`, `referenced_memory`, `cpu_topology`, `resctrl`, `cpuset`, `oom_event`, \
`pressure`, `accelerator`.

# Flags of the agent
";
