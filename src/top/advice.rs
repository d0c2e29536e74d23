//! What is wrong with one container, what that means, and what to do about it.

use plimsoll_serve::overview::advice::{Advice, LEAST_PART, User, advise};
use plimsoll_serve::overview::{Overview, Row};
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::app::App;
use super::draw::{Pen, bold, dim, of_severity, title};
use super::text::{clean, percent, wrapped};

/// The whole screen: who it is, and below it what to do.
pub(super) fn screen(pen: &mut Pen<'_>, area: Rect, app: &mut App, overview: &Overview) {
    if !title(pen, area, app) {
        return;
    }
    let rest = Rect { y: area.y + 3, height: area.height - 3, ..area };
    let Some(row) = app.row() else { return };
    let lines = list(pen, rest, row, overview, app.offset);
    (app.page, app.advised) = (usize::from(rest.height).max(1), lines);
    app.offset = app.offset.min(lines.saturating_sub(app.page));
}

/// One below the other; `offset` lines are above the screen, and how many there are in all is given back.
fn list(pen: &mut Pen<'_>, area: Rect, row: &Row, overview: &Overview, offset: usize) -> usize {
    let all = advise(overview, row.name()).unwrap_or_default();
    let lines: Vec<_> = all.iter().flat_map(|one| lines(one, row, usize::from(area.width))).collect();
    if lines.is_empty() {
        pen.put(area.x, area.y, area.width, "there is nothing to do about it", dim());
    }
    for ((text, style), y) in lines.iter().skip(offset).zip(area.top()..area.bottom()) {
        pen.put(area.x, y, area.width, text, *style);
    }
    lines.len()
}

fn lines(advice: &Advice, row: &Row, width: usize) -> Vec<(String, Style)> {
    let Advice { severity, wrong, means, remedy, command, short_of, users, .. } = advice;
    let mut lines = vec![(clean(wrong), of_severity(*severity))];
    let mut add = |text: &str, style: Style| {
        let room = width.saturating_sub(2).max(10);
        lines.extend(wrapped(&clean(text), room).into_iter().map(|line| (format!("  {line}"), style)));
    };
    add(means, Style::new());
    if let Some(short_of) = short_of.filter(|_| !users.is_empty()) {
        let part = |user: &User| {
            let title = if user.name == row.name() { "this one" } else { user.title.as_str() };
            format!("{title} {}", percent(user.share))
        };
        let mut parts: Vec<String> = users.iter().map(part).collect();
        // processes outside of containers, and small ones together
        let rest = 1.0 - users.iter().map(|user| user.share).sum::<f64>();
        parts.extend((rest >= LEAST_PART).then(|| format!("all else {}", percent(rest))));
        add(&format!("Most {short_of} now: {}", parts.join(", ")), Style::new());
    }
    add(&format!("What helps: {remedy}"), Style::new());
    if let Some(command) = command {
        add(command, bold());
    }
    lines.push((String::new(), Style::new()));
    lines
}
