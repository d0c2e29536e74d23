//! Draws what is on the screen; only what is visible costs anything.
//!
//! A colour has one meaning: red suffers, yellow is at or near a load line, cyan is a course of numbers.

use plimsoll_core::machine::ProcessInfo;
use plimsoll_serve::overview::{Machine, Overview, Row};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;

use super::advice;
use super::app::{App, ByProcess, Screen};
use super::charts;
use super::help;
use super::list::Line;
use super::once::{remarks, sum, wrong};
use super::text::{self, Look, bytes, clean, cores, percent};

const KEYS: &str = "Enter charts  w what to do  p processes  m machine  s sort  / search  ? help";
/// Everything.
pub(crate) fn draw(app: &mut App, frame: &mut Frame<'_>) {
    let area = frame.area();
    let mut pen = Pen { buffer: frame.buffer_mut(), look: app.look };
    if area.width < 40 || area.height < 10 {
        pen.put(0, 0, area.width, "the terminal is too small", Style::new());
        return;
    }
    let overview = app.overview.clone();
    head(&mut pen, area, &overview);
    let state = Rect { y: 3, height: 1, ..area };
    state_line(&mut pen, state, app);
    let body = Rect { y: 4, height: area.height - 5, ..area };
    match app.screen {
        Screen::Table => table(&mut pen, body, app, &overview),
        Screen::Charts => details(&mut pen, body, app),
        Screen::Processes => processes(&mut pen, body, app),
        Screen::Advice => advice::screen(&mut pen, body, app, &overview),
    }
    let last = area.height - 1;
    if app.typing {
        let line = format!("search: {}_", clean(&app.choice.filter));
        pen.put(0, last, area.width, &line, bold());
    } else {
        let keys = match app.screen {
            Screen::Table => KEYS,
            Screen::Charts => "Esc back  arrows next container  w what to do  p processes  ? help",
            Screen::Advice => "Esc back  arrows scroll  Enter charts  p processes  ? help  q quit",
            Screen::Processes => "Esc back  arrows scroll  s sort  Enter charts  ? help  q quit",
        };
        pen.put(0, last, area.width, keys, dim());
    }
    if app.help {
        help::draw(&mut pen, area);
    }
}

pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    pub(super) look: Look,
}

impl Pen<'_> {
    /// Writes at most `width` cells; what is longer ends in an ellipsis.
    pub(super) fn put(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let style = if self.look.colour { style } else { Style { fg: None, bg: None, ..style } };
        let fits = Span::raw(text).width() <= usize::from(width);
        let (end, _) = self.buffer.set_stringn(x, y, text, usize::from(width), style);
        if !fits && width > 1 {
            let ellipsis = if self.look.unicode { "…" } else { "~" };
            self.buffer.set_stringn(x + width - 1, y, ellipsis, 1, style);
        }
        end
    }

    /// Ends at the right.
    fn right(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) {
        let gap = usize::from(width).saturating_sub(Span::raw(text).width());
        let gap = u16::try_from(gap).unwrap_or(0);
        self.put(x + gap, y, width - gap, text, style);
    }

    /// Clears cells, for what lies above others.
    pub(super) fn clear(&mut self, area: Rect) {
        let line = " ".repeat(area.width.into());
        for y in area.top()..area.bottom() {
            self.buffer.set_stringn(area.x, y, &line, area.width.into(), Style::reset());
        }
    }

    fn dot(&self) -> &'static str {
        if self.look.unicode { "·" } else { "-" }
    }
}

pub(super) fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

pub(super) fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

pub(super) fn course() -> Style {
    Style::new().fg(Color::Cyan)
}

pub(super) fn of_severity(severity: u8) -> Style {
    match severity {
        0 => Style::new(),
        1 => Style::new().fg(Color::Yellow),
        2 => Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD),
        _ => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
    }
}

/// How a share of a limit looks by itself.
fn of_share(share: f64) -> Style {
    of_severity(if share >= 0.97 { 3 } else { u8::from(share >= 0.9) })
}

