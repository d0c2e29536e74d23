//! One look at all GPUs.
//!
//! Reads: NVIDIA's library, or where it is not the kernel driver's own files
//! Gives: each GPU and each instance, with the processes on it
//! Cost:  ten calls a GPU, six an instance

use std::path::Path;

use plimsoll_kernel::nvml::{Device, Error, Library};

use super::{Process, driver};

/// A GPU or an instance, whoever uses it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gpu {
    /// `NVIDIA A100-SXM4-40GB`.
    pub model: String,
    /// `GPU-...`, of an instance `MIG-...`.
    pub uuid: String,
    /// N of `/dev/nvidiaN`, of an instance that of its GPU.
    pub minor: Option<u32>,
    /// Of an instance the numbers of its two parts.
    pub instance: Option<(u32, u32)>,
    /// Whether it is cut into instances, which then are given away in its place.
    pub is_cut: bool,
    /// Bytes: all, and those in use.
    pub memory: Option<(u64, u64)>,
    /// Percent of the last ten seconds.
    pub duty_cycle: Option<u64>,
    /// Who is on it.
    pub processes: Option<Vec<Process>>,
}

/// Over which time the duty cycle is a mean: cAdvisor's ten seconds.
const MEAN_MICROS: u64 = 10_000_000;
/// How far back a process' use may lie: the driver samples it about once a second.
const LATELY_MICROS: u64 = 2_000_000;

/// A look, with what went wrong in it.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) gpus: Vec<Gpu>,
    /// What could not be told, of which GPU.
    pub(super) faults: Vec<(u32, Error)>,
}

impl Look {
    /// Whether a GPU is lost or the driver another one: then the library is loaded anew some time.
    pub(super) fn is_broken(&self) -> bool {
        self.faults.iter().any(|(_, error)| error.is_lost() || error.is_driver_gone())
    }
}

/// Asks the library. `now` in microseconds since 1970.
///
/// # Errors
/// It does not even tell how many GPUs there are.
pub(super) fn ask(library: &Library, now: u64) -> Result<Look, Error> {
    let mut look = Look::default();
    for index in 0..library.count()? {
        match library.device(index) {
            Ok(device) => gpu(&device, index, now, &mut look),
            Err(error) => look.faults.push((index, error)),
        }
    }
    Ok(look)
}

/// What the driver shows without the library: names only.
pub(super) fn names(proc: &Path) -> Vec<Gpu> {
    let of = |named: driver::Named| Gpu {
        model: named.model,
        uuid: named.uuid,
        minor: named.minor,
        ..Gpu::default()
    };
    driver::gpus(proc).into_iter().filter(|named| !named.uuid.is_empty()).map(of).collect()
}

fn gpu(device: &Device<'_>, index: u32, now: u64, look: &mut Look) {
    let mut told = Told { index, faults: &mut look.faults };
    // without a name it would be a series that nobody can tell from another
    let Some(uuid) = told.by(device.uuid()) else { return };
    let minor = told.by(device.minor());
    let is_cut = told.by(device.is_cut()).unwrap_or(false);
    let mut gpu = numbers(device, uuid, now, &mut told);
    (gpu.minor, gpu.is_cut) = (minor, is_cut);
    let instances = if is_cut { told.by(device.instances()).unwrap_or_default() } else { Vec::new() };
    let mut parts = Vec::new();
    for instance in instances {
        let Some(uuid) = told.by(instance.uuid()) else { continue };
        let numbered = told.by(instance.numbers());
        parts.push(Gpu { minor, instance: numbered, ..numbers(&instance, uuid, now, &mut told) });
    }
    look.gpus.push(gpu);
    look.gpus.extend(parts);
}

fn numbers(device: &Device<'_>, uuid: String, now: u64, told: &mut Told<'_>) -> Gpu {
    let memory = told.by(device.memory());
    let duty_cycle = told.by(device.duty_cycle(now.saturating_sub(MEAN_MICROS)));
    Gpu {
        uuid,
        model: told.by(device.name()).unwrap_or_default(),
        memory: memory.map(|memory| (memory.total, memory.used)),
        duty_cycle: duty_cycle.map(u64::from),
        processes: processes(device, now, told),
        ..Gpu::default()
    }
}

fn processes(device: &Device<'_>, now: u64, told: &mut Told<'_>) -> Option<Vec<Process>> {
    let list = told.by(device.processes())?;
    let mut using = told.by(device.process_use(now.saturating_sub(LATELY_MICROS)));
    if let Some(using) = &mut using {
        using.sort_unstable_by_key(|using| std::cmp::Reverse(using.at));
    }
    let of = |process: plimsoll_kernel::nvml::Process| Process {
        pid: process.pid.into(),
        memory_used: process.memory,
        // of one that did nothing the driver says nothing
        utilization: using.as_ref().map(|using| {
            let newest = using.iter().find(|using| using.pid == process.pid);
            newest.map_or(0, |using| using.percent.into())
        }),
    };
    Some(list.into_iter().map(of).collect())
}

/// Keeps what goes wrong with one GPU; what it does not have is no fault.
struct Told<'a> {
    index: u32,
    faults: &'a mut Vec<(u32, Error)>,
}

impl Told<'_> {
    fn by<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                if !error.is_absent() {
                    self.faults.push((self.index, error));
                }
                None
            }
        }
    }
}
