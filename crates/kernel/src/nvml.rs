//! NVIDIA's management library, loaded while the program runs: what its driver tells of the GPUs.
//!
//! Calls: `libnvidia-ml.so.1`, in its oldest form of each call that tells what is wanted
//! Gives: a GPU's names, memory, use, processes; its MIG instances
//! Cost:  a system call or more each; a driver that hangs never returns, so call from a thread of its own
//!
//! **Why a table of our own.** The crate `nvml-wrapper` asks for memory and processes only in forms that drivers
//! before 510 lack, counts what the driver reserves as free where cAdvisor counted it as used, and does not tell a
//! MIG instance's numbers. Of its 300 calls we need 20.
//!
//! **Unsafe.** Three things are taken on trust, from
//! NVIDIA's `nvml.h`, whose calls keep their shape for ever (a changed one gets another name): the types of the
//! functions in [`Calls`], the layout of the `repr(C)` structs, and that a call writes no more than its arguments
//! allow: one value behind a pointer, or as many entries as the count says that it is given.

use std::ffi::{OsStr, c_char, c_uint, c_ulonglong, c_void};
use std::ptr;

/// Why something is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// This program is linked statically, and so cannot load a library.
    #[error("this program is linked statically and cannot load NVIDIA's library")]
    Static,
    /// The library is not there or cannot be loaded.
    #[error("{0}")]
    Load(String),
    /// The library has no such call: it is older.
    #[error("{0}: the library has no such call")]
    Lacks(&'static str),
    /// The library's own word.
    #[error("{call}: {} ({code})", word(*code))]
    Refused {
        /// The call.
        call: &'static str,
        /// `nvmlReturn_t`.
        code: u32,
    },
}

impl Error {
    /// Whether this device has no such number: an answer, not a fault.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Lacks(_) | Self::Refused { code: NOT_SUPPORTED | FUNCTION_NOT_FOUND, .. })
    }

    /// Whether the device fell off the bus or must be reset: after that its handle is worth nothing.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Refused { code: GPU_IS_LOST | RESET_REQUIRED | GPU_NOT_FOUND, .. })
    }

    /// Whether the driver went away or is another one now: the library has to be loaded anew.
    pub fn is_driver_gone(&self) -> bool {
        matches!(self, Self::Refused { code: UNINITIALIZED | DRIVER_NOT_LOADED | VERSION_MISMATCH, .. })
    }
}

const UNINITIALIZED: u32 = 1;
const NOT_SUPPORTED: u32 = 3;
const NOT_FOUND: u32 = 6;
const INSUFFICIENT_SIZE: u32 = 7;
const DRIVER_NOT_LOADED: u32 = 9;
const FUNCTION_NOT_FOUND: u32 = 13;
const GPU_IS_LOST: u32 = 15;
const RESET_REQUIRED: u32 = 16;
const VERSION_MISMATCH: u32 = 18;
const GPU_NOT_FOUND: u32 = 28;

/// `nvmlReturn_t` in words.
const fn word(code: u32) -> &'static str {
    match code {
        UNINITIALIZED => "the library is not initialised",
        2 => "invalid argument",
        NOT_SUPPORTED => "not supported",
        4 => "no permission",
        NOT_FOUND => "not found",
        INSUFFICIENT_SIZE => "too little room",
        8 => "a power cable is missing",
        DRIVER_NOT_LOADED => "the driver is not loaded",
        10 => "timeout",
        11 => "no interrupts",
        12 => "a library is missing",
        FUNCTION_NOT_FOUND => "no such call in the driver",
        14 => "corrupted infoROM",
        GPU_IS_LOST => "the GPU is lost",
        RESET_REQUIRED => "the GPU must be reset",
        17 => "the operating system forbids it",
        VERSION_MISMATCH => "library and driver are of different versions",
        19 => "in use",
        20 => "out of memory",
        21 => "no data",
        23 => "out of resources",
        27 => "not ready",
        GPU_NOT_FOUND => "no such GPU",
        29 => "invalid state",
        _ => "unknown error",
    }
}

/// `nvmlDevice_t`: a pointer of the library's own, never looked behind. `usize`, so that it may wander to
/// another thread, which NVML allows.
type Handle = usize;

