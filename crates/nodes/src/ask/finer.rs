//! Times finer than seconds, which `/stats/summary` has not.
//!
//! A kubelet tells the same sample by `/stats/summary` with a time that is cut to the second, and by
//! `/metrics/resource` with milliseconds. A rate over 15 s of cut times may be 7 % off, so where both may be asked, the
//! second gives the times of the first. Only times are taken, and only those that are the same but for the cut: a
//! sample that came between the two questions stays out, whole.

use hashbrown::HashMap;
use plimsoll_core::cluster::batch::Set;
use plimsoll_core::cluster::key::Key;
use plimsoll_core::time::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// Puts the finer times where they are of the same samples.
pub(super) fn sharpen(sets: &mut [Set], finer: &[Set]) {
    let times: HashMap<&Key, Timestamp, foldhash::fast::RandomState> =
        finer.iter().filter_map(|set| Some((&set.key, set.scraped?))).collect();
    for set in sets {
        let Some(coarse) = set.scraped else { continue };
        if let Some(fine) = times.get(&set.key)
            && coarse.nanos() == fine.nanos() - fine.nanos().rem_euclid(SECOND)
        {
            set.scraped = Some(*fine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(times: &[(&str, Option<i64>)]) -> Vec<Set> {
        let make = |&(name, millis): &(&str, Option<i64>)| {
            let mut set = Set::new(Key::Node(name.into()));
            set.scraped = millis.map(|millis| Timestamp::from_secs(0).plus_nanos(millis * 1_000_000));
            set
        };
        times.iter().map(make).collect()
    }

    fn sharpened(coarse: Option<i64>, fine: Option<i64>) -> Option<i64> {
        let mut one = sets(&[("a", coarse), ("b", Some(7_000))]);
        sharpen(&mut one, &sets(&[("a", fine), ("c", Some(7_500))]));
        assert_eq!(one[1].scraped, Some(Timestamp::from_secs(7)));
        one[0].scraped.map(|at| at.nanos() / 1_000_000)
    }

    #[test]
    fn only_the_cut_is_undone() {
        assert_eq!(sharpened(Some(5_000), Some(5_999)), Some(5_999));
        assert_eq!(sharpened(Some(5_000), Some(5_000)), Some(5_000));
        // another sample
        assert_eq!(sharpened(Some(5_000), Some(6_000)), Some(5_000));
        assert_eq!(sharpened(Some(5_000), Some(4_999)), Some(5_000));
        // a time that is fine already
        assert_eq!(sharpened(Some(5_001), Some(5_999)), Some(5_001));
        assert_eq!(sharpened(None, Some(5_999)), None);
        assert_eq!(sharpened(Some(5_000), None), Some(5_000));
    }
}
