//! `plimsoll top`: what the page's overview shows, in a terminal, of this host or of a running agent.
//!
//! Reads: this host, by a host agent of its own that serves nobody; or an agent's `/api/plimsoll/v1`.
//! Cost:  one look each interval; a screen is drawn when something is new, and only its visible lines are made.

mod advice;
mod app;
mod charts;
mod draw;
mod help;
mod list;
mod once;
mod remote;
mod source;
#[cfg(test)]
mod tests;
mod text;

use std::io::IsTerminal as _;
use std::time::Duration;

use plimsoll::flags::{Format, Top};
use plimsoll::host::Host;
use plimsoll_core::machine::ProcessInfo;
use plimsoll_serve::overview::series::Series;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use app::{App, Screen};
use list::Choice;
use remote::Remote;
use source::{Source, Update};
use text::Look;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Shows it until the user has seen enough; or gives the text to print, where it is to be printed once.
pub(crate) async fn run(top: Top) -> Result<Option<String>, Failure> {
    let host = match &top.agent {
        Some(_) => None,
        None => Some(crate::agent::unserved(&top.settings, top.interval)?),
    };
    let source = match (&host, top.agent.clone()) {
        (Some(host), _) => Source::of(host),
        (None, Some(agent)) => Source::Remote(Remote::new(agent, top.ca_file.as_deref(), top.insecure)?),
        (None, None) => return Ok(None),
    };
    let choice = Choice { order: top.order, filter: top.filter.clone(), ..Choice::default() };
    let format = top.format.or((top.once || !std::io::stdout().is_terminal()).then_some(Format::Table));
    let shown = match format {
        Some(format) => print(&source, host.as_ref(), &choice, format).await.map(Some),
        None => interactive(&source, choice, top.interval).await.map(|()| None),
    };
    if let Some(host) = host {
        tokio::task::spawn_blocking(move || host.stop()).await?;
    }
    shown
}

async fn print(
    source: &Source,
    host: Option<&Host>,
    choice: &Choice,
    format: Format,
) -> Result<String, Failure> {
    if let Some(host) = host {
        host.ready().await;
    }
    Ok(once::print(&source.once().await?, choice, format))
}

/// The terminal, as it was before once this is dropped.
struct Screened(DefaultTerminal);

impl Screened {
    fn enter() -> std::io::Result<Self> {
        // a panic restores it as well
        ratatui::try_init().map(Self)
    }
}

impl Drop for Screened {
    fn drop(&mut self) {
        // there is nobody to tell
        let _ = ratatui::try_restore();
    }
}

/// An answer about one container.
enum Details {
    Series(String, Result<Series, String>),
    Processes(String, Result<Vec<ProcessInfo>, String>),
}

async fn interactive(source: &Source, choice: Choice, interval: Duration) -> Result<(), Failure> {
    if let Source::Remote(remote) = source {
        // what is wrong with the address is better said without a screen
        remote.overview().await?;
    }
    let mut ends =
        [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    let [term, int, hup] = &mut ends;
    let mut app = App::new(choice, Look::of(|name| std::env::var(name).ok()));
    let mut updates = source.follow(interval);
    let (teller, mut details) = mpsc::channel(1);
    let mut screen = Screened::enter()?;
    let mut keys = keys();
    let mut asked = None;
    while !app.quit {
        screen.0.draw(|frame| draw::draw(&mut app, frame))?;
        tokio::select! {
            event = keys.recv() => {
                let Some(event) = event else { break };
                take(&mut app, event?);
                // those that came meanwhile are drawn together
                while let Ok(event) = keys.try_recv() {
                    take(&mut app, event?);
                }
                ask(source, &app, &mut asked, &teller);
            }
            update = updates.recv() => match update {
                Some(Update::Overview(overview)) => {
                    app.take(overview);
                    asked = None;
                    ask(source, &app, &mut asked, &teller);
                }
                Some(Update::Lost(reason)) => app.lost = Some(reason),
                None => return Err("the overview could not be made".into()),
            },
            Some(told) = details.recv() => match told {
                Details::Series(name, series) if app.subject() == Some(name.as_str()) => app.series = Some(series),
                Details::Processes(name, list) if app.subject() == Some(name.as_str()) => app.processes = Some(list),
                _ => {}
            },
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hup.recv() => break,
        }
    }
    Ok(())
}

fn take(app: &mut App, event: Event) {
    if let Event::Key(key) = event {
        app.key(key);
    }
}

/// Asks for what the screen shows of one container, once for each overview.
fn ask(source: &Source, app: &App, asked: &mut Option<(Screen, String)>, teller: &mpsc::Sender<Details>) {
    let Some(wanted) = app.wants().filter(|wanted| asked.as_ref() != Some(wanted)) else { return };
    *asked = Some(wanted.clone());
    let (source, teller, (screen, name)) = (source.clone(), teller.clone(), wanted);
    tokio::spawn(async move {
        let told = match screen {
            Screen::Processes => Details::Processes(name.clone(), source.processes(name).await),
            Screen::Charts | Screen::Table | Screen::Advice => {
                Details::Series(name.clone(), source.series(name).await)
            }
        };
        // nobody waits any more once the screen is left
        let _ = teller.send(told).await;
    });
}

/// Keys, and changes of the terminal's size, as they come. The thread that waits for them ends with the program.
fn keys() -> mpsc::Receiver<std::io::Result<Event>> {
    let (teller, keys) = mpsc::channel(64);
    std::thread::spawn(move || {
        loop {
            let event = event::read();
            let failed = event.is_err();
            if teller.blocking_send(event).is_err() || failed {
                return;
            }
        }
    });
    keys
}
