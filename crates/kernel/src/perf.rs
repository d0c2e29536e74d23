//! perf events: a counter of the kernel for what the processes of one group do on one CPU.
//!
//! Calls: `perf_event_open(2)`, which no crate of ours has; `ioctl` and `read` through rustix
//! Cost:  opening 80 µs, since the counter is put on its CPU; closing 15 µs; reading less than 1 µs, and an interrupt of that CPU
//!        while the group runs there
//!
//! The crates that wrap the call (perf-event2, perf-event-open-sys) bring bindings for sampling and ring buffers of
//! which nothing is needed here, and a leading dummy counter a group, which would double the descriptors of most
//! configurations. What is left is one structure of 72 bytes and one call.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

/// What is counted, as `perf_event_attr` names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Event {
    /// `type`: one of the kernel's own, or the number of a PMU.
    pub kind: u32,
    /// `config`, `config1`, `config2`.
    pub config: [u64; 3],
}

impl Event {
    /// `PERF_TYPE_HARDWARE`.
    pub const HARDWARE: u32 = 0;
    /// `PERF_TYPE_SOFTWARE`.
    pub const SOFTWARE: u32 = 1;
    /// `PERF_TYPE_TRACEPOINT`.
    pub const TRACEPOINT: u32 = 2;
    /// `PERF_TYPE_HW_CACHE`.
    pub const HW_CACHE: u32 = 3;
    /// An event that every kernel with perf events has and that never happens.
    pub const DUMMY: Self = Self::new(Self::SOFTWARE, 9);

    /// Of this type, with this `config`.
    pub const fn new(kind: u32, config: u64) -> Self {
        Self { kind, config: [config, 0, 0] }
    }
}

/// The first 72 bytes of `struct perf_event_attr` (include/uapi/linux/perf_event.h), which every kernel since
/// 2.6.33 takes (`PERF_ATTR_SIZE_VER1`).
#[repr(C)]
#[derive(Default)]
struct Attr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
}

const ATTR_SIZE: u32 = 72;
const _: () = assert!(size_of::<Attr>() == ATTR_SIZE as usize);

/// The flags are C's bit fields, which begin at the other end on a machine with the other byte order.
const DISABLED: u64 = if cfg!(target_endian = "little") { 1 } else { 1 << 63 };

/// `PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING | PERF_FORMAT_GROUP`.
const READ_FORMAT: u64 = 1 | 2 | 8;
/// `PERF_FLAG_PID_CGROUP`.
const PID_CGROUP: libc::c_ulong = 4;
/// `PERF_FLAG_FD_CLOEXEC`.
const FD_CLOEXEC: libc::c_ulong = 8;

/// Opens a counter on a CPU, for the processes of a group (its open directory, one that can be read from) and of
/// the groups below it, or for all that the CPU does. One that leads a group of counters stands until
/// [`start`]; the others go with their leader.
///
/// # Errors
/// The kernel's: `ENOENT` no such event here or the group has ended; `EACCES`, `EPERM` no right; `ENODEV` no such
/// CPU; `EINVAL` it cannot be counted so, or not together with the leader.
#[allow(unsafe_code, reason = "a system call that no crate of ours has")]
pub fn open(
    event: &Event,
    group: Option<BorrowedFd<'_>>,
    cpu: u32,
    leader: Option<BorrowedFd<'_>>,
) -> Result<OwnedFd, Errno> {
    let [config, config1, config2] = event.config;
    let attr = Attr {
        kind: event.kind,
        size: ATTR_SIZE,
        config,
        read_format: READ_FORMAT,
        flags: if leader.is_none() { DISABLED } else { 0 },
        config1,
        config2,
        ..Attr::default()
    };
    let cpu = libc::c_int::try_from(cpu).map_err(|_| Errno::NODEV)?;
    let (pid, flags) = match group {
        Some(group) => (group.as_raw_fd(), FD_CLOEXEC | PID_CGROUP),
        None => (-1, FD_CLOEXEC),
    };
    let leader = leader.map_or(-1, |leader| leader.as_raw_fd());
    // SAFETY: the kernel reads `size` bytes of the structure, which is that long and lives until the call returns;
    // the other arguments are numbers. It writes `size` only if it finds the structure longer than it knows, which
    // one of the first version cannot be.
    let fd = unsafe {
        libc::syscall(libc::SYS_perf_event_open, std::ptr::from_ref(&attr), pid, cpu, leader, flags)
    };
    let fd = libc::c_int::try_from(fd).unwrap_or(-1);
    if fd < 0 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets a leading counter and those that go with it count.
///
/// # Errors
/// The kernel's.
#[allow(unsafe_code, reason = "rustix cannot know what a request does")]
pub fn start(leader: impl AsFd) -> Result<(), Errno> {
    const ENABLE: rustix::ioctl::Opcode = rustix::ioctl::opcode::none(b'$', 0);
    // SAFETY: `PERF_EVENT_IOC_ENABLE` takes a number, here 0, and touches no memory of ours.
    unsafe { rustix::ioctl::ioctl(leader, rustix::ioctl::NoArg::<ENABLE>::new()) }
}

/// Reads a leading counter and those that go with it into the buffer, as [`Counts::parse`] takes it.
///
/// # Errors
/// The kernel's.
pub fn read(leader: impl AsFd, counters: usize, buffer: &mut Vec<u8>) -> Result<(), Errno> {
    buffer.resize(24 + 8 * counters, 0);
    let length = rustix::io::read(leader, buffer.as_mut_slice())?;
    buffer.truncate(length);
    Ok(())
}

/// What was read of a group of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts<'a> {
    /// Nanoseconds in which it should have counted: while the processes of its group were on the CPU.
    pub enabled: u64,
    /// Nanoseconds in which it did: less where more is counted than the CPU has counters.
    pub running: u64,
    values: &'a [u8],
}

