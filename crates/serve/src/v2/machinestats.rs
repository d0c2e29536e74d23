//! `/api/v2.1/machinestats`: the machine's own samples.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use plimsoll_measure::filesystem::FsStats;
use plimsoll_measure::sample::Sample;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::options::RequestOptions;
use super::rate;
use crate::body::Body;
use crate::past::{Past, Window};
use crate::v1::containers::array_piece;
use crate::v1::stats::{ListNetwork, maybe};
use crate::{json, reply};

/// Answers with an array, oldest first; `null` while there is none, as Go writes an absent list. The name
/// and `type` do not matter: there is one machine.
///
/// # Errors
/// None so far.
pub async fn answer(past: &Arc<dyn Past>, options: &RequestOptions) -> Result<Response<Body>, String> {
    if let Some(max_age) = options.max_age {
        past.refresh(vec!["/".to_owned()], max_age).await;
    }
    let window = Window { count: options.count, ..Window::default() };
    let samples = past.samples("/", window).unwrap_or_default();
    if samples.is_empty() {
        return Ok(reply::value(&()));
    }
    let mut at = 0;
    Ok(reply::json_pieces(std::iter::from_fn(move || {
        (at < samples.len()).then(|| {
            let mut out = Vec::with_capacity(4096);
            array_piece(&mut out, &samples, &mut at, &mut |out: &mut Vec<u8>, sample, before| {
                json::append(out, &MachineStats { sample, before });
            });
            Bytes::from(out)
        })
    })))
}

struct MachineStats<'a> {
    sample: &'a Sample,
    before: Option<&'a Sample>,
}

impl Serialize for MachineStats<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { sample, before } = self;
        let filesystems: Vec<MachineFs<'_>> = sample.filesystem.iter().map(MachineFs::of).collect();
        let mut stats = serializer.serialize_struct("MachineStats", 0)?;
        stats.serialize_field("timestamp", &sample.at)?;
        maybe(&mut stats, "cpu", sample.cpu.as_ref())?;
        maybe(&mut stats, "cpu_inst", rate::between(*before, sample))?;
        maybe(&mut stats, "memory", sample.memory.as_ref())?;
        maybe(&mut stats, "network", sample.network.as_ref().map(ListNetwork::of))?;
        maybe(&mut stats, "filesystem", (!filesystems.is_empty()).then_some(filesystems))?;
        stats.end()
    }
}

#[derive(serde::Serialize)]
struct MachineFs<'a> {
    device: &'a str,
    r#type: &'a str,
    capacity: u64,
    usage: u64,
    available: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    inodes_free: Option<u64>,
    /// The name is a slip in cAdvisor (a tag that should have inlined the fields), and part of the format.
    inline: DiskStats,
}

/// `/proc/diskstats`; durations in nanoseconds.
#[derive(serde::Serialize)]
struct DiskStats {
    reads_completed: u64,
    reads_merged: u64,
    sectors_read: u64,
    read_duration: u64,
    writes_completed: u64,
    writes_merged: u64,
    sectors_written: u64,
    write_duration: u64,
    io_in_progress: u64,
    io_duration: u64,
    weighted_io_duration: u64,
}

impl<'a> MachineFs<'a> {
    fn of(fs: &'a FsStats) -> Self {
        let nanos = |millis: u64| millis.saturating_mul(1_000_000);
        Self {
            device: &fs.device,
            r#type: &fs.r#type,
            capacity: fs.capacity,
            usage: fs.usage,
            available: fs.available,
            inodes_free: fs.has_inodes.then_some(fs.inodes_free),
            inline: DiskStats {
                reads_completed: fs.reads_completed,
                reads_merged: fs.reads_merged,
                sectors_read: fs.sectors_read,
                read_duration: nanos(fs.read_time),
                writes_completed: fs.writes_completed,
                writes_merged: fs.writes_merged,
                sectors_written: fs.sectors_written,
                write_duration: nanos(fs.write_time),
                io_in_progress: fs.io_in_progress,
                io_duration: nanos(fs.io_time),
                weighted_io_duration: nanos(fs.weighted_io_time),
            },
        }
    }
}
