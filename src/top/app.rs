//! What is on the screen, and what a key makes of it.

use std::sync::Arc;

use plimsoll::flags::Order;
use plimsoll_core::machine::ProcessInfo;
use plimsoll_serve::overview::series::Series;
use plimsoll_serve::overview::{Overview, Row};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::list::Choice;
use super::text::Look;

/// What fills the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Screen {
    /// All containers.
    #[default]
    Table,
    /// The charts of the selected one.
    Charts,
    /// Its processes.
    Processes,
    /// What to do about what is wrong with it.
    Advice,
}

/// By what processes are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ByProcess {
    #[default]
    Cpu,
    Memory,
    Pid,
}

/// Everything that is drawn.
pub(crate) struct App {
    pub(crate) look: Look,
    pub(crate) overview: Arc<Overview>,
    /// Whether there was one yet.
    pub(crate) filled: bool,
    /// Why there is none at the moment.
    pub(crate) lost: Option<String>,
    pub(crate) choice: Choice,
    /// The filter is being typed.
    pub(crate) typing: bool,
    pub(crate) screen: Screen,
    pub(crate) help: bool,
    /// The selected row's name: it stays selected when rows move.
    pub(crate) selected: Option<String>,
    /// The charts or processes are the machine's: it is no row that could be selected.
    pub(crate) machine: bool,
    /// The first line that is shown; of the list of processes and of what to do too.
    pub(crate) offset: usize,
    /// Lines of what to do, as was drawn last.
    pub(crate) advised: usize,
    /// Lines that fit, as was drawn last.
    pub(crate) page: usize,
    pub(crate) series: Option<Result<Series, String>>,
    pub(crate) processes: Option<Result<Vec<ProcessInfo>, String>>,
    pub(crate) by: ByProcess,
    pub(crate) quit: bool,
}

impl App {
    pub(crate) fn new(choice: Choice, look: Look) -> Self {
        Self {
            look,
            overview: Arc::default(),
            filled: false,
            lost: None,
            choice,
            typing: false,
            screen: Screen::default(),
            help: false,
            selected: None,
            machine: false,
            offset: 0,
            advised: 0,
            page: 1,
            series: None,
            processes: None,
            by: ByProcess::default(),
            quit: false,
        }
    }

    /// A new overview.
    pub(crate) fn take(&mut self, overview: Arc<Overview>) {
        (self.overview, self.filled, self.lost) = (overview, true, None);
    }

    /// Who is looked at: the selected row, or the machine.
    pub(crate) fn subject(&self) -> Option<&str> {
        if self.machine { Some("/") } else { self.selected.as_deref() }
    }

    /// Its row, if it is still there.
    pub(crate) fn row(&self) -> Option<&Row> {
        let name = self.subject()?;
        self.overview.rows.iter().find(|row| row.name() == name)
    }

    /// Whose details are shown.
    pub(crate) fn wants(&self) -> Option<(Screen, String)> {
        let subject = self.subject().filter(|_| !matches!(self.screen, Screen::Table | Screen::Advice));
        subject.map(|name| (self.screen, name.to_owned()))
    }

    /// The place of the selected row among those that are shown, which is the first where it is not shown any more.
    pub(crate) fn place(&self, names: &[&str]) -> usize {
        let selected = self.selected.as_deref();
        names.iter().position(|name| Some(*name) == selected).unwrap_or(0)
    }