/// `nvmlMemory_t`, in bytes.
#[repr(C)]
#[derive(Default)]
struct RawMemory {
    total: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

/// `nvmlSample_t`: the value is a union of eight bytes.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawSample {
    at: c_ulonglong,
    value: [u8; 8],
}

/// `nvmlUtilization_t`, in percent.
#[repr(C)]
#[derive(Default)]
struct RawRates {
    gpu: c_uint,
    memory: c_uint,
}

/// `nvmlProcessInfo_v1_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawProcess1 {
    pid: c_uint,
    memory: c_ulonglong,
}

/// `nvmlProcessInfo_v2_t`, which the calls `_v2` and `_v3` fill.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawProcess {
    pid: c_uint,
    memory: c_ulonglong,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

/// `nvmlProcessUtilizationSample_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct RawUse {
    pid: c_uint,
    at: c_ulonglong,
    sm: c_uint,
    memory: c_uint,
    encoder: c_uint,
    decoder: c_uint,
}

/// A call with no more than a value to write.
type Ask<T> = unsafe extern "C" fn(Handle, *mut T) -> u32;
/// A call that writes text of at most so many bytes.
type AskText = unsafe extern "C" fn(Handle, *mut c_char, c_uint) -> u32;
/// A call that is told how much room there is and tells how much it took, or would take.
type AskList<T> = unsafe extern "C" fn(Handle, *mut c_uint, *mut T) -> u32;

macro_rules! calls {
    ($($field:ident $symbol:literal $type:ty,)*) => {
        /// The library's functions; absent those that it does not have.
        #[derive(Default)]
        #[cfg_attr(target_feature = "crt-static", allow(dead_code, reason = "nothing is loaded"))]
        struct Calls { $($field: Option<$type>,)* }

        impl Calls {
            #[cfg(not(target_feature = "crt-static"))]
            #[allow(unsafe_code)]
            fn of(library: &libloading::Library) -> Self {
                // SAFETY: the types are those of nvml.h; the functions are called only while `Library` holds it
                Self { $($field: unsafe { library.get::<$type>($symbol) }.ok().map(|symbol| *symbol),)* }
            }
        }
    };
}

calls! {
    init "nvmlInit_v2" unsafe extern "C" fn() -> u32,
    shutdown "nvmlShutdown" unsafe extern "C" fn() -> u32,
    driver_version "nvmlSystemGetDriverVersion" unsafe extern "C" fn(*mut c_char, c_uint) -> u32,
    count "nvmlDeviceGetCount_v2" unsafe extern "C" fn(*mut c_uint) -> u32,
    by_index "nvmlDeviceGetHandleByIndex_v2" unsafe extern "C" fn(c_uint, *mut Handle) -> u32,
    uuid "nvmlDeviceGetUUID" AskText,
    name "nvmlDeviceGetName" AskText,
    minor "nvmlDeviceGetMinorNumber" Ask<c_uint>,
    memory "nvmlDeviceGetMemoryInfo" Ask<RawMemory>,
    rates "nvmlDeviceGetUtilizationRates" Ask<RawRates>,
    samples "nvmlDeviceGetSamples"
        unsafe extern "C" fn(Handle, c_uint, c_ulonglong, *mut c_uint, *mut c_uint, *mut RawSample) -> u32,
    compute3 "nvmlDeviceGetComputeRunningProcesses_v3" AskList<RawProcess>,
    compute2 "nvmlDeviceGetComputeRunningProcesses_v2" AskList<RawProcess>,
    compute1 "nvmlDeviceGetComputeRunningProcesses" AskList<RawProcess1>,
    graphics3 "nvmlDeviceGetGraphicsRunningProcesses_v3" AskList<RawProcess>,
    graphics2 "nvmlDeviceGetGraphicsRunningProcesses_v2" AskList<RawProcess>,
    graphics1 "nvmlDeviceGetGraphicsRunningProcesses" AskList<RawProcess1>,
    mps3 "nvmlDeviceGetMPSComputeRunningProcesses_v3" AskList<RawProcess>,
    mps2 "nvmlDeviceGetMPSComputeRunningProcesses_v2" AskList<RawProcess>,
    mps1 "nvmlDeviceGetMPSComputeRunningProcesses" AskList<RawProcess1>,
    process_use "nvmlDeviceGetProcessUtilization"
        unsafe extern "C" fn(Handle, *mut RawUse, *mut c_uint, c_ulonglong) -> u32,
    mig_mode "nvmlDeviceGetMigMode" unsafe extern "C" fn(Handle, *mut c_uint, *mut c_uint) -> u32,
    mig_count "nvmlDeviceGetMaxMigDeviceCount" Ask<c_uint>,
    mig_by_index "nvmlDeviceGetMigDeviceHandleByIndex" unsafe extern "C" fn(Handle, c_uint, *mut Handle) -> u32,
    gpu_instance "nvmlDeviceGetGpuInstanceId" Ask<c_uint>,
    compute_instance "nvmlDeviceGetComputeInstanceId" Ask<c_uint>,
}

