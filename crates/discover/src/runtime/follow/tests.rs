//! How often who is not there is asked, and what comes late. The clock is the test's, so that an hour takes no time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use plimsoll_core::runtime::Status;

use super::*;
use crate::runtime::remote::{Quiet, Remote};

/// A runtime whose daemon is not there. What it leaves on disk is one container that runs, or none.
#[derive(Clone, Default)]
struct Nobody<const DAEMON: bool> {
    socket: PathBuf,
    leaves_one: bool,
    pings: Arc<AtomicUsize>,
    describes: Arc<AtomicUsize>,
    lists: Arc<AtomicUsize>,
}

fn nobody() -> Fault {
    Fault::Connect("nobody there".to_owned())
}

impl<const DAEMON: bool> Remote for Nobody<DAEMON> {
    const NAME: &'static str = "Nobody";
    const TELLS: bool = false;
    const DAEMON: bool = DAEMON;
    const LEAVES: bool = DAEMON;
    type Events = Quiet;

    fn address(&self) -> String {
        self.socket.display().to_string()
    }

    fn socket(&self) -> Option<&Path> {
        DAEMON.then_some(&self.socket)
    }

    async fn ping(&self) -> Result<(), Fault> {
        self.pings.fetch_add(1, Ordering::Relaxed);
        if DAEMON { Err(nobody()) } else { Ok(()) }
    }

    async fn events(&self) -> Result<Quiet, Fault> {
        Ok(Quiet)
    }

    async fn list(&self) -> Result<Vec<Listed>, Fault> {
        self.lists.fetch_add(1, Ordering::Relaxed);
        Ok(self.leaves_one.then(|| Listed { id: "one".to_owned(), running: true }).into_iter().collect())
    }

    async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
        let identity = Identity { id: id.to_owned(), ..Identity::default() };
        Ok(Inspected { identity, running: true })
    }

    async fn describe(&self) -> Result<Status, Fault> {
        self.describes.fetch_add(1, Ordering::Relaxed);
        Err(nobody())
    }
}