    /// A key was pressed.
    pub(crate) fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            self.quit = true;
        } else if self.typing {
            self.typed(key.code);
        } else if self.help {
            self.help = false;
        } else {
            self.command(key.code);
        }
    }

    fn typed(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.choice.filter.clear();
            }
            KeyCode::Backspace => drop(self.choice.filter.pop()),
            KeyCode::Char(c) if !c.is_control() => self.choice.filter.push(c),
            KeyCode::Up | KeyCode::Down => self.command(code),
            _ => {}
        }
    }

    fn command(&mut self, code: KeyCode) {
        match code {
            KeyCode::Char('q') => self.quit = true,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = true,
            KeyCode::Esc | KeyCode::Backspace => self.back(),
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::PageUp => self.step(-self.whole_page()),
            KeyCode::PageDown | KeyCode::Char(' ') => self.step(self.whole_page()),
            KeyCode::Home | KeyCode::Char('g') => self.step(isize::MIN / 2),
            KeyCode::End | KeyCode::Char('G') => self.step(isize::MAX / 2),
            KeyCode::Enter => {
                self.show(if self.screen == Screen::Charts { Screen::Table } else { Screen::Charts })
            }
            KeyCode::Char('p') => {
                self.show(if self.screen == Screen::Processes { Screen::Table } else { Screen::Processes });
            }
            KeyCode::Char('w') => {
                self.show(if self.screen == Screen::Advice { Screen::Table } else { Screen::Advice });
            }
            KeyCode::Char('m') => {
                let machine = !(self.machine && self.screen != Screen::Table);
                self.machine = machine;
                self.show(if machine { Screen::Charts } else { Screen::Table });
            }
            KeyCode::Char('s') if self.screen == Screen::Processes => {
                self.by = match self.by {
                    ByProcess::Cpu => ByProcess::Memory,
                    ByProcess::Memory => ByProcess::Pid,
                    ByProcess::Pid => ByProcess::Cpu,
                };
            }
            code if self.screen == Screen::Table => self.arrange(code),
            _ => {}
        }
    }

    fn arrange(&mut self, code: KeyCode) {
        let choice = &mut self.choice;
        let by = |choice: &mut Choice, order| (choice.order, choice.reverse) = (order, false);
        match code {
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Char('t') => choice.tree = !choice.tree,
            KeyCode::Char('c') => choice.containers_only = !choice.containers_only,
            KeyCode::Char('r') => choice.reverse = !choice.reverse,
            KeyCode::Char('s' | '>') | KeyCode::Right => by(choice, beside(choice.order, 1)),
            KeyCode::Char('S' | '<') | KeyCode::Left => {
                by(choice, beside(choice.order, Order::ALL.len() - 1))
            }
            KeyCode::Char('L') => by(choice, Order::Line),
            KeyCode::Char('C') => by(choice, Order::Cpu),
            KeyCode::Char('M') => by(choice, Order::Memory),
            KeyCode::Char('X') => by(choice, Order::Network),
            KeyCode::Char('D') => by(choice, Order::Disk),
            KeyCode::Char('N') => by(choice, Order::Name),
            _ => return,
        }
        self.offset = 0;
    }

    fn back(&mut self) {
        if self.screen == Screen::Table {
            self.choice.filter.clear();
        } else {
            self.show(Screen::Table);
        }
    }

    fn show(&mut self, screen: Screen) {
        if screen != Screen::Table {
            // none was selected yet: the first
            if self.row().is_none() {
                self.selected =
                    self.choice.lines(&self.overview).first().map(|(row, _)| row.name().to_owned());
            }
            if self.subject().is_none() {
                return;
            }
            (self.series, self.processes, self.offset) = (None, None, 0);
        } else {
            self.machine = false;
        }
        self.screen = screen;
    }

    fn whole_page(&self) -> isize {
        isize::try_from(self.page).unwrap_or(1).max(1)
    }

    /// Moves the selection, or scrolls the processes or what to do. In charts it goes to the next container.
    fn step(&mut self, by: isize) {
        if matches!(self.screen, Screen::Processes | Screen::Advice) {
            let listed = self.processes.as_ref().and_then(|all| all.as_ref().ok()).map_or(0, Vec::len);
            let count = if self.screen == Screen::Advice { self.advised } else { listed };
            self.offset = self.offset.saturating_add_signed(by).min(count.saturating_sub(self.page));
            return;
        }
        self.machine = false;
        let lines = self.choice.lines(&self.overview);
        let names: Vec<&str> = lines.iter().map(|(row, _)| row.name()).collect();
        let place = self.place(&names).saturating_add_signed(by).min(names.len().saturating_sub(1));
        // the first key selects the first row, which is where the eye is
        let place = if self.selected.is_none() && by > 0 && by <= 1 { 0 } else { place };
        self.selected = names.get(place).map(|name| (*name).to_owned());
        if self.screen == Screen::Charts {
            self.series = None;
        }
    }
}

fn beside(order: Order, by: usize) -> Order {
    let at = Order::ALL.iter().position(|known| *known == order).unwrap_or(0);
    Order::ALL.get((at + by) % Order::ALL.len()).copied().unwrap_or_default()
}
