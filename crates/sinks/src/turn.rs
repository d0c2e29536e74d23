//! The time that a sink has for a batch, and what is tried again in it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::sink::SinkError;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A batch's turn.
#[derive(Debug)]
pub struct Turn {
    until: Instant,
    failures: AtomicU64,
}

impl Turn {
    /// One that ends after `within`.
    pub fn new(within: Duration) -> Self {
        let now = Instant::now();
        Self { until: now.checked_add(within).unwrap_or(now), failures: AtomicU64::default() }
    }

    /// When it ends.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// How many tries failed for the moment.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Works, and works again after a pause while that fails for the moment. Pauses double from a quarter of a second
    /// to ten seconds; a random part keeps many writers from coming back at once.
    ///
    /// # Errors
    /// The last one of the work: when it is not passing, or when no time is left for another try.
    pub async fn retried<T, W>(&self, mut work: impl FnMut() -> W) -> Result<T, SinkError>
    where
        W: Future<Output = Result<T, SinkError>>,
    {
        let mut longest = FIRST_PAUSE;
        loop {
            let error = match work().await {
                Err(error) if error.is_passing() => error,
                done => return done,
            };
            self.failures.fetch_add(1, Ordering::Relaxed);
            let pause = longest.mul_f64(0.5 + fastrand::f64() / 2.0);
            if Instant::now() + pause >= self.until {
                return Err(error);
            }
            tracing::debug!("{error}; next try in {pause:?}");
            tokio::time::sleep(pause).await;
            longest = (longest * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn passing_errors_are_tried_again_until_it_works() {
        let (turn, start) = (Turn::new(Duration::from_secs(60)), Instant::now());
        let mut tries = 0;
        let done = turn.retried(|| {
            tries += 1;
            std::future::ready(if tries < 4 { Err(SinkError::Passing("down".into())) } else { Ok(tries) })
        });
        assert_eq!(done.await, Ok(4));
        assert_eq!(turn.failures(), 3);
        // between half and all of 0.25 + 0.5 + 1 s
        let took = start.elapsed();
        assert!((875..1_760).contains(&took.as_millis()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_error_is_told_before_the_turn_is_over() {
        let (turn, start) = (Turn::new(Duration::from_secs(30)), Instant::now());
        let mut tries = 0;
        let done = turn.retried(|| {
            tries += 1;
            std::future::ready(Err::<(), _>(SinkError::Passing(format!("down {tries}"))))
        });
        assert_eq!(done.await, Err(SinkError::Passing(format!("down {tries}"))));
        assert!(start.elapsed() < Duration::from_secs(30) && start.elapsed() > Duration::from_secs(15));
        // 0.25, 0.5, 1, 2, 4, 8 and tens
        assert!((7..=14).contains(&tries), "{tries}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final() {
        let turn = Turn::new(Duration::from_secs(30));
        for error in [SinkError::Refused("no".into()), SinkError::Partly("some".into())] {
            let mut tries = 0;
            let done = turn.retried(|| {
                tries += 1;
                std::future::ready(Err::<(), _>(error.clone()))
            });
            assert_eq!(done.await, Err(error));
            assert_eq!((tries, turn.failures()), (1, 0));
        }
    }
}
