//! Follows one daemon: looks for it, listens to its events, asks it who is who, and starts over when it
//! goes away. One task owns all of this; requests run beside it, at most [`AT_ONCE`] inspects.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::container::Identity;
use plimsoll_core::runtime::Status;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::backoff::{pause, until_beat};
use super::fault::Fault;
use super::lookout;
use super::remote::{Asked, Happening, Inspected, Listed, Ways, What};
use super::told::Told;

/// Inspects at once.
const AT_ONCE: usize = 8;
/// Pauses while there is no daemon. After [`LOOKS`] of them a socket that is not there is waited for; what is there and
/// does not answer is asked together with others like it, once in the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));
const LOOKS: u32 = 4;
/// Pauses after an answer that was none.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// How often a runtime without events is asked for a container that is there and does not run yet.
const STARTS: u32 = 8;
/// How often it is asked for one that it does not know yet.
const RECORDS: u32 = 4;
/// How often it is asked for one whose cgroup is gone and whose exit code has still to come: for about a second.
const CODES: u32 = 4;
/// How often the health of those that have one is asked where no event tells it.
const HEALTH: Duration = Duration::from_secs(30);

/// What the host wants.
pub(super) enum Ask {
    /// Who is it?
    Who(String),
    /// Its cgroup is gone.
    Gone(String),
}

/// What is known of a container.
#[derive(Default)]
struct Known {
    identity: Option<Arc<Identity>>,
    running: bool,
    /// Since its last start.
    oom: bool,
    /// The exit code, once it was told.
    ended: Option<Option<i64>>,
}

/// What a request beside the task came to.
enum Done {
    Inspected(String, Result<Inspected, Fault>),
    Listed(Result<Vec<Listed>, Fault>),
    Described(Result<Status, Fault>),
    Pinged(Result<(), Fault>),
    /// A pause is over: inspect.
    Inspect(String),
    /// A pause is over: list.
    List,
    /// A pause is over: describe.
    Describe,
}

/// The task.
pub(super) struct Follow {
    remote: Arc<dyn Asked>,
    ways: Ways,
    ping_every: Duration,
    on: mpsc::Sender<Told>,
    asks: mpsc::UnboundedReceiver<Ask>,
    known: HashMap<String, Known>,
    /// Ids whose asker has no answer yet.
    asked: HashSet<String>,
}

/// What is under way with a daemon that answers.
struct Work {
    tasks: JoinSet<Done>,
    queue: VecDeque<String>,
    queued: HashSet<String>,
    flying: HashSet<String>,
    /// Something happened to it while its inspect was under way.
    stale: HashSet<String>,
    /// It was removed while its inspect was under way.
    removed: HashSet<String>,
    /// Its cgroup is gone, and one more inspect may tell how it ended.
    leaving: HashSet<String>,
    failures: HashMap<String, u32>,
    /// Those that wait for another try.
    waiting: HashSet<String>,
    /// The list came, or was nonsense.
    listed: bool,
    /// The description is being asked for, or came.
    described: bool,
    list_failures: u32,
    describe_failures: u32,
    pinging: bool,
    /// It does not answer, and what it left is read.
    away: bool,
    /// It has answered since it is followed.
    answered: bool,
    said_nonsense: bool,
}

/// Nobody listens any more.
struct Over;

impl Follow {
    pub(super) fn new(
        remote: Arc<dyn Asked>,
        ping_every: Duration,
        on: mpsc::Sender<Told>,
        asks: mpsc::UnboundedReceiver<Ask>,
    ) -> Self {
        let ways = remote.ways();
        Self { remote, ways, ping_every, on, asks, known: HashMap::new(), asked: HashSet::new() }
    }

    pub(super) async fn run(mut self) {
        // ends when nobody listens
        let _ = self.look().await;
    }

    /// Looks for the daemon, for ever.
    async fn look(&mut self) -> Result<(), Over> {
        let mut failures = 0;
        let mut said = None;
        let mut seen = false;
        loop {
            let down = match self.reach().await {
                Ok(events) => {
                    if said.is_some() {
                        tracing::info!("{} at {} answers", self.ways.name, self.remote.address());
                    }
                    (failures, seen) = (0, true);
                    self.session(events).await?
                }
                Err(fault) => fault,
            };
            if failures == 0 || said.as_ref() != Some(&down) {
                self.down(&down, seen).await?;
                said = Some(down);
            }
            let remote = self.remote.clone();
            self.rest(async {
                match failures {
                    ..LOOKS => sleep(pause(LOOK.0, LOOK.1, failures)).await,
                    _ => absence(&*remote).await,
                }
            })
            .await?;
            failures += 1;
        }
    }

