//! The charts of one container.

use plimsoll_serve::overview::Row;
use plimsoll_serve::overview::series::Series;
use ratatui::layout::Rect;

use super::draw::{Pen, bold, course, dim, known, of_severity};
use super::text::{self, bytes, cores, percent};

/// All of them, in two columns where there is room.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, row: &Row, series: &Series) {
    let charts = all_charts(row, series);
    let across = if area.width >= 72 { 2 } else { 1 };
    let down = u16::try_from(charts.len()).unwrap_or(1).div_ceil(across);
    let (width, height) = (area.width / across, (area.height / down).max(2));
    for (chart, nth) in charts.iter().zip(0..) {
        let place = Rect {
            x: area.x + nth % across * width,
            y: area.y + nth / across * height,
            width: width - 1,
            height: height - u16::from(height > 3),
        };
        if place.bottom() <= area.bottom() {
            one_chart(pen, place, chart);
        }
    }
}

struct Chart {
    title: String,
    numbers: Vec<Option<f64>>,
    /// The limit at each instant; empty where there is none.
    limits: Vec<Option<f64>>,
    /// The least that the height stands for.
    least: f64,
}

fn all_charts(row: &Row, series: &Series) -> Vec<Chart> {
    let column = |name: &str| series.column(name).unwrap_or_default().to_vec();
    let both = |one: &str, other: &str| merged(&[&column(one), &column(other)], |a, b| a + b);
    let limited = |used: String, limit: Option<String>| match limit {
        Some(limit) => format!("{used} of {limit}"),
        None => used,
    };
    let memory_limit = row.memory_limit.map(|limit| limit as f64);
    let rates = |one: (&str, Option<u64>), other: (&str, Option<u64>)| {
        [one, other]
            .map(|(name, rate)| format!("{name} {}/s", known(rate.map(|rate| rate as f64), bytes)))
            .join(" ")
    };
    let pressure = row.pressure.unwrap_or_default();
    let waits = [("cpu", pressure.cpu), ("memory", pressure.memory), ("disk", pressure.io)];
    let waits = waits.map(|(name, share)| format!("{name} {}", known(share, |share| format!("{share:.0}%"))));
    let waiting: Vec<_> =
        ["pressure_cpu", "pressure_memory", "pressure_io"].iter().map(|name| column(name)).collect();
    let waiting: Vec<&Vec<_>> = waiting.iter().collect();
    vec![
        Chart {
            title: format!("CPU {} cores", limited(known(row.cpu, cores), row.cpu_limit.map(cores))),
            numbers: column("cpu"),
            limits: column("cpu_limit"),
            least: 0.05,
        },
        Chart {
            title: format!(
                "Memory {}",
                limited(known(row.memory.map(|memory| memory as f64), bytes), memory_limit.map(bytes))
            ),
            numbers: column("memory"),
            limits: column("memory_limit"),
            least: 0.0,
        },
        Chart {
            title: format!("Network {}", rates(("in", row.rx), ("out", row.tx))),
            numbers: both("rx", "tx"),
            limits: Vec::new(),
            least: 1024.0,
        },
        Chart {
            title: format!("Disk {}", rates(("read", row.read), ("write", row.write))),
            numbers: both("read", "write"),
            limits: Vec::new(),
            least: 1024.0,
        },
        Chart {
            title: format!("Throttled {}", known(row.throttled, percent)),
            numbers: column("throttled"),
            limits: Vec::new(),
            least: 1.0,
        },
        Chart {
            title: format!("Waiting for {}", waits.join(" ")),
            numbers: merged(&waiting, f64::max),
            limits: Vec::new(),
            least: 100.0,
        },
    ]
}

/// Columns put together, instant by instant.
fn merged(columns: &[&Vec<Option<f64>>], how: fn(f64, f64) -> f64) -> Vec<Option<f64>> {
    let length = columns.iter().map(|column| column.len()).max().unwrap_or(0);
    let at = |nth: usize| columns.iter().filter_map(|column| *column.get(nth)?).reduce(how);
    (0..length).map(at).collect()
}

fn one_chart(pen: &mut Pen<'_>, area: Rect, chart: &Chart) {
    pen.put(area.x, area.y, area.width, &chart.title, bold());
    let (width, height) = (usize::from(area.width), usize::from(area.height.saturating_sub(1)));
    if chart.numbers.iter().all(Option::is_none) {
        pen.put(area.x, area.y + 1, area.width, "no numbers", dim());
        return;
    }
    let newest = |column: &[Option<f64>]| {
        let first = column.len().saturating_sub(width);
        column.get(first..).unwrap_or_default().to_vec()
    };
    let (numbers, limits) = (newest(&chart.numbers), newest(&chart.limits));
    let most = numbers.iter().chain(&limits).flatten().copied().fold(chart.least, f64::max);
    let lines = text::chart(&numbers, most, width, height, pen.look);
    // the load line, on the line of cells in which it lies, over its own time
    let level = |limit: f64| (((1.0 - limit / most) * height as f64) as usize).min(height.saturating_sub(1));
    let mark = if pen.look.unicode { "─" } else { "-" };
    for ((line, nth), y) in lines.iter().zip(0..).zip(area.y + 1..) {
        pen.put(area.x, y, area.width, line, course());
        let gap = width.saturating_sub(limits.len());
        for ((c, limit), x) in line.chars().skip(gap).zip(&limits).zip(area.x + gap as u16..) {
            if c == ' ' && limit.map(level) == Some(nth) {
                pen.put(x, y, 1, mark, of_severity(1));
            }
        }
    }
}