pub(super) fn known(value: Option<f64>, print: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), print)
}

/// The machine, in three lines.
fn head(pen: &mut Pen<'_>, area: Rect, overview: &Overview) {
    let Overview { machine, rows, at, runtimes } = overview;
    let dot = format!(" {} ", pen.dot());
    let mut words = vec!["plimsoll top".to_owned(), clean(&machine.name), clean(&machine.kernel)];
    words.extend(machine.boot.map(|boot| format!("up {}", text::span(at.since(boot)))));
    words.extend(machine.load.map(|[one, five, fifteen]| format!("load {one:.2} {five:.2} {fifteen:.2}")));
    words.retain(|word| !word.is_empty());
    pen.put(0, 0, area.width.saturating_sub(9), &words.join(&dot), bold());
    if at.nanos() != 0 {
        pen.right(area.width - 8, 0, 8, &text::clock(*at), Style::new());
    }
    meters(pen, area.width, machine);
    let shown = rows.iter().filter(|row| row.name() != "/");
    let count = |severity: u8| shown.clone().filter(|row| row.severity == severity).count();
    let mut words = vec![format!("{} groups", shown.clone().count())];
    for (severity, what) in [(3, "suffering"), (2, "at the load line"), (1, "close to it")] {
        words.extend(Some(count(severity)).filter(|n| *n > 0).map(|n| format!("{n} {what}")));
    }
    let up = runtimes.iter().filter(|runtime| runtime.state == "up");
    words.extend(up.map(|runtime| format!("{} {}", clean(&runtime.name), runtime.containers)));
    // what is wrong with the machine itself stands in no row of the table, so that it goes before
    let ill = rows.iter().find(|row| row.name() == "/").and_then(|row| row.breaches.first());
    let down: Vec<String> = runtimes
        .iter()
        .filter(|r| r.state == "down")
        .map(|r| format!("{} is down", clean(&r.name)))
        .collect();
    let mut wrong: Vec<String> = ill.map(|breach| clean(&breach.text)).into_iter().chain(down).collect();
    while wrong.len() > 1 && wide(&wrong.join(", ")) > area.width / 2 {
        wrong.pop();
    }
    let severity = ill.map_or(2, |breach| breach.severity);
    let wrong = wrong.join(", ");
    let taken = if wrong.is_empty() { 0 } else { wide(&wrong) + 2 };
    // what has no room is left out whole, from the end
    while words.len() > 1 && wide(&words.join(&dot)) + taken > area.width {
        words.pop();
    }
    let end = pen.put(0, 2, area.width, &words.join(&dot), Style::new());
    let pressure = machine.pressure.unwrap_or_default();
    let waits = [("cpu", pressure.cpu), ("memory", pressure.memory), ("disk", pressure.io)];
    let waits: Vec<String> =
        waits.iter().filter_map(|(name, share)| Some(format!("{name} {:.0}%", (*share)?))).collect();
    if !wrong.is_empty() {
        let room = area.width.saturating_sub(end + 2);
        pen.right(area.width - room, 2, room, &wrong, of_severity(severity));
    } else if !waits.is_empty() && end + 40 < area.width {
        pen.right(end, 2, area.width - end, &format!("waiting for {}", waits.join(" ")), Style::new());
    }
}

/// Cells that a text takes.
fn wide(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX / 2)
}