    /// Says that it does not answer (any more). `seen`: it has before.
    async fn down(&self, fault: &Fault, seen: bool) -> Result<(), Over> {
        let reason = fault.to_string();
        // most hosts have one runtime or two; what is missing is on `/validate/`
        if seen || self.remote.is_wanted() || !matches!(fault, Fault::Connect(_)) {
            tracing::warn!(
                "{} at {}: {reason}; it is looked for until it answers",
                self.ways.name,
                self.remote.address()
            );
        } else {
            tracing::debug!("{} at {}: {reason}", self.ways.name, self.remote.address());
        }
        self.tell(Told::Down { reason }).await
    }

    /// A daemon that answers, and its events from now on.
    async fn reach(&self) -> Result<Box<dyn Happening>, Fault> {
        if !self.ways.leaves {
            self.remote.ping().await?;
        }
        self.remote.events().await
    }

    /// Waits, and keeps what is asked meanwhile.
    async fn rest(&mut self, end: impl Future<Output = ()>) -> Result<(), Over> {
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return Ok(()),
                ask = self.asks.recv() => match ask.ok_or(Over)? {
                    Ask::Who(id) => { self.asked.insert(id); }
                    Ask::Gone(id) => {
                        self.asked.remove(&id);
                        if !self.ways.tells {
                            self.known.remove(&id);
                        }
                    }
                },
            }
        }
    }

    async fn tell(&self, told: Told) -> Result<(), Over> {
        self.on.send(told).await.map_err(|_| Over)
    }

    /// Follows a daemon until it fails: why.
    async fn session(&mut self, mut events: Box<dyn Happening>) -> Result<Fault, Over> {
        let mut work = Work::new();
        // events are listened to already, so nothing is missed between them and the list
        self.list(&mut work, Duration::ZERO);
        for id in &self.asked {
            work.want(id);
        }
        let every = self.ping_every.max(Duration::from_millis(10));
        let mut ping = interval_at(Instant::now() + every, every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut health = interval_at(Instant::now() + HEALTH, HEALTH);
        health.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.inspect(&mut work);
            // names first: Docker runs programs of its own to describe itself
            if work.listed && work.queue.is_empty() && !std::mem::replace(&mut work.described, true) {
                self.describe(&mut work, Duration::ZERO);
            }
            tokio::select! {
                event = events.next() => match event {
                    Ok(Some((id, what))) => self.happened(&mut work, id, what).await?,
                    Ok(None) => {}
                    Err(fault) => return Ok(fault),
                },
                Some(done) = work.tasks.join_next() => match done {
                    Ok(Done::Pinged(Err(fault))) if !self.ways.leaves => return Ok(fault),
                    Ok(done) => self.done(&mut work, done).await?,
                    Err(cause) => tracing::error!("a request to {} ended badly: {cause}", self.ways.name),
                },
                ask = self.asks.recv() => self.ask(&mut work, ask.ok_or(Over)?).await?,
                // without a daemon and without containers there is nothing to ask
                _ = ping.tick(), if (self.ways.daemon && !work.away) || !self.known.is_empty() => self.ping(&mut work),
                () = absence(&*self.remote), if work.away => self.ping(&mut work),
                _ = health.tick(), if !self.ways.tells && !self.known.is_empty() => self.check(&mut work, |identity| identity.health.is_some()),
            }
        }
    }

    /// Whether it still answers, and what may have become old without a word.
    fn ping(&self, work: &mut Work) {
        if !std::mem::replace(&mut work.pinging, true) {
            let remote = self.remote.clone();
            work.tasks.spawn(async move { Done::Pinged(remote.ping().await) });
        }
        if !self.ways.tells {
            self.check(work, |identity| self.remote.wants_again(identity));
        }
    }

    async fn ask(&mut self, work: &mut Work, ask: Ask) -> Result<(), Over> {
        let id = match ask {
            Ask::Who(id) => id,
            Ask::Gone(id) => {
                self.left(work, id);
                return Ok(());
            }
        };
        let known = self.known.get(&id).and_then(|known| known.identity.clone());
        // where no event tells of a new start, what is known may be of the one before
        if known.is_none() || !self.ways.tells {
            work.leaving.remove(&id);
            work.want(&id);
            self.asked.insert(id.clone());
        }
        match known {
            Some(identity) => self.tell(Told::Known { id, identity }).await,
            None => Ok(()),
        }
    }

    /// Its cgroup is gone. Events tell the rest, where there are events.
    fn left(&mut self, work: &mut Work, id: String) {
        // who asked wants its name all the same, so the question stays
        if !self.ways.tells && self.known.contains_key(&id) {
            work.want(&id);
            work.leaving.insert(id);
        } else if work.away {
            // nobody will tell, and it has left nothing
            self.asked.remove(&id);
        }
    }

    /// Asks again for those that run of which this is true.
    fn check(&self, work: &mut Work, wanted: impl Fn(&Identity) -> bool) {
        for (id, known) in &self.known {
            if known.running && known.identity.as_deref().is_some_and(&wanted) {
                work.want(id);
            }
        }
    }

    // Requests.

    /// Starts as many inspects as may run.
    fn inspect(&self, work: &mut Work) {
        while work.flying.len() < AT_ONCE {
            let Some(id) = work.queue.pop_front() else { return };
            work.queued.remove(&id);
            if !work.flying.insert(id.clone()) {
                work.stale.insert(id);
                continue;
            }
            let remote = self.remote.clone();
            work.tasks.spawn(async move {
                let answer = remote.inspect(&id).await;
                Done::Inspected(id, answer)
            });
        }
    }

    fn list(&self, work: &mut Work, after: Duration) {
        let remote = self.remote.clone();
        work.after(after, Done::List, async move { remote.list().await }, Done::Listed);
    }

    fn describe(&self, work: &mut Work, after: Duration) {
        let remote = self.remote.clone();
        work.after(after, Done::Describe, async move { remote.describe().await }, Done::Described);
    }

    // Answers.

    async fn done(&mut self, work: &mut Work, done: Done) -> Result<(), Over> {
        match done {
            Done::Inspected(id, answer) => return self.inspected(work, id, answer).await,
            Done::Inspect(id) => {
                work.waiting.remove(&id);
                work.want(&id);
            }
            Done::Listed(Ok(listed)) => {
                work.listed = true;
                self.listed(work, listed);
            }
            Done::Listed(Err(fault)) => {
                if work.list_failures == 0 {
                    tracing::warn!("{}'s list of containers: {fault}; it is asked again", self.ways.name);
                }
                let after = pause(AGAIN.0, AGAIN.1, work.list_failures);
                work.list_failures += 1;
                work.listed = true;
                self.list(work, after);
            }
            Done::List => self.list(work, Duration::ZERO),
            Done::Described(Ok(status)) => {
                work.answered = true;
                return self.tell(Told::Up { status: Arc::new(status) }).await;
            }
            Done::Described(Err(fault)) => {
                if work.describe_failures == 0 && !matches!(fault, Fault::Connect(_)) {
                    tracing::warn!("{}'s description of itself: {fault}; it is asked again", self.ways.name);
                }
                let nobody = matches!(fault, Fault::Connect(_));
                if self.ways.leaves && (nobody || matches!(fault, Fault::Late(_) | Fault::Broken(_))) {
                    // it is asked again when it is back
                    return self.is_away(work, &fault).await;
                }
                let after = match work.describe_failures {
                    LOOKS.. if nobody => until_beat(lookout::BEAT),
                    failures => pause(AGAIN.0, AGAIN.1, failures),
                };
                work.describe_failures += 1;
                self.describe(work, after);
            }
            Done::Describe => self.describe(work, Duration::ZERO),
            Done::Pinged(pinged) => {
                work.pinging = false;
                return match pinged {
                    Ok(()) => {
                        self.is_back(work);
                        Ok(())
                    }
                    Err(fault) => self.is_away(work, &fault).await,
                };
            }
        }
        Ok(())
    }

    /// It does not answer, and what it left is read meanwhile.
    async fn is_away(&mut self, work: &mut Work, fault: &Fault) -> Result<(), Over> {
        if std::mem::replace(&mut work.away, true) {
            return Ok(());
        }
        self.down(fault, work.answered).await
    }

    /// It answers (again), and may know more than what it left said.
    fn is_back(&self, work: &mut Work) {
        work.answered = true;
        if std::mem::replace(&mut work.away, false) {
            work.describe_failures = 0;
            self.describe(work, Duration::ZERO);
            self.known.keys().chain(&self.asked).for_each(|id| work.want(id));
        }
    }

    /// All that runs is asked for, and what is known and not there any more.
    fn listed(&self, work: &mut Work, listed: Vec<Listed>) {
        let there: HashSet<&str> = listed.iter().map(|listed| listed.id.as_str()).collect();
        // the list may be older than an event: whether one is gone, its inspect says
        for id in self.known.keys().filter(|id| !there.contains(id.as_str())) {
            work.want(id);
        }
        for Listed { id, running } in listed {
            if running || self.known.get(&id).is_some_and(|known| known.running) {
                work.want(&id);
            }
        }
    }

    async fn gone(&mut self, id: String) -> Result<(), Over> {
        if self.known.remove(&id).is_some_and(|known| known.running) {
            self.tell(Told::Ended { id: id.clone(), exit_code: None, oom_killed: false, again: false })
                .await?;
        }
        self.tell(Told::Gone { id }).await
    }

    async fn inspected(
        &mut self,
        work: &mut Work,
        id: String,
        answer: Result<Inspected, Fault>,
    ) -> Result<(), Over> {
        work.flying.remove(&id);
        let stale = work.stale.remove(&id);
        let removed = work.removed.remove(&id);
        let Inspected { mut identity, running } = match answer {
            Ok(inspected) => inspected,
            Err(fault) if fault.is_not_found() || (work.away && work.leaving.contains(&id)) => {
                return self.not_found(work, id).await;
            }
            Err(_) if work.away && !self.asked.contains(&id) && !self.known.contains_key(&id) => {
                work.failures.remove(&id);
                return Ok(());
            }
            Err(fault) => {
                work.failed(self.ways.name, id, &fault);
                return Ok(());
            }
        };
        if identity.exit_code.is_none() && self.waits_for_code(work, &id) {
            work.again(id);
            return Ok(());
        }
        let leaving = work.leaving.remove(&id);
        let starting = !self.ways.tells && !running && !leaving && identity.exit_code.is_none();
        if starting && work.failures.get(&id).is_none_or(|tries| *tries < STARTS) {
            work.again(id.clone());
        } else {
            work.failures.remove(&id);
        }
        let asked = self.asked.remove(&id);
        if removed {
            // who asked wants its name all the same; nothing is kept
            let told = Told::Known { id, identity: Arc::new(identity) };
            return if asked { self.tell(told).await } else { Ok(()) };
        }
        if stale {
            work.want(&id);
        }
        let known = self.known.entry(id.clone()).or_default();
        let mut ended = None;
        if !stale {
            if known.running && !running && known.ended.is_none() {
                known.ended = Some(identity.exit_code);
                ended = Some((identity.exit_code, identity.oom_killed));
            }
            known.running = running;
        } else if let Some(exit_code) = known.ended {
            // it ended while the answer was on its way
            identity.exit_code = exit_code;
        }
        identity.oom_killed |= known.oom;
        let changed = known.identity.as_deref() != Some(&identity);
        let identity = Arc::new(identity);
        known.identity = Some(Arc::clone(&identity));
        if leaving {
            self.known.remove(&id);
        } else if asked || (changed && (running || known.running)) {
            self.tell(Told::Known { id: id.clone(), identity }).await?;
        }
        if let Some((exit_code, oom_killed)) = ended {
            self.tell(Told::Ended { id, exit_code, oom_killed, again: false }).await?;
        }
        Ok(())
    }

    async fn not_found(&mut self, work: &mut Work, id: String) -> Result<(), Over> {
        let tries = work.failures.get(&id).copied().unwrap_or(0);
        // its group may be there before its record, and no event tells of that
        let waits_for_record = !self.ways.tells && self.asked.contains(&id) && tries < RECORDS;
        if waits_for_record || self.waits_for_code(work, &id) {
            work.again(id);
            return Ok(());
        }
        work.failures.remove(&id);
        work.leaving.remove(&id);
        let asked = self.asked.remove(&id);
        if self.known.contains_key(&id) {
            self.gone(id).await
        } else if asked {
            self.tell(Told::Unknown { id }).await
        } else {
            Ok(())
        }
    }

    /// Whether it has gone, and the code with which it ended may still come.
    fn waits_for_code(&self, work: &Work, id: &str) -> bool {
        let tries = work.failures.get(id).copied().unwrap_or(0);
        self.ways.codes
            && work.leaving.contains(id)
            && self.known.get(id).is_some_and(|known| known.running && known.ended.is_none())
            && tries < CODES
    }

    // Events.

    async fn happened(&mut self, work: &mut Work, id: String, what: What) -> Result<(), Over> {
        if work.flying.contains(&id) && !matches!(what, What::Oom) {
            work.stale.insert(id.clone());
        }
        match what {
            // known before its group exists, so that the shortest one has a name
            What::Created | What::Changed => work.want(&id),
            What::Started => {
                let known = self.known.entry(id.clone()).or_default();
                (known.running, known.oom, known.ended) = (true, false, None);
                work.want(&id);
                // its name at once; the pid follows
                if let Some(identity) = known.identity.clone() {
                    self.tell(Told::Known { id, identity }).await?;
                }
            }
            What::Died(exit_code) => {
                let known = self.known.entry(id.clone()).or_default();
                (known.running, known.ended) = (false, Some(exit_code));
                let oom_killed = known.oom;
                if let Some(identity) = &mut known.identity {
                    let identity = Arc::make_mut(identity);
                    (identity.exit_code, identity.oom_killed, identity.pid) = (exit_code, oom_killed, None);
                }
                if !self.ways.tells {
                    self.known.remove(&id);
                }
                self.tell(Told::Ended { id, exit_code, oom_killed, again: false }).await?;
            }
            What::Oom => {
                let known = self.known.entry(id.clone()).or_default();
                known.oom = true;
                if let Some(exit_code) = known.ended {
                    self.tell(Told::Ended { id, exit_code, oom_killed: true, again: true }).await?;
                }
            }
            What::Destroyed => {
                if work.stale.remove(&id) {
                    work.removed.insert(id.clone());
                }
                if self.known.contains_key(&id) {
                    self.gone(id).await?;
                }
            }
            What::Health(word) => {
                if let Some(known) = self.known.get_mut(&id)
                    && let Some(identity) = &mut known.identity
                {
                    Arc::make_mut(identity).health = Some(word);
                    let identity = Arc::clone(identity);
                    self.tell(Told::Known { id, identity }).await?;
                }
            }
        }
        Ok(())
    }
}