impl<'a> Counts<'a> {
    /// The bytes of a read: how many counters, the two times, a number each. `None` for anything else, as for the
    /// end of the file that the kernel gives of a counter that cannot count any more.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (head, values) = text.split_at_checked(24)?;
        let mut head = head.as_chunks().0.iter().copied().map(u64::from_ne_bytes);
        let (count, enabled, running) = (head.next()?, head.next()?, head.next()?);
        let length = usize::try_from(count).ok()?.checked_mul(8)?;
        (values.len() == length).then_some(Self { enabled, running, values })
    }

    /// The numbers, the leader's first.
    pub fn values(&self) -> impl Iterator<Item = u64> + use<'a> {
        self.values.as_chunks().0.iter().copied().map(u64::from_ne_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    #[test]
    fn counts_are_taken_apart() {
        let text = bytes(&[2, 100, 50, 7, 8]);
        let counts = Counts::parse(&text).unwrap();
        assert_eq!((counts.enabled, counts.running), (100, 50));
        assert_eq!(counts.values().collect::<Vec<_>>(), [7, 8]);
    }

    #[test]
    fn what_is_no_reading_is_none() {
        for words in [&[][..], &[1], &[1, 2, 3], &[2, 1, 1, 1], &[0, 1, 1, 1], &[u64::MAX, 1, 1, 1]] {
            assert_eq!(Counts::parse(&bytes(words)), None, "{words:?}");
        }
        assert!(Counts::parse(&bytes(&[0, 1, 1])).is_some());
        assert_eq!(Counts::parse(&[0; 25]), None);
    }

    #[test]
    fn a_real_counter_counts() {
        // page faults of this CPU; a machine may forbid it
        let faults = Event::new(Event::SOFTWARE, 2);
        let leader = match open(&faults, None, 0, None) {
            Ok(leader) => leader,
            Err(error) => return println!("skipped: {error}"),
        };
        let member = open(&Event::DUMMY, None, 0, Some(leader.as_fd())).unwrap();
        let mut buffer = Vec::new();
        read(&leader, 2, &mut buffer).unwrap();
        let stopped = Counts::parse(&buffer).unwrap();
        assert_eq!((stopped.enabled, stopped.values().collect::<Vec<_>>()), (0, vec![0, 0]));
        start(&leader).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
        read(&leader, 2, &mut buffer).unwrap();
        let counts = Counts::parse(&buffer).unwrap();
        assert!(counts.enabled >= 1_000_000 && counts.running == counts.enabled, "{counts:?}");
        drop(member);
    }

    #[test]
    fn a_refusal_is_the_kernels() {
        assert_eq!(open(&Event::DUMMY, None, u32::MAX, None).unwrap_err(), Errno::NODEV);
        let folder = tempfile::tempdir().unwrap();
        let no_group = std::fs::File::open(folder.path()).unwrap();
        assert!(open(&Event::DUMMY, Some(no_group.as_fd()), 0, None).is_err());
    }
}