fn meters(pen: &mut Pen<'_>, width: u16, machine: &Machine) {
    let mut x = 0;
    let part = |used: Option<f64>, all: u64| used.filter(|_| all > 0).map(|used| used / all as f64);
    let memory = machine.memory_used.map(|used| used as f64);
    let of_cpu = format!("{} of {} cores", known(machine.cpu, cores), machine.cores);
    let of_memory = format!("{} of {}", known(memory, bytes), bytes(machine.memory as f64));
    for (name, share, words) in
        [("CPU", part(machine.cpu, machine.cores), of_cpu), ("MEM", part(memory, machine.memory), of_memory)]
    {
        x = pen.put(x, 1, width - x, &format!("{name} "), bold());
        if let Some(share) = share {
            x = pen.put(x, 1, width - x, &text::gauge(share, 8, pen.look), of_share(share));
        }
        x = pen.put(x, 1, width - x, &format!(" {words}   "), Style::new());
    }
    let rates = [
        ("net", sum(machine.rx, machine.tx).map(bytes)),
        ("disk", sum(machine.read, machine.write).map(bytes)),
        ("swap", machine.swap_used.filter(|used| *used > 0).map(|used| bytes(used as f64))),
    ];
    for (name, value) in rates {
        if let Some(value) = value {
            let text = format!("{name} {value}");
            if x + wide(&text) <= width {
                x = pen.put(x, 1, width - x, &format!("{text}  "), Style::new());
            }
        }
    }
}

/// How the table is arranged, or what is wrong with it.
fn state_line(pen: &mut Pen<'_>, area: Rect, app: &App) {
    if let Some(lost) = &app.lost {
        pen.put(0, area.y, area.width, &format!("{}; trying again", clean(lost)), of_severity(3));
        return;
    }
    if !app.filled {
        pen.put(0, area.y, area.width, "looking at the containers...", dim());
        return;
    }
    if let (Screen::Charts, Some(Ok(series))) = (app.screen, &app.series) {
        let span = series.span().unwrap_or(0.0);
        let text = format!("the last {}, the newest on the right", text::span((span * 1e9) as i64));
        pen.put(0, area.y, area.width, &text, dim());
        return;
    }
    let choice = &app.choice;
    let mut words =
        vec![format!("by {}{}", choice.order.name(), if choice.reverse { ", reversed" } else { "" })];
    words.extend(choice.tree.then(|| "tree".to_owned()));
    words.extend(choice.containers_only.then(|| "containers only".to_owned()));
    if !choice.filter.is_empty() {
        words.push(format!("with \"{}\" (Esc shows all)", clean(&choice.filter)));
    }
    pen.put(0, area.y, area.width, &words.join(&format!(" {} ", pen.dot())), dim());
}

/// A column: its head, its width, and whether its cells end at the right.
struct Column {
    head: &'static str,
    width: u16,
    right: bool,
    cell: Cell,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Name,
    Cpu,
    CpuCourse,
    Line,
    Memory,
    MemoryCourse,
    Limit,
    Network,
    Disk,
    Runtime,
    Why,
}