/// The library, loaded and initialised. Dropping it shuts it down.
pub struct Library {
    calls: Calls,
    /// After the functions in it.
    #[cfg(not(target_feature = "crt-static"))]
    _library: libloading::Library,
}

/// A GPU or a MIG instance of one.
#[derive(Clone, Copy)]
pub struct Device<'a> {
    calls: &'a Calls,
    handle: Handle,
}

/// Bytes of a device's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// In use, with what the driver reserves for itself.
    pub used: u64,
}

/// A process on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number, in this program's PID namespace.
    pub pid: u32,
    /// Bytes of the device's memory; absent where the driver does not tell it.
    pub memory: Option<u64>,
}

/// What a process did on a device lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Its number.
    pub pid: u32,
    /// Microseconds since 1970 at which the driver sampled it.
    pub at: u64,
    /// Percent of the time in which its kernels ran.
    pub percent: u32,
}

/// The longest text of the library: `NVML_DEVICE_UUID_V2_BUFFER_SIZE`.
const LONGEST: usize = 96;
/// `NVML_GPU_UTILIZATION_SAMPLES`.
const OF_USE: c_uint = 1;
/// `usedGpuMemory` of a process of which it is not known.
const NOT_AVAILABLE: u64 = u64::MAX;
/// No device has more processes, nor as many samples; a library that says so is not believed.
const MOST: c_uint = 1 << 16;

impl Library {
    /// Loads the library, as the dynamic loader finds the name, or from a path.
    ///
    /// # Errors
    /// It is not there, or has no driver to speak to.
    #[cfg(target_feature = "crt-static")]
    pub fn open(_: &OsStr) -> Result<Self, Error> {
        Err(Error::Static)
    }

    /// Loads the library, as the dynamic loader finds the name, or from a path.
    ///
    /// # Errors
    /// It is not there, or has no driver to speak to.
    #[cfg(not(target_feature = "crt-static"))]
    #[allow(unsafe_code)]
    pub fn open(name: &OsStr) -> Result<Self, Error> {
        // SAFETY: what runs at loading is NVIDIA's code, or that of a file that the user named
        let library =
            unsafe { libloading::Library::new(name) }.map_err(|error| Error::Load(load_fault(&error)))?;
        let calls = Calls::of(&library);
        let init = calls.init.ok_or(Error::Lacks("nvmlInit_v2"))?;
        // SAFETY: no arguments
        let code = unsafe { init() };
        // shut down by `drop` only once it is initialised
        check("nvmlInit_v2", code)?;
        Ok(Self { calls, _library: library })
    }

    /// The driver's version: `535.104.05`.
    ///
    /// # Errors
    /// The library's.
    #[allow(unsafe_code)]
    pub fn driver_version(&self) -> Result<String, Error> {
        let call = self.calls.driver_version.ok_or(Error::Lacks("nvmlSystemGetDriverVersion"))?;
        // SAFETY: the room that is told is the buffer's
        text("nvmlSystemGetDriverVersion", |room, size| unsafe { call(room, size) })
    }

    /// How many GPUs there are.
    ///
    /// # Errors
    /// The library's.
    #[allow(unsafe_code)]
    pub fn count(&self) -> Result<u32, Error> {
        let call = self.calls.count.ok_or(Error::Lacks("nvmlDeviceGetCount_v2"))?;
        // SAFETY: one value is written
        one("nvmlDeviceGetCount_v2", |count| unsafe { call(count) })
    }

