//! The keys, over what is on the screen.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::draw::Pen;

const HELP: &[&str] = &[
    "arrows j k   select          PgUp PgDn Home End   further",
    "Enter        charts of the selected container, and back",
    "w            what is wrong with it, and what to do; and back",
    "p            its processes, and back (s sorts them)",
    "m            the machine: its charts (p: all processes), and back",
    "s S          sort by the next, the one before",
    "L C M X D N  sort by load line, CPU, memory, network, disk, name",
    "r            the other way round",
    "/            search: name, image, pod, what is wrong; Esc ends it",
    "t            tree of cgroups",
    "c            containers only, without plain cgroups",
    "q Ctrl-C     quit",
    "",
    "LOAD LINE: how much of the nearer limit, CPU or memory, is used.",
    "! suffers or is at its load line; why stands on the right.",
];

/// In the middle of the screen.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect) {
    let height = u16::try_from(HELP.len()).unwrap_or(0) + 2;
    let (width, height) = (70.min(area.width), height.min(area.height));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    pen.clear(place);
    let frame = Style::new().add_modifier(Modifier::REVERSED);
    pen.put(place.x, place.y, width, &format!("{:<width$}", " Keys", width = width.into()), frame);
    for (line, y) in HELP.iter().zip(place.y + 1..place.bottom().saturating_sub(1)) {
        pen.put(place.x + 2, y, width.saturating_sub(3), line, Style::new());
    }
    let last = format!("{:<width$}", " any key closes this", width = width.into());
    pen.put(place.x, place.bottom() - 1, width, &last, frame);
}
