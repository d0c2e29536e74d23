//! The kernel's own count of a group's tasks: include/uapi/linux/cgroupstats.h, cgroup v1 only.

use std::os::fd::{AsFd, AsRawFd};

use plimsoll_kernel::dir::Dir;
use plimsoll_kernel::error::Errno;
use plimsoll_kernel::netlink::{Netlink, Protocol, attributes, put_attribute, u16_at, u64_at};

use super::TaskStats;

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
const CGROUPSTATS_CMD_GET: u8 = 4;
const CGROUPSTATS_CMD_ATTR_FD: u16 = 1;
const CGROUPSTATS_TYPE_CGROUP_STATS: u16 = 1;
/// Command, version, two bytes of nothing.
const HEAD: usize = 4;

/// An open way to ask.
pub(super) struct CgroupStats {
    netlink: Netlink,
    family: u16,
}

impl CgroupStats {
    /// Looks up the family.
    ///
    /// # Errors
    /// The kernel's: `ENOENT` where it was built without.
    pub(super) fn open(buffer: &mut Vec<u8>) -> Result<Self, Errno> {
        let mut netlink = Netlink::open(Protocol::Generic)?;
        let mut question = vec![CTRL_CMD_GETFAMILY, 1, 0, 0];
        put_attribute(&mut question, CTRL_ATTR_FAMILY_NAME, b"TASKSTATS\0");
        let mut family = None;
        netlink.ask(GENL_ID_CTRL, false, &question, buffer, &mut |message| {
            let body = message.body.get(HEAD..).unwrap_or_default();
            let found = attributes(body).find(|(kind, _)| *kind == CTRL_ATTR_FAMILY_ID);
            family = found.and_then(|(_, value)| u16_at(value, 0));
        })?;
        Ok(Self { netlink, family: family.ok_or(Errno::NOENT)? })
    }

    /// Tasks of the group, not of those below it.
    pub(super) fn read(&mut self, group: &Dir, buffer: &mut Vec<u8>) -> Result<TaskStats, Errno> {
        // one that is open as a mere starting point is refused
        let open = group.file(c".")?;
        let number = u32::try_from(open.as_fd().as_raw_fd()).map_err(|_| Errno::BADF)?;
        let mut question = vec![CGROUPSTATS_CMD_GET, 1, 0, 0];
        put_attribute(&mut question, CGROUPSTATS_CMD_ATTR_FD, &number.to_ne_bytes());
        let mut found = None;
        self.netlink
            .ask(self.family, false, &question, buffer, &mut |message| found = parse(message.body))?;
        found.ok_or(Errno::BADMSG)
    }
}

/// Five numbers of 64 bits in one attribute; `None` when they are not there.
pub fn parse(body: &[u8]) -> Option<TaskStats> {
    let mut all = attributes(body.get(HEAD..)?);
    let (_, stats) = all.find(|(kind, _)| *kind == CGROUPSTATS_TYPE_CGROUP_STATS)?;
    let number = |nth: usize| u64_at(stats, nth * 8);
    Some(TaskStats {
        nr_sleeping: Some(number(0)?),
        nr_running: Some(number(1)?),
        nr_stopped: Some(number(2)?),
        nr_uninterruptible: Some(number(3)?),
        nr_io_wait: Some(number(4)?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_stand_in_the_kernels_order() {
        let mut body = vec![5, 1, 0, 0];
        let numbers: Vec<u8> = (50u64..55).flat_map(u64::to_ne_bytes).collect();
        put_attribute(&mut body, CGROUPSTATS_TYPE_CGROUP_STATS, &numbers);
        let stats = TaskStats {
            nr_sleeping: Some(50),
            nr_running: Some(51),
            nr_stopped: Some(52),
            nr_uninterruptible: Some(53),
            nr_io_wait: Some(54),
        };
        assert_eq!(parse(&body), Some(stats));
        assert_eq!(parse(&body[..body.len() - 1]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            parse(&bytes);
        }
    }
}