    /// One of them.
    ///
    /// # Errors
    /// The library's.
    #[allow(unsafe_code)]
    pub fn device(&self, index: u32) -> Result<Device<'_>, Error> {
        let call = self.calls.by_index.ok_or(Error::Lacks("nvmlDeviceGetHandleByIndex_v2"))?;
        // SAFETY: one handle is written
        let handle = one("nvmlDeviceGetHandleByIndex_v2", |handle| unsafe { call(index, handle) })?;
        Ok(Device { calls: &self.calls, handle })
    }
}

impl Drop for Library {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        if let Some(shutdown) = self.calls.shutdown {
            // SAFETY: no arguments; handles borrow from this and are gone
            unsafe { shutdown() };
        }
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Library")
    }
}

impl<'a> Device<'a> {
    /// `GPU-...`, of an instance `MIG-...`.
    ///
    /// # Errors
    /// The library's.
    pub fn uuid(&self) -> Result<String, Error> {
        self.text("nvmlDeviceGetUUID", self.calls.uuid)
    }

    /// The model: `NVIDIA A100-SXM4-40GB`.
    ///
    /// # Errors
    /// The library's.
    pub fn name(&self) -> Result<String, Error> {
        self.text("nvmlDeviceGetName", self.calls.name)
    }

    /// N of `/dev/nvidiaN`; an instance has none.
    ///
    /// # Errors
    /// The library's.
    pub fn minor(&self) -> Result<u32, Error> {
        self.value("nvmlDeviceGetMinorNumber", self.calls.minor)
    }

    /// Its memory.
    ///
    /// # Errors
    /// The library's.
    pub fn memory(&self) -> Result<Memory, Error> {
        let RawMemory { total, free: _, used } = self.value("nvmlDeviceGetMemoryInfo", self.calls.memory)?;
        Ok(Memory { total, used })
    }

    /// Percent of the time in which it worked, on average since an instant (microseconds since 1970). Where the
    /// driver has no samples of that time, its own newest figure.
    ///
    /// # Errors
    /// The library's.
    pub fn duty_cycle(&self, since: u64) -> Result<u32, Error> {
        match self.samples(since) {
            Ok(percents) if !percents.is_empty() => {
                let sum: u64 = percents.iter().map(|percent| u64::from(*percent)).sum();
                Ok(u32::try_from(sum / percents.len() as u64).unwrap_or(u32::MAX))
            }
            Err(error) if error.is_lost() || error.is_driver_gone() => Err(error),
            _ => Ok(self.value("nvmlDeviceGetUtilizationRates", self.calls.rates)?.gpu),
        }
    }

