use plimsoll_core::time::Timestamp;
use tokio::time::sleep;

use super::meters::Loss;
use super::*;
use crate::sink::{Ended, SinkError, Work};
use crate::turn::Turn;

#[derive(Default)]
struct Seen {
    batches: Mutex<Vec<i64>>,
    stopped: Mutex<usize>,
}

impl Seen {
    fn batches(&self) -> Vec<i64> {
        self.batches.lock().unwrap().clone()
    }
}

/// Takes so long for each batch, and says what it is told to say.
struct Slow {
    takes: Duration,
    says: Result<(), SinkError>,
    seen: Arc<Seen>,
}

impl Sink for Slow {
    fn name(&self) -> &'static str {
        "Slow Sink"
    }

    fn export<'a>(&'a self, batch: Arc<Batch>, turn: &'a Turn) -> Work<'a> {
        Box::pin(async move {
            sleep(self.takes).await;
            self.seen.batches.lock().unwrap().push(batch.at.0);
            turn.retried(|| std::future::ready(self.says.clone())).await
        })
    }

    fn stop(&self) -> Ended<'_> {
        Box::pin(async { *self.seen.stopped.lock().unwrap() += 1 })
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn slow(takes: u64) -> (Box<dyn Sink>, Arc<Seen>) {
    let seen = Arc::<Seen>::default();
    (Box::new(Slow { takes: seconds(takes), says: Ok(()), seen: Arc::clone(&seen) }), seen)
}

fn started<const N: usize>(takes: [u64; N], limits: Limits) -> (Manager, [Arc<Seen>; N]) {
    let (sinks, seen): (Vec<_>, Vec<_>) = takes.map(slow).into_iter().unzip();
    (Manager::start(sinks, limits), seen.try_into().unwrap_or_else(|_| panic!("as many")))
}

const LIMITS: Limits = Limits { queue: 4, wait: Duration::from_secs(3), export: Duration::from_secs(60) };

fn batch(at: i64) -> Arc<Batch> {
    Arc::new(Batch::new(Timestamp(at)))
}

fn drops(meters: &SinkMeters) -> Vec<(Loss, u64)> {
    meters.drops.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test(start_paused = true)]
