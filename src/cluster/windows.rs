//! When rounds are: at multiples of the resolution since the epoch, so that collectors that run beside each other, and
//! one that was started again, have the same windows.

use plimsoll_core::time::Timestamp;

/// The newest end of a window that is not after `now`.
pub(super) fn end_before(now: Timestamp, resolution_nanos: i64) -> Timestamp {
    let resolution = resolution_nanos.max(1);
    Timestamp(now.nanos().div_euclid(resolution).saturating_mul(resolution))
}

/// The end of the window after the one that ended at `last`, seen at `now`: windows that passed meanwhile are left
/// out, and a clock that was set back by far begins anew.
pub(super) fn next_end(last: Timestamp, now: Timestamp, resolution_nanos: i64) -> Timestamp {
    let newest = end_before(now, resolution_nanos);
    let next = last.plus_nanos(resolution_nanos);
    if newest > next || next.since(now) > 2 * resolution_nanos {
        newest.max(end_after(now, resolution_nanos))
    } else {
        next
    }
}

fn end_after(now: Timestamp, resolution_nanos: i64) -> Timestamp {
    end_before(now, resolution_nanos).plus_nanos(resolution_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_at_multiples_and_none_is_made_up_for() {
        let end = |now| end_before(Timestamp(now), 15).nanos();
        assert_eq!([end(0), end(14), end(15), end(44), end(-1)], [0, 0, 15, 30, -15]);
        let next = |last, now| next_end(Timestamp(last), Timestamp(now), 15).nanos();
        // in time; late, but within the next window; two windows late; the clock set back by a little, and by far
        assert_eq!(
            [next(30, 31), next(30, 46), next(30, 76), next(30, 20), next(3000, 20)],
            [45, 45, 90, 45, 30]
        );
    }
}
