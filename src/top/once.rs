//! Printed once, for scripts and pipes: table, CSV, JSON.

use std::fmt::Write as _;

use plimsoll::flags::Format;
use plimsoll_serve::json;
use plimsoll_serve::overview::{Overview, Row};

use ratatui::text::Span;

use super::list::Choice;
use super::text::{bytes, clean, cores, percent};

/// The text, with its last line break.
pub(crate) fn print(overview: &Overview, choice: &Choice, format: Format) -> String {
    let lines = choice.lines(overview);
    match format {
        Format::Table => table(&lines),
        Format::Csv => csv(&lines),
        Format::Json => {
            let rows = lines.iter().map(|(row, _)| (*row).clone()).collect();
            let shown = Overview { rows, ..overview.clone() };
            String::from_utf8_lossy(&json::to_vec(&shown)).into_owned() + "\n"
        }
    }
}

const HEAD: [&str; 9] = ["NAME", "RUNTIME", "CPU", "MEMORY", "LIMIT", "LINE", "NET", "DISK", "WHAT IS WRONG"];

/// A sum of which one part may be unknown.
pub(crate) fn sum(one: Option<u64>, other: Option<u64>) -> Option<f64> {
    match (one, other) {
        (None, None) => None,
        (one, other) => Some(one.unwrap_or(0) as f64 + other.unwrap_or(0) as f64),
    }
}

/// What is wrong, the worst first.
pub(crate) fn wrong(row: &Row) -> String {
    let texts: Vec<&str> = row.breaches.iter().map(|breach| breach.text.as_str()).collect();
    clean(&texts.join("; "))
}

/// What is to be said of it: that it is paused, and what is wrong.
pub(crate) fn remarks(row: &Row) -> String {
    let state = Some("paused".to_owned()).filter(|paused| row.who.state == *paused);
    let parts: Vec<String> = state.into_iter().chain([wrong(row)]).filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

fn table(lines: &[(&Row, usize)]) -> String {
    let dash = || "-".to_owned();
    let mut cells: Vec<[String; 9]> = vec![HEAD.map(str::to_owned)];
    cells.extend(lines.iter().map(|(row, depth)| {
        [
            format!("{}{}", "  ".repeat(*depth), clean(&row.who.title)),
            if row.who.runtime.is_empty() { dash() } else { clean(&row.who.runtime) },
            row.cpu.map_or_else(dash, cores),
            row.memory.map_or_else(dash, |memory| bytes(memory as f64)),
            row.memory_limit.map_or_else(dash, |limit| bytes(limit as f64)),
            row.load_line.map_or_else(dash, percent),
            sum(row.rx, row.tx).map_or_else(dash, bytes),
            sum(row.read, row.write).map_or_else(dash, bytes),
            remarks(row),
        ]
    }));
    let mut widths = [0; 9];
    for line in &cells {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(width_of(cell));
        }
    }
    let mut out = String::new();
    for line in &cells {
        let mut text = String::new();
        for (nth, (cell, width)) in line.iter().zip(widths).enumerate() {
            let gap = " ".repeat(width.saturating_sub(width_of(cell)));
            // numbers end at the same place, words begin at it
            let _ = if (2..8).contains(&nth) {
                write!(text, "{gap}{cell}  ")
            } else {
                write!(text, "{cell}{gap}  ")
            };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

/// Cells of a terminal.
fn width_of(text: &str) -> usize {
    Span::raw(text).width()
}

fn csv(lines: &[(&Row, usize)]) -> String {
    let mut out = "name,title,runtime,image,state,cpu_cores,cpu_limit_cores,memory_bytes,memory_limit_bytes,load_line,\
                   rx_bytes_per_second,tx_bytes_per_second,read_bytes_per_second,write_bytes_per_second,throttled,\
                   restarts,ooms,severity,wrong\r\n"
        .to_owned();
    for (row, _) in lines {
        let who = &row.who;
        let float = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
        let whole = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        let fields = [
            clean(&who.name),
            clean(&who.title),
            clean(&who.runtime),
            clean(&who.image),
            clean(&who.state),
            float(row.cpu),
            float(row.cpu_limit),
            whole(row.memory),
            whole(row.memory_limit),
            float(row.load_line),
            whole(row.rx),
            whole(row.tx),
            whole(row.read),
            whole(row.write),
            float(row.throttled),
            whole(row.restarts),
            whole(row.ooms),
            row.severity.to_string(),
            wrong(row),
        ];
        out.push_str(&fields.map(quoted).join(","));
        out.push_str("\r\n");
    }
    out
}

fn quoted(field: String) -> String {
    if field.contains(['"', ',']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}