async fn sinks_that_are_fast_enough_get_every_batch_in_order() {
    let (manager, seen) = started([1, 1], LIMITS);
    let start = Instant::now();
    for at in 1..=3 {
        manager.push(&batch(at));
    }
    assert_eq!(start.elapsed(), Duration::ZERO, "handing over never waits");
    sleep(seconds(4)).await;
    for (one, meters) in seen.iter().zip(manager.meters()) {
        assert_eq!(one.batches(), [1, 2, 3]);
        assert_eq!((meters.exports, meters.waiting, meters.busy, drops(&meters)), (3, 0, false, vec![]));
        assert_eq!((meters.spent, meters.last_spent), (seconds(3), seconds(1)));
        assert!(meters.last_success.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_sink_delays_nobody_and_its_batches_wait_no_longer_than_allowed() {
    let (manager, [fast, slow]) = started([1, 30], LIMITS);
    for at in 1..=3 {
        manager.push(&batch(at));
        sleep(seconds(1)).await;
    }
    let waiting = manager.meters()[1].waiting;
    assert_eq!(waiting, 2, "the third came two seconds ago, the second not three");
    sleep(seconds(3)).await;
    assert_eq!((fast.batches(), slow.batches()), (vec![1, 2, 3], vec![]));
    let meters = &manager.meters()[1];
    assert_eq!((meters.waiting, meters.busy, drops(meters)), (0, true, vec![(Loss::Waited, 2)]));
    sleep(seconds(30)).await;
    assert_eq!(slow.batches(), [1]);
    manager.push(&batch(4));
    sleep(seconds(31)).await;
    assert_eq!(slow.batches(), [1, 4]);
}

#[tokio::test(start_paused = true)]
async fn two_slow_sinks_get_one_batch_each() {
    let (manager, [one, other]) = started([30, 30], LIMITS);
    for at in 1..=3 {
        manager.push(&batch(at));
    }
    sleep(seconds(59)).await;
    assert_eq!((one.batches(), other.batches()), (vec![1], vec![1]));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_makes_room_in_a_full_queue() {
    let (manager, [seen]) = started([10], Limits { queue: 2, wait: seconds(100), ..LIMITS });
    manager.push(&batch(1));
    sleep(seconds(1)).await;
    for at in 2..=5 {
        manager.push(&batch(at));
    }
    sleep(seconds(40)).await;
    assert_eq!(seen.batches(), [1, 4, 5]);
    assert_eq!(drops(&manager.meters()[0]), [(Loss::Full, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_hangs_is_cut_off() {
    let (manager, [seen]) = started([1_000_000], LIMITS);
    manager.push(&batch(1));
    sleep(seconds(59)).await;
    manager.push(&batch(2));
    sleep(seconds(2)).await;
    let meters = &manager.meters()[0];
    assert_eq!((drops(meters), meters.failures, meters.busy), (vec![(Loss::Late, 1)], 1, true));
    assert_eq!((meters.last_spent, meters.last_success), (seconds(60), None));
    assert_eq!(seen.batches(), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_by_their_sort() {
    for (error, reason, exports) in [
        (SinkError::Passing("down".into()), Some(Loss::Failed), (0, 0)),
        (SinkError::Refused("no".into()), Some(Loss::Refused), (0, 0)),
        (SinkError::Partly("some".into()), None, (0, 1)),
    ] {
        let passing = error.is_passing();
        let sink = Slow { takes: seconds(1), says: Err(error), seen: Arc::default() };
        let manager = Manager::start(vec![Box::new(sink)], LIMITS);
        manager.push(&batch(1));
        sleep(seconds(100)).await;
        let meters = &manager.meters()[0];
        assert_eq!(drops(meters), reason.map(|reason| (reason, 1)).into_iter().collect::<Vec<_>>());
        assert_eq!((meters.exports, meters.partial), exports);
        assert_eq!(meters.last_success.is_some(), reason.is_none());
        let tries = if passing { 8..=16 } else { 1..=1 };
        assert!(tries.contains(&meters.failures), "{}", meters.failures);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_breaks_goes_on_with_the_next_batch() {
    struct Broken;
    impl Sink for Broken {
        fn name(&self) -> &'static str {
            "Broken Sink"
        }

        fn export<'a>(&'a self, batch: Arc<Batch>, _: &'a Turn) -> Work<'a> {
            Box::pin(
                async move { if batch.at.0 == 1 { panic!("a fault of the sink's own") } else { Ok(()) } },
            )
        }
    }
    let manager = Manager::start(vec![Box::new(Broken)], LIMITS);
    manager.push(&batch(1));
    manager.push(&batch(2));
    sleep(seconds(1)).await;
    let meters = &manager.meters()[0];
    assert_eq!((drops(meters), meters.exports), (vec![(Loss::Failed, 1)], 1));
}

#[tokio::test(start_paused = true)]
async fn the_end_is_quick_when_there_is_nothing_to_do() {
    let (manager, seen) = started([1, 30], LIMITS);
    let start = Instant::now();
    manager.stop(seconds(60)).await;
    assert!(start.elapsed() < seconds(1));
    assert!(seen.iter().all(|one| *one.stopped.lock().unwrap() == 1));
    manager.push(&batch(1));
    assert_eq!(drops(&manager.meters()[0]), [(Loss::Stopped, 1)]);
    manager.stop(seconds(60)).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_ships_what_waits_and_counts_what_is_left() {
    let (manager, [fast, slow]) = started([2, 30], Limits { wait: seconds(100), ..LIMITS });
    for at in 1..=3 {
        manager.push(&batch(at));
    }
    let start = Instant::now();
    manager.stop(seconds(40)).await;
    assert!(start.elapsed() <= seconds(41), "{:?}", start.elapsed());
    assert_eq!((fast.batches(), slow.batches()), (vec![1, 2, 3], vec![1]));
    assert_eq!(*slow.stopped.lock().unwrap(), 1);
    let meters = manager.meters();
    assert_eq!(drops(&meters[0]), []);
    // one was on its way, one waited
    assert_eq!((drops(&meters[1]), meters[1].busy, meters[1].exports), (vec![(Loss::Stopped, 2)], false, 1));
}