/// Those for which there is room. A name takes what it needs, if that leaves what is wrong its half.
fn columns(width: u16, lines: &[Line<'_>]) -> Vec<Column> {
    let column = |head, width, right, cell| Column { head, width, right, cell };
    let mut columns = vec![
        column("NAME", 0, false, Cell::Name),
        column("CPU", 5, true, Cell::Cpu),
        column("", 8, false, Cell::CpuCourse),
        column("LOAD LINE", 11, false, Cell::Line),
        column("MEM", 5, true, Cell::Memory),
    ];
    if width >= 132 {
        columns.push(column("", 8, false, Cell::MemoryCourse));
    }
    columns.push(column("LIMIT", 5, true, Cell::Limit));
    if width >= 100 {
        columns.push(column("NET", 5, true, Cell::Network));
        columns.push(column("DISK", 5, true, Cell::Disk));
    }
    if width >= 120 {
        columns.push(column("RUNTIME", 10, false, Cell::Runtime));
    }
    columns.push(column("WHAT IS WRONG", 0, false, Cell::Why));
    // two for the mark, one behind each column
    let fixed: u16 = columns.iter().map(|column| column.width + 1).sum::<u16>() + 2;
    let rest = width.saturating_sub(fixed);
    let cells =
        |text: &str, depth: usize| u16::try_from(Span::raw(text).width() + 2 * depth).unwrap_or(u16::MAX);
    let name = lines.iter().map(|(row, depth)| cells(&row.who.title, (*depth).min(DEEP))).max().unwrap_or(0);
    let why = lines.iter().map(|(row, _)| cells(&remarks(row), 0)).max().unwrap_or(0).max(13);
    let name = name.clamp(14, 60).min(rest.saturating_sub(why.min(rest / 2)));
    for column in &mut columns {
        match column.cell {
            Cell::Name => column.width = name,
            Cell::Why => column.width = rest - name,
            _ => {}
        }
    }
    columns
}

/// So deep a tree is indented.
const DEEP: usize = 12;

fn table(pen: &mut Pen<'_>, area: Rect, app: &mut App, overview: &Overview) {
    let lines = app.choice.lines(overview);
    let columns = columns(area.width, &lines);
    let mut x = 2;
    for column in &columns {
        let style = bold().add_modifier(Modifier::UNDERLINED);
        if column.right {
            pen.right(x, area.y, column.width, column.head, style);
        } else {
            pen.put(x, area.y, column.width, column.head, style);
        }
        x += column.width + 1;
    }
    app.page = usize::from(area.height.saturating_sub(1)).max(1);
    let names: Vec<&str> = lines.iter().map(|(row, _)| row.name()).collect();
    if app.selected.is_some() {
        let place = app.place(&names);
        app.offset = app.offset.clamp((place + 1).saturating_sub(app.page), place);
    }
    app.offset = app.offset.min(lines.len().saturating_sub(app.page));
    if lines.is_empty() && app.filled {
        let why = if app.choice.filter.is_empty() { "no containers here" } else { "nothing has that" };
        pen.put(2, area.y + 2, area.width - 2, why, dim());
    }
    for (line, y) in lines.iter().skip(app.offset).take(app.page).zip(area.y + 1..) {
        let chosen = app.selected.as_deref() == Some(line.0.name());
        row(pen, y, area.width, line, &columns);
        if chosen {
            let all = Rect { y, height: 1, ..area };
            pen.buffer.set_style(all, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

fn row(pen: &mut Pen<'_>, y: u16, width: u16, (row, depth): &Line<'_>, columns: &[Column]) {
    let severe = of_severity(row.severity);
    if row.severity > 1 {
        pen.put(0, y, 1, "!", severe);
    }
    let mut x = 2;
    for column in columns {
        let room = column.width.min(width.saturating_sub(x));
        match column.cell {
            Cell::Line => line_cell(pen, x, y, room, row),
            cell => {
                let (text, style) = cell_of(row, *depth, cell, pen.look);
                if column.right {
                    pen.right(x, y, room, &text, style);
                } else {
                    pen.put(x, y, room, &text, style);
                }
            }
        }
        x += column.width + 1;
    }
}

fn line_cell(pen: &mut Pen<'_>, x: u16, y: u16, width: u16, row: &Row) {
    let Some(share) = row.load_line else { return };
    pen.put(x, y, width, &text::gauge(share, 6, pen.look), of_share(share));
    if width > 7 {
        pen.right(x + 6, y, width - 6, &percent(share), of_share(share));
    }
}

fn cell_of(row: &Row, depth: usize, cell: Cell, look: Look) -> (String, Style) {
    let plain = Style::new();
    let of_bytes = |value: Option<u64>| known(value.map(|value| value as f64), bytes);
    match cell {
        Cell::Name => {
            let style = if row.who.runtime.is_empty() { plain } else { bold() };
            (format!("{}{}", "  ".repeat(depth.min(DEEP)), clean(&row.who.title)), style)
        }
        Cell::Cpu => (known(row.cpu, cores), plain),
        Cell::CpuCourse => {
            // against the limit, else against a tenth of a core: an idle container is a flat line
            let full = row.cpu_limit.unwrap_or(0.1);
            (text::spark(row.spark.cpu(), full, 8, look), course())
        }
        Cell::Memory => (of_bytes(row.memory), plain),
        Cell::MemoryCourse => {
            let full = row.memory_limit.map_or(0.0, |limit| limit as f64);
            (text::spark(row.spark.memory(), full, 8, look), course())
        }
        Cell::Limit => (of_bytes(row.memory_limit), dim()),
        Cell::Network => (known(sum(row.rx, row.tx), bytes), plain),
        Cell::Disk => (known(sum(row.read, row.write), bytes), plain),
        Cell::Runtime => (clean(&row.who.runtime), dim()),
        Cell::Why => (remarks(row), of_severity(row.severity)),
        Cell::Line => (String::new(), plain),
    }
}

/// Who is looked at, in two lines; false if it is gone.
pub(super) fn title(pen: &mut Pen<'_>, area: Rect, app: &App) -> bool {
    let Some(row) = app.row() else {
        pen.put(0, area.y, area.width, "this container is gone", of_severity(2));
        return false;
    };
    let who = &row.who;
    let title = if who.name == "/" { "the machine".to_owned() } else { clean(&who.title) };
    let state = if who.state == "paused" { who.state.as_str() } else { "" };
    let mut words = vec![title, state.to_owned(), clean(&who.runtime), clean(&who.image), clean(&who.name)];
    words.retain(|word| !word.is_empty());
    words.dedup();
    pen.put(0, area.y, area.width, &words.join(&format!(" {} ", pen.dot())), bold());
    let text = if row.breaches.is_empty() { "nothing is wrong".to_owned() } else { wrong(row) };
    pen.put(0, area.y + 1, area.width, &text, of_severity(row.severity));
    true
}

fn details(pen: &mut Pen<'_>, area: Rect, app: &App) {
    if !title(pen, area, app) {
        return;
    }
    let Some(row) = app.row() else { return };
    let series = match &app.series {
        Some(Ok(series)) => series,
        Some(Err(reason)) => {
            pen.put(0, area.y + 3, area.width, &clean(reason), of_severity(2));
            return;
        }
        None => return,
    };
    charts::draw(pen, Rect { y: area.y + 2, height: area.height - 2, ..area }, row, series);
}

fn processes(pen: &mut Pen<'_>, area: Rect, app: &mut App) {
    if !title(pen, area, app) {
        return;
    }
    let y = area.y + 2;
    let head = format!(
        "{:>8} {:<12} {:>6} {:>6} {:>6} {:>9} {:<4} COMMAND",
        "PID", "USER", "CPU%", "MEM%", "RSS", "TIME", "S"
    );
    pen.put(0, y, area.width, &head, bold().add_modifier(Modifier::UNDERLINED));
    app.page = usize::from(area.height.saturating_sub(3)).max(1);
    let list = match &app.processes {
        Some(Ok(list)) => list,
        Some(Err(reason)) => {
            pen.put(0, y + 1, area.width, &clean(reason), of_severity(2));
            return;
        }
        None => return,
    };
    if list.is_empty() {
        pen.put(0, y + 1, area.width, "no process of its own", dim());
    }
    let mut list: Vec<&ProcessInfo> = list.iter().collect();
    list.sort_by(|a, b| match app.by {
        ByProcess::Cpu => b.percent_cpu.total_cmp(&a.percent_cpu).then(a.pid.cmp(&b.pid)),
        ByProcess::Memory => b.rss.cmp(&a.rss).then(a.pid.cmp(&b.pid)),
        ByProcess::Pid => a.pid.cmp(&b.pid),
    });
    app.offset = app.offset.min(list.len().saturating_sub(app.page));
    for (process, y) in list.into_iter().skip(app.offset).take(app.page).zip(y + 1..) {
        let ProcessInfo { pid, percent_cpu, percent_mem, rss, .. } = process;
        let user: String = clean(&process.user).chars().take(12).collect();
        let line = format!(
            "{pid:>8} {user:<12} {percent_cpu:>6.1} {percent_mem:>6.1} {:>6} {:>9} {:<4} {}",
            bytes(*rss as f64),
            clean(&process.running_time),
            clean(&process.status),
            clean(&process.cmd),
        );
        pen.put(0, y, area.width, &line, Style::new());
    }
}
