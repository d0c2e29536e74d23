//! Answers that are kept for a while. The same question is asked once at a time.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use plimsoll_core::time::Timestamp;
use tokio::sync::OnceCell;

use super::Reviewed;

/// Answers by their question. Questions are kept as 128 bits of keyed hashes: tokens are secrets and may be long.
pub(super) struct Cache<T> {
    hashers: [RandomState; 2],
    entries: Mutex<HashMap<[u64; 2], Entry<T>>>,
    most: usize,
}

struct Entry<T> {
    asked: Timestamp,
    answer: Arc<OnceCell<T>>,
}

impl<T: Clone> Cache<T> {
    /// One that keeps so many answers at most.
    pub(super) fn new(most: usize) -> Self {
        Self { hashers: [RandomState::new(), RandomState::new()], entries: Mutex::default(), most }
    }

    /// The kept answer while it is younger than `ttl` says of it, else a new one. Errors are not kept.
    pub(super) async fn get<Q, F>(
        &self,
        question: &Q,
        now: Timestamp,
        ttl: impl Fn(&T) -> Duration,
        ask: impl FnOnce() -> F,
    ) -> Reviewed<T>
    where
        Q: Hash,
        F: Future<Output = Reviewed<T>>,
    {
        let answer = self.entry(question, now, ttl);
        answer.get_or_try_init(ask).await.cloned()
    }

    fn entry(&self, question: &impl Hash, now: Timestamp, ttl: impl Fn(&T) -> Duration) -> Arc<OnceCell<T>> {
        let key = self.hashers.each_ref().map(|hasher| hasher.hash_one(question));
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&key)
            && entry.is_fresh(now, &ttl)
        {
            return Arc::clone(&entry.answer);
        }
        if entries.len() >= self.most {
            entries.retain(|_, entry| entry.is_fresh(now, &ttl));
        }
        if entries.len() >= self.most
            && let Some(oldest) = entries.iter().min_by_key(|(_, entry)| entry.asked).map(|(key, _)| *key)
        {
            entries.remove(&oldest);
        }
        let answer = Arc::default();
        entries.insert(key, Entry { asked: now, answer: Arc::clone(&answer) });
        answer
    }
}

impl<T> Entry<T> {
    fn is_fresh(&self, now: Timestamp, ttl: impl Fn(&T) -> Duration) -> bool {
        let age = Duration::try_from_secs_f64(now.since(self.asked) as f64 / 1e9);
        // a clock that was set back makes nothing fresh for longer; what is being asked is waited for
        age.is_ok_and(|age| self.answer.get().is_none_or(|answer| age < ttl(answer)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::super::ReviewError;
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn answers_are_kept_as_long_as_they_may_and_errors_are_not() {
        let cache = Cache::new(8);
        let asked = AtomicU32::new(0);
        let get = async |question: &str, secs, answer: Reviewed<u32>| {
            let ask = || async {
                asked.fetch_add(1, Relaxed);
                answer
            };
            cache.get(&question, Timestamp::from_secs(secs), |_| TTL, ask).await
        };
        assert_eq!(get("a", 100, Ok(1)).await, Ok(1));
        assert_eq!(get("a", 109, Ok(2)).await, Ok(1));
        assert_eq!(get("b", 109, Ok(3)).await, Ok(3));
        assert_eq!(get("a", 110, Ok(4)).await, Ok(4));
        assert_eq!(get("a", 99, Ok(5)).await, Ok(5), "the clock was set back");
        let error = ReviewError("down".to_owned());
        assert_eq!(get("c", 100, Err(error.clone())).await, Err(error));
        assert_eq!(get("c", 100, Ok(6)).await, Ok(6));
        assert_eq!(asked.load(Relaxed), 6);
    }

    #[tokio::test]
    async fn the_same_question_is_asked_once_at_a_time() {
        let cache = Cache::new(8);
        let asked = AtomicU32::new(0);
        let get = || {
            let ask = || async {
                asked.fetch_add(1, Relaxed);
                tokio::task::yield_now().await;
                Ok(7)
            };
            cache.get(&"a", Timestamp::from_secs(1), |_| TTL, ask)
        };
        let answers = tokio::join!(get(), get(), get());
        assert_eq!((answers, asked.load(Relaxed)), ((Ok(7), Ok(7), Ok(7)), 1));
    }

    #[tokio::test]
    async fn no_more_answers_are_kept_than_may_be() {
        let cache = Cache::new(4);
        for question in 0..100 {
            let now = Timestamp(question);
            let _ = cache.get(&question, now, |_| TTL, || async { Ok(()) }).await;
        }
        assert_eq!(cache.entries.lock().unwrap().len(), 4);
        let newest =
            cache.get(&99_i64, Timestamp(99), |_| TTL, || async { Err(ReviewError(String::new())) }).await;
        assert_eq!(newest, Ok(()));
    }
}