/// How often it is pinged, described and listed in an hour, half a minute after the start.
async fn in_an_hour<const DAEMON: bool>(remote: Nobody<DAEMON>) -> [usize; 3] {
    let (on, mut told) = mpsc::channel(64);
    let (_asks, asked) = mpsc::unbounded_channel();
    tokio::spawn(Follow::new(Arc::new(remote.clone()), Duration::from_secs(10), on, asked).run());
    tokio::spawn(async move { while told.recv().await.is_some() {} });
    let counts =
        || [&remote.pings, &remote.describes, &remote.lists].map(|count| count.load(Ordering::Relaxed));
    sleep(Duration::from_secs(30)).await;
    let before = counts();
    sleep(Duration::from_secs(3600)).await;
    let after = counts();
    assert!(before[2] > 0, "it is followed");
    std::array::from_fn(|what| after[what] - before[what])
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_not_there_is_not_asked() {
    let dir = tempfile::tempdir().unwrap();
    let remote = Nobody::<true> { socket: dir.path().join("socket"), ..Nobody::default() };
    assert_eq!(in_an_hour(remote).await, [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_it_left_is_looked_after() {
    let dir = tempfile::tempdir().unwrap();
    let remote = Nobody::<true> { socket: dir.path().join("socket"), leaves_one: true, ..Nobody::default() };
    assert_eq!(in_an_hour(remote).await, [360, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn without_a_daemon_it_is_described_when_somebody_is_there() {
    let [pings, describes, lists] = in_an_hour(Nobody::<false>::default()).await;
    assert_eq!((pings, lists), (0, 0));
    assert!((59..=61).contains(&describes), "{describes}");
}

/// A runtime under conmon: its container is there, then it is not, and its exit code comes when the test says.
#[derive(Clone)]
struct Late {
    there: Arc<std::sync::atomic::AtomicBool>,
    codes: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<i64>>>,
}

struct LateCodes(Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<i64>>>);

impl crate::runtime::remote::Events for LateCodes {
    async fn next(&mut self) -> Result<Option<(String, What)>, Fault> {
        match self.0.lock().await.recv().await {
            Some(code) => Ok(Some(("one".to_owned(), What::Died(Some(code))))),
            None => std::future::pending().await,
        }
    }
}

impl Remote for Late {
    const NAME: &'static str = "Late";
    const TELLS: bool = false;
    const DAEMON: bool = false;
    const CODES: bool = true;
    type Events = LateCodes;

    fn address(&self) -> String {
        String::new()
    }

    async fn events(&self) -> Result<LateCodes, Fault> {
        Ok(LateCodes(Arc::clone(&self.codes)))
    }

    async fn inspect(&self, id: &str) -> Result<Inspected, Fault> {
        if !self.there.load(Ordering::Relaxed) {
            return Err(Fault::not_found());
        }
        Ok(Inspected { identity: Identity { id: id.to_owned(), ..Identity::default() }, running: true })
    }
}

/// All words on how it ended, when the code comes so long after the group's end.
async fn ends(code_after: Option<Duration>) -> Vec<(Duration, Option<i64>)> {
    let (codes, of_remote) = mpsc::unbounded_channel();
    let remote = Late { there: Arc::new(true.into()), codes: Arc::new(tokio::sync::Mutex::new(of_remote)) };
    let (on, mut told) = mpsc::channel(64);
    let (asks, asked) = mpsc::unbounded_channel();
    tokio::spawn(Follow::new(Arc::new(remote.clone()), Duration::from_secs(10), on, asked).run());
    asks.send(Ask::Who("one".to_owned())).ok().unwrap();
    while !matches!(told.recv().await.unwrap(), Told::Known { .. }) {}
    remote.there.store(false, Ordering::Relaxed);
    asks.send(Ask::Gone("one".to_owned())).ok().unwrap();
    let gone = Instant::now();
    if let Some(after) = code_after {
        sleep(after).await;
        codes.send(3).unwrap();
    }
    let mut ends = Vec::new();
    while let Ok(Some(word)) = tokio::time::timeout(Duration::from_secs(20), told.recv()).await {
        if let Told::Ended { exit_code, .. } = word {
            ends.push((gone.elapsed(), exit_code));
        }
    }
    ends
}

#[tokio::test(start_paused = true)]
async fn an_exit_code_may_come_after_the_groups_end() {
    for after in [0, 50, 150, 300] {
        let ends: Vec<_> =
            ends(Some(Duration::from_millis(after))).await.into_iter().map(|end| end.1).collect();
        assert_eq!(ends, [Some(3)], "{after} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn one_without_a_code_is_not_waited_for_long() {
    let ends = ends(None).await;
    let [(after, None)] = ends[..] else { panic!("{ends:?}") };
    assert!(after < Duration::from_millis(1600), "{after:?}");
}

/// A runtime that never has time.
#[derive(Clone, Default)]
struct Busy(Arc<AtomicUsize>);

impl Remote for Busy {
    const NAME: &'static str = "Busy";
    const TELLS: bool = false;
    type Events = Quiet;

    fn address(&self) -> String {
        String::new()
    }

    async fn ping(&self) -> Result<(), Fault> {
        Ok(())
    }

    async fn events(&self) -> Result<Quiet, Fault> {
        Ok(Quiet)
    }

    async fn inspect(&self, _: &str) -> Result<Inspected, Fault> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(Fault::Late(Duration::from_secs(1)))
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_asked_for_by_many_is_tried_again_by_one() {
    let remote = Busy::default();
    let (on, mut told) = mpsc::channel(64);
    let (asks, asked) = mpsc::unbounded_channel();
    tokio::spawn(Follow::new(Arc::new(remote.clone()), Duration::from_secs(10), on, asked).run());
    tokio::spawn(async move { while told.recv().await.is_some() {} });
    for _ in 0..200 {
        asks.send(Ask::Who("one".to_owned())).ok().unwrap();
        sleep(Duration::from_secs(3)).await;
    }
    // each question, and a try every fifteen seconds at least in ten minutes
    let tried = remote.0.load(Ordering::Relaxed);
    assert!((200..=260).contains(&tried), "{tried}");
}