    /// The driver's samples of the use, in percent, that are not older.
    #[allow(unsafe_code)]
    fn samples(&self, since: u64) -> Result<Vec<u32>, Error> {
        const CALL: &str = "nvmlDeviceGetSamples";
        let call = self.calls.samples.ok_or(Error::Lacks(CALL))?;
        let (mut r#type, mut count) = (0, 0);
        // SAFETY: without room for samples only the type and the count are written
        let code = unsafe { call(self.handle, OF_USE, since, &mut r#type, &mut count, ptr::null_mut()) };
        check(CALL, code)?;
        let mut samples = vec![RawSample::default(); count.min(MOST) as usize];
        if samples.is_empty() {
            return Ok(Vec::new());
        }
        let mut count = count.min(MOST);
        // SAFETY: there is room for as many samples as the count says
        let code = unsafe { call(self.handle, OF_USE, since, &mut r#type, &mut count, samples.as_mut_ptr()) };
        check(CALL, code)?;
        samples.truncate(count as usize);
        // some drivers hand out older ones too
        let recent = samples.iter().filter(|sample| sample.at >= since);
        Ok(recent.filter_map(|sample| percent_of(r#type, sample.value)).collect())
    }

    /// The processes with a context on it: computing, drawing, and clients of MPS. One that is in several lists
    /// stands once.
    ///
    /// # Errors
    /// The library's.
    pub fn processes(&self) -> Result<Vec<Process>, Error> {
        let calls = self.calls;
        let mut all = self.processes_of(
            "nvmlDeviceGetComputeRunningProcesses",
            [calls.compute3, calls.compute2],
            calls.compute1,
        )?;
        let others = [
            self.processes_of(
                "nvmlDeviceGetGraphicsRunningProcesses",
                [calls.graphics3, calls.graphics2],
                calls.graphics1,
            ),
            self.processes_of(
                "nvmlDeviceGetMPSComputeRunningProcesses",
                [calls.mps3, calls.mps2],
                calls.mps1,
            ),
        ];
        for others in others {
            match others {
                Ok(others) => all.extend(others),
                // no such thing on this device
                Err(error) if error.is_absent() => {}
                Err(error) => return Err(error),
            }
        }
        // of a process that is in two lists both entries count the same memory
        all.sort_unstable_by_key(|process| (process.pid, std::cmp::Reverse(process.memory)));
        all.dedup_by_key(|process| process.pid);
        Ok(all)
    }

    fn processes_of(
        &self,
        name: &'static str,
        newer: [Option<AskList<RawProcess>>; 2],
        oldest: Option<AskList<RawProcess1>>,
    ) -> Result<Vec<Process>, Error> {
        let known = |memory| Some(memory).filter(|memory| *memory != NOT_AVAILABLE);
        for call in newer.into_iter().flatten() {
            match self.list(name, call) {
                Err(Error::Refused { code: FUNCTION_NOT_FOUND, .. }) => {}
                list => {
                    let of = |raw: RawProcess| Process { pid: raw.pid, memory: known(raw.memory) };
                    return list.map(|list| list.into_iter().map(of).collect());
                }
            }
        }
        let list = self.list(name, oldest.ok_or(Error::Lacks(name))?)?;
        Ok(list.into_iter().map(|raw| Process { pid: raw.pid, memory: known(raw.memory) }).collect())
    }

    /// What its processes did since an instant; of a process that did nothing there may be no entry.
    ///
    /// # Errors
    /// The library's.
    #[allow(unsafe_code)]
    pub fn process_use(&self, since: u64) -> Result<Vec<Use>, Error> {
        const CALL: &str = "nvmlDeviceGetProcessUtilization";
        let call = self.calls.process_use.ok_or(Error::Lacks(CALL))?;
        let ask = |count: &mut c_uint, room: *mut RawUse| {
            // SAFETY: there is room for as many entries as the count says
            unsafe { call(self.handle, room, count, since) }
        };
        let list = match list(CALL, ask) {
            // nobody did anything
            Err(Error::Refused { code: NOT_FOUND, .. }) => return Ok(Vec::new()),
            list => list?,
        };
        let recent = list.into_iter().filter(|raw| raw.at >= since);
        Ok(recent.map(|raw| Use { pid: raw.pid, at: raw.at, percent: raw.sm }).collect())
    }

    /// Whether it is cut into instances.
    ///
    /// # Errors
    /// The library's.
    #[allow(unsafe_code)]
    pub fn is_cut(&self) -> Result<bool, Error> {
        let call = self.calls.mig_mode.ok_or(Error::Lacks("nvmlDeviceGetMigMode"))?;
        let mut pending = 0;
        // SAFETY: two values are written
        let now: c_uint = one("nvmlDeviceGetMigMode", |now| unsafe { call(self.handle, now, &mut pending) })?;
        Ok(now != 0)
    }

    /// Its instances.
    ///
    /// # Errors
    /// The library's.
    #[allow(unsafe_code)]
    pub fn instances(&self) -> Result<Vec<Device<'a>>, Error> {
        const CALL: &str = "nvmlDeviceGetMigDeviceHandleByIndex";
        let count = self.value("nvmlDeviceGetMaxMigDeviceCount", self.calls.mig_count)?;
        let call = self.calls.mig_by_index.ok_or(Error::Lacks(CALL))?;
        let mut instances = Vec::new();
        for index in 0..count.min(MOST) {
            // SAFETY: one handle is written
            match one(CALL, |handle| unsafe { call(self.handle, index, handle) }) {
                Ok(handle) => instances.push(Device { calls: self.calls, handle }),
                // the place is free
                Err(Error::Refused { code: NOT_FOUND, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(instances)
    }

    /// The numbers of an instance: of its part of the GPU, and of its part of that part.
    ///
    /// # Errors
    /// The library's.
    pub fn numbers(&self) -> Result<(u32, u32), Error> {
        let gpu = self.value("nvmlDeviceGetGpuInstanceId", self.calls.gpu_instance)?;
        Ok((gpu, self.value("nvmlDeviceGetComputeInstanceId", self.calls.compute_instance)?))
    }

    #[allow(unsafe_code)]
    fn value<T: Default>(&self, name: &'static str, call: Option<Ask<T>>) -> Result<T, Error> {
        let call = call.ok_or(Error::Lacks(name))?;
        // SAFETY: one value of the type is written
        one(name, |value| unsafe { call(self.handle, value) })
    }

    #[allow(unsafe_code)]
    fn text(&self, name: &'static str, call: Option<AskText>) -> Result<String, Error> {
        let call = call.ok_or(Error::Lacks(name))?;
        // SAFETY: the room that is told is the buffer's
        text(name, |room, size| unsafe { call(self.handle, room, size) })
    }

    #[allow(unsafe_code)]
    fn list<T: Clone + Default>(&self, name: &'static str, call: AskList<T>) -> Result<Vec<T>, Error> {
        // SAFETY: there is room for as many entries as the count says
        list(name, |count, room| unsafe { call(self.handle, count, room) })
    }
}

fn check(call: &'static str, code: u32) -> Result<(), Error> {
    if code == 0 { Ok(()) } else { Err(Error::Refused { call, code }) }
}

/// Asks for one value.
fn one<T: Default>(name: &'static str, ask: impl FnOnce(&mut T) -> u32) -> Result<T, Error> {
    let mut value = T::default();
    check(name, ask(&mut value))?;
    Ok(value)
}

/// Asks for text.
fn text(name: &'static str, ask: impl FnOnce(*mut c_char, c_uint) -> u32) -> Result<String, Error> {
    let mut room = [0u8; LONGEST];
    let size = c_uint::try_from(LONGEST).unwrap_or(0);
    check(name, ask(room.as_mut_ptr().cast(), size))?;
    let end = room.iter().position(|byte| *byte == 0).unwrap_or(LONGEST);
    Ok(String::from_utf8_lossy(room.get(..end).unwrap_or_default()).into_owned())
}

/// Asks for a list, again with more room while that is too little: between two calls processes come.
fn list<T: Clone + Default>(
    name: &'static str,
    mut ask: impl FnMut(&mut c_uint, *mut T) -> u32,
) -> Result<Vec<T>, Error> {
    let mut room: c_uint = 32;
    for _ in 0..4 {
        let mut list = vec![T::default(); room as usize];
        let mut count = room;
        match ask(&mut count, list.as_mut_ptr()) {
            INSUFFICIENT_SIZE => room = count.max(room).saturating_mul(2).min(MOST),
            code => {
                check(name, code)?;
                list.truncate(count as usize);
                return Ok(list);
            }
        }
    }
    Err(Error::Refused { call: name, code: INSUFFICIENT_SIZE })
}

/// A sample's value by its `nvmlValueType_t`.
fn percent_of(r#type: c_uint, value: [u8; 8]) -> Option<u32> {
    let [a, b, c, d, ..] = value;
    let low = u32::from_ne_bytes([a, b, c, d]);
    match r#type {
        0 => Some(f64::from_ne_bytes(value).clamp(0.0, 100.0) as u32),
        1 | 5 => Some(low),
        2..=4 => u32::try_from(u64::from_ne_bytes(value)).ok(),
        6 => Some(u32::from(u16::from_ne_bytes([a, b]))),
        _ => None,
    }
}

/// The dynamic loader's own sentence.
#[cfg(not(target_feature = "crt-static"))]
fn load_fault(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

/// Keeps the type in the program's sight; a pointer is as large as a handle.
const _: () = assert!(size_of::<Handle>() == size_of::<*mut c_void>());

#[cfg(test)]
mod tests;
