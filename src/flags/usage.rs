//! The texts for people: `-h` and `docs/flags.md`.

use std::fmt::Write as _;

use super::list::{Flag, HEALTH, SECTIONS, Section, Status};

/// What `-h` prints.
pub(super) fn help(program: &str, commands: &str) -> String {
    let mut out = format!("Usage of {program}:\n{commands}");
    for section in SECTIONS {
        let _ = write!(out, "\n{}\n", section.title);
        section.flags.iter().for_each(|flag| help_flag(&mut out, flag));
    }
    out
}

/// What `plimsoll health -h` prints.
pub(super) fn help_health() -> String {
    let mut out = "Usage of plimsoll health: exits 0 when the agent answers ok, else 1.\n\n\
                   Takes the agent's flags to find address and prefix, and:\n"
        .to_owned();
    HEALTH.flags.iter().for_each(|flag| help_flag(&mut out, flag));
    out
}

fn help_flag(out: &mut String, flag: &Flag) {
    let _ = write!(out, "  -{} {}\n    \t{}", flag.name, flag.set.type_name(), flag.help);
    if !flag.default.is_empty() {
        let _ = write!(out, " (default {})", flag.default);
    }
    if let Status::Accepted(reason) = flag.status {
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
        let help = flag.help.replace('|', "\\|");
        let _ = write!(out, "| `{}` | {kind} | {} | {since} | {help}", flag.name, breakable(&default));
        if let Status::Accepted(reason) = flag.status {
            let _ = write!(out, " **No effect**: {}.", reason.replace('|', "\\|"));
        }
        out.push_str(" |\n");
    }
}

/// A long list of words would make the table as wide as itself.
fn breakable(default: &str) -> String {
    default.replace(',', "`, `")
}

const INTRODUCTION: &str = "\
<!-- Written from the list in src/flags/list.rs; renew with UPDATE_GOLDEN=1 cargo test flags -->

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
`pressure`.

# Flags of the agent
";