/// Waits while a daemon is away: until it may be back.
async fn absence(remote: &dyn Asked) {
    match remote.socket() {
        Some(socket) => lookout::appears(socket, until_beat(LOOK.1)).await,
        None => sleep(until_beat(LOOK.1)).await,
    }
}

impl Work {
    fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            queue: VecDeque::new(),
            queued: HashSet::new(),
            flying: HashSet::new(),
            stale: HashSet::new(),
            removed: HashSet::new(),
            leaving: HashSet::new(),
            failures: HashMap::new(),
            waiting: HashSet::new(),
            listed: false,
            described: false,
            list_failures: 0,
            describe_failures: 0,
            pinging: false,
            away: false,
            answered: false,
            said_nonsense: false,
        }
    }

    /// Inspect it soon.
    fn want(&mut self, id: &str) {
        if self.flying.contains(id) {
            self.stale.insert(id.to_owned());
        } else if self.queued.insert(id.to_owned()) {
            self.queue.push_back(id.to_owned());
        }
    }

    /// Tries again after a while.
    fn failed(&mut self, name: &str, id: String, fault: &Fault) {
        if !std::mem::replace(&mut self.said_nonsense, true) {
            tracing::warn!("{name}, asked for container {id}: {fault}; it is asked again");
        }
        self.again(id);
    }

    fn again(&mut self, id: String) {
        let failures = self.failures.entry(id.clone()).or_default();
        let after = pause(AGAIN.0, AGAIN.1, *failures);
        *failures += 1;
        // asked for by others too, it would have ever more of them
        if self.waiting.insert(id.clone()) {
            self.tasks.spawn(async move {
                sleep(after).await;
                Done::Inspect(id)
            });
        }
    }

    /// A request now, or the word to make it after a pause.
    fn after<T: 'static>(
        &mut self,
        pause: Duration,
        word: Done,
        request: impl Future<Output = Result<T, Fault>> + Send + 'static,
        done: fn(Result<T, Fault>) -> Done,
    ) {
        if pause.is_zero() {
            self.tasks.spawn(async move { done(request.await) });
        } else {
            self.tasks.spawn(async move {
                sleep(pause).await;
                word
            });
        }
    }
}

#[cfg(test)]
mod tests;
