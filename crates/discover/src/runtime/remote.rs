//! A runtime's daemon as [`super::follow`] asks it: a runtime writes this, and the rest is the same for all.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use plimsoll_core::container::Identity;
use plimsoll_core::runtime::Status;

use super::fault::Fault;

/// What is asked of a daemon. Every answer has a time limit and a size limit of its own.
pub(crate) trait Remote: Clone + Send + Sync + 'static {
    /// Its name in sentences.
    const NAME: &'static str;
    /// Whether its events tell of starts, renames and removals. Where they do not, a container is asked for
    /// again until it runs, and whenever its cgroup appears or goes.
    const TELLS: bool;
    /// Whether there is a daemon that could be down; if not, all that is known stands in files.
    const DAEMON: bool = true;
    /// Whether its containers are known from what it leaves on disk while it does not answer: then it is asked for
    /// them all the same, and a ping that fails only says that it is down.
    const LEAVES: bool = false;
    /// Whether the exit code is an event of its own, which may come a moment after the cgroup's end: conmon's file.
    const CODES: bool = false;
    /// What happens, as it happens.
    type Events: Events + 'static;

    /// Where it is looked for.
    fn address(&self) -> String;
    /// The Unix socket of its daemon, where it has one, as this program sees it.
    fn socket(&self) -> Option<&Path> {
        None
    }
    /// Whether it answers; where there is no daemon that could be down, always.
    fn ping(&self) -> impl Future<Output = Result<(), Fault>> + Send {
        std::future::ready(Ok(()))
    }
    /// Its events from now on.
    fn events(&self) -> impl Future<Output = Result<Self::Events, Fault>> + Send;
    /// Its containers; empty where it cannot list them.
    fn list(&self) -> impl Future<Output = Result<Vec<Listed>, Fault>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
    /// One container; [`Fault::not_found`] when it has none such.
    fn inspect(&self, id: &str) -> impl Future<Output = Result<Inspected, Fault>> + Send;
    /// Whether what was told of a running container has become old without a word of anybody. Asked with each
    /// ping, where events do not tell; quick.
    fn wants_again(&self, _: &Identity) -> bool {
        false
    }
    /// Whether somebody said where it is: then it is missed where it is not. Else it is one of those that may be there.
    fn is_wanted(&self) -> bool {
        false
    }
    /// Its description, without images. Where there is no daemon there is nothing to describe, and never an answer.
    fn describe(&self) -> impl Future<Output = Result<Status, Fault>> + Send {
        std::future::pending()
    }
    /// Its description for who asks now, with its images if it has a list of them.
    fn describe_whole(&self) -> impl Future<Output = Result<Status, Fault>> + Send {
        std::future::ready(Ok(Status::default()))
    }
}

/// A daemon's events.
pub(crate) trait Events: Send {
    /// The next one; `None` for what is no event of ours. May be dropped while it waits, nothing is lost then.
    fn next(&mut self) -> impl Future<Output = Result<Option<(String, What)>, Fault>> + Send;
}

/// An answer on its way.
type Coming<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// What differs between runtimes besides the answers: the constants of [`Remote`].
#[derive(Clone, Copy)]
pub(super) struct Ways {
    pub(super) name: &'static str,
    pub(super) tells: bool,
    pub(super) daemon: bool,
    pub(super) leaves: bool,
    pub(super) codes: bool,
}

/// A [`Remote`] of whatever runtime, so that who follows one is the same code for all.
pub(super) trait Asked: Send + Sync + 'static {
    fn ways(&self) -> Ways;
    fn address(&self) -> String;
    fn socket(&self) -> Option<&Path>;
    fn ping(&self) -> Coming<'_, ()>;
    fn events(&self) -> Coming<'_, Box<dyn Happening>>;
    fn list(&self) -> Coming<'_, Vec<Listed>>;
    fn inspect<'a>(&'a self, id: &'a str) -> Coming<'a, Inspected>;
    fn wants_again(&self, identity: &Identity) -> bool;
    fn is_wanted(&self) -> bool;
    fn describe(&self) -> Coming<'_, Status>;
}

/// [`Events`] of whatever runtime.
pub(super) trait Happening: Send {
    fn next(&mut self) -> Coming<'_, Option<(String, What)>>;
}

impl<E: Events> Happening for E {
    fn next(&mut self) -> Coming<'_, Option<(String, What)>> {
        Box::pin(Events::next(self))
    }
}

impl<R: Remote> Asked for R {
    fn ways(&self) -> Ways {
        Ways { name: R::NAME, tells: R::TELLS, daemon: R::DAEMON, leaves: R::LEAVES, codes: R::CODES }
    }

    fn address(&self) -> String {
        Remote::address(self)
    }

    fn socket(&self) -> Option<&Path> {
        Remote::socket(self)
    }

    fn ping(&self) -> Coming<'_, ()> {
        Box::pin(Remote::ping(self))
    }

    fn events(&self) -> Coming<'_, Box<dyn Happening>> {
        Box::pin(async { Ok(Box::new(Remote::events(self).await?) as Box<dyn Happening>) })
    }

    fn list(&self) -> Coming<'_, Vec<Listed>> {
        Box::pin(Remote::list(self))
    }

    fn inspect<'a>(&'a self, id: &'a str) -> Coming<'a, Inspected> {
        Box::pin(Remote::inspect(self, id))
    }

    fn wants_again(&self, identity: &Identity) -> bool {
        Remote::wants_again(self, identity)
    }

    fn is_wanted(&self) -> bool {
        Remote::is_wanted(self)
    }

    fn describe(&self) -> Coming<'_, Status> {
        Box::pin(Remote::describe(self))
    }
}

/// The events of a runtime that has none.
pub(crate) struct Quiet;

impl Events for Quiet {
    async fn next(&mut self) -> Result<Option<(String, What)>, Fault> {
        std::future::pending().await
    }
}

/// A container in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: String,
    pub(crate) running: bool,
}

/// What an inspect says.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// Who it is.
    pub identity: Identity,
    /// Whether its process runs (a paused one does).
    pub running: bool,
}

/// What happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Created,
    Started,
    /// With what it returned.
    Died(Option<i64>),
    Oom,
    Destroyed,
    /// Renamed, another label, or paused and resumed.
    Changed,
    /// With the new word.
    Health(String),
}
