//! The calls, as `nvml.h` declares them.
#![allow(unsafe_code, reason = "C calls write behind their arguments")]
#![allow(non_snake_case, reason = "NVIDIA's names")]

use std::collections::HashMap;
use std::ffi::{c_char, c_uint, c_ulonglong};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::state::{State, number};

type Code = u32;
const OK: Code = 0;
const NOT_SUPPORTED: Code = 3;
const NOT_FOUND: Code = 6;
const TOO_LITTLE_ROOM: Code = 7;

/// A handle is the number of the GPU, and above it of the instance, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    gpu: usize,
    mig: Option<usize>,
}

impl Place {
    fn of(handle: usize) -> Self {
        Self { gpu: (handle & 0xff).wrapping_sub(1), mig: (handle >> 8).checked_sub(1) }
    }

    fn handle(self) -> usize {
        (self.gpu + 1) | self.mig.map_or(0, |mig| (mig + 1) << 8)
    }

    /// The words about it.
    fn words(self, state: &State) -> HashMap<String, String> {
        let found = match self.mig {
            None => state.all("gpu").get(self.gpu).copied(),
            Some(mig) => instances(state, self.gpu).get(mig).copied(),
        };
        found.cloned().unwrap_or_default()
    }
}

fn is(pairs: &HashMap<String, String>, key: &str, value: usize) -> bool {
    number(pairs, key) == u64::try_from(value).ok()
}

fn instances(state: &State, gpu: usize) -> Vec<&HashMap<String, String>> {
    state.all("mig").into_iter().filter(|mig| is(mig, "gpu", gpu)).collect()
}

/// Writes a value, unless the call is to fail.
fn answer<T>(
    call: &str,
    handle: Option<usize>,
    out: *mut T,
    value: impl FnOnce(&State) -> Result<T, Code>,
) -> Code {
    if let Some(code) = State::fault(call, handle.map(|handle| Place::of(handle).gpu)) {
        return code;
    }
    match value(&State::read()) {
        Ok(value) => {
            // SAFETY: the caller gives room for one value
            unsafe { out.write(value) };
            OK
        }
        Err(code) => code,
    }
}

fn answer_text(call: &str, handle: Option<usize>, out: *mut c_char, size: c_uint, text: &str) -> Code {
    if let Some(code) = State::fault(call, handle.map(|handle| Place::of(handle).gpu)) {
        return code;
    }
    if text.len() >= size as usize {
        return TOO_LITTLE_ROOM;
    }
    // SAFETY: the caller gives room for `size` bytes
    unsafe {
        out.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
        out.add(text.len()).write(0);
    }
    OK
}

/// Writes a list if there is room, else says how much room it needs.
fn answer_list<T: Copy>(list: &[T], count: *mut c_uint, out: *mut T) -> Code {
    // SAFETY: the caller gives a count, and room for so many
    unsafe {
        let room = count.read() as usize;
        count.write(c_uint::try_from(list.len()).unwrap_or(0));
        if list.len() > room {
            return TOO_LITTLE_ROOM;
        }
        if !list.is_empty() {
            out.copy_from_nonoverlapping(list.as_ptr(), list.len());
        }
    }
    OK
}

fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(0)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlInit_v2() -> Code {
    State::fault("nvmlInit_v2", None).unwrap_or(OK)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlShutdown() -> Code {
    OK
}

#[unsafe(no_mangle)]
extern "C" fn nvmlSystemGetDriverVersion(out: *mut c_char, size: c_uint) -> Code {
    answer_text("nvmlSystemGetDriverVersion", None, out, size, "535.104.05")
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetCount_v2(out: *mut c_uint) -> Code {
    answer("nvmlDeviceGetCount_v2", None, out, |state| {
        Ok(c_uint::try_from(state.all("gpu").len()).unwrap_or(0))
    })
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, out: *mut usize) -> Code {
    let handle = Place { gpu: index as usize, mig: None }.handle();
    answer("nvmlDeviceGetHandleByIndex_v2", Some(handle), out, |_| Ok(handle))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetUUID(handle: usize, out: *mut c_char, size: c_uint) -> Code {
    let words = Place::of(handle).words(&State::read());
    let uuid = words.get("uuid").cloned().unwrap_or_default();
    answer_text("nvmlDeviceGetUUID", Some(handle), out, size, &uuid)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetName(handle: usize, out: *mut c_char, size: c_uint) -> Code {
    let words = Place::of(handle).words(&State::read());
    let model = words.get("model").cloned().unwrap_or_default().replace('_', " ");
    answer_text("nvmlDeviceGetName", Some(handle), out, size, &model)
}

fn word(handle: usize, key: &str, state: &State) -> Result<c_uint, Code> {
    let number = number(&Place::of(handle).words(state), key).ok_or(NOT_SUPPORTED)?;
    c_uint::try_from(number).map_err(|_| NOT_SUPPORTED)
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetMinorNumber(handle: usize, out: *mut c_uint) -> Code {
    answer("nvmlDeviceGetMinorNumber", Some(handle), out, |state| word(handle, "minor", state))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetMemoryInfo(handle: usize, out: *mut [c_ulonglong; 3]) -> Code {
    answer("nvmlDeviceGetMemoryInfo", Some(handle), out, |state| {
        let words = Place::of(handle).words(state);
        let total = number(&words, "total").ok_or(NOT_SUPPORTED)?;
        let used = number(&words, "used").ok_or(NOT_SUPPORTED)?;
        Ok([total, total.saturating_sub(used), used])
    })
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetUtilizationRates(handle: usize, out: *mut [c_uint; 2]) -> Code {
    answer("nvmlDeviceGetUtilizationRates", Some(handle), out, |state| Ok([word(handle, "now", state)?, 0]))
}

/// `nvmlSample_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    at: c_ulonglong,
    value: c_uint,
    rest: c_uint,
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetSamples(
    handle: usize,
    kind: c_uint,
    since: c_ulonglong,
    value_type: *mut c_uint,
    count: *mut c_uint,
    out: *mut Sample,
) -> Code {
    if let Some(code) = State::fault("nvmlDeviceGetSamples", Some(Place::of(handle).gpu)) {
        return code;
    }
    let words = Place::of(handle).words(&State::read());
    let Some(busy) = words.get("busy").filter(|_| kind == 1) else { return NOT_SUPPORTED };
    // one that is older than was asked for, as some drivers have it
    let old = Sample { at: since.saturating_sub(1), value: 100, rest: 0 };
    let of = |value| Sample { at: micros(), value, rest: 0 };
    let list: Vec<Sample> =
        [old].into_iter().chain(busy.split(',').filter_map(|n| n.parse().ok()).map(of)).collect();
    // SAFETY: the caller gives room for the type and the count
    unsafe {
        value_type.write(1);
        if out.is_null() {
            count.write(c_uint::try_from(list.len()).unwrap_or(0));
            return OK;
        }
    }
    answer_list(&list, count, out)
}

/// `nvmlProcessInfo_v1_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Process1 {
    pid: c_uint,
    memory: c_ulonglong,
}

/// `nvmlProcessInfo_v2_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Process2 {
    pid: c_uint,
    memory: c_ulonglong,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

fn processes(handle: usize, list: &str) -> Vec<Process1> {
    let (place, state) = (Place::of(handle), State::read());
    let here = |words: &&HashMap<String, String>| {
        let of_list = words.get("list").map_or("compute", String::as_str) == list;
        // a GPU lists those on its instances too
        let of_mig = place.mig.is_none_or(|mig| is(words, "mig", mig));
        of_list && of_mig && is(words, "gpu", place.gpu)
    };
    let of = |words: &HashMap<String, String>| {
        let pid = c_uint::try_from(number(words, "pid")?).ok()?;
        Some(Process1 { pid, memory: number(words, "memory").unwrap_or(u64::MAX) })
    };
    state.all("process").into_iter().filter(here).filter_map(of).collect()
}

macro_rules! lists {
    ($($list:literal $oldest:ident $($newer:ident)*;)*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $oldest(handle: usize, count: *mut c_uint, out: *mut Process1) -> Code {
            match State::fault(stringify!($oldest), Some(Place::of(handle).gpu)) {
                Some(code) => code,
                None => answer_list(&processes(handle, $list), count, out),
            }
        }
        $(#[unsafe(no_mangle)]
        extern "C" fn $newer(handle: usize, count: *mut c_uint, out: *mut Process2) -> Code {
            if let Some(code) = State::fault(stringify!($newer), Some(Place::of(handle).gpu)) {
                return code;
            }
            let newer = |old: Process1| Process2 {
                pid: old.pid,
                memory: old.memory,
                gpu_instance: c_uint::MAX,
                compute_instance: c_uint::MAX,
            };
            let list: Vec<Process2> = processes(handle, $list).into_iter().map(newer).collect();
            answer_list(&list, count, out)
        })*
    )*};
}

lists! {
    "compute" nvmlDeviceGetComputeRunningProcesses
        nvmlDeviceGetComputeRunningProcesses_v2 nvmlDeviceGetComputeRunningProcesses_v3;
    "graphics" nvmlDeviceGetGraphicsRunningProcesses
        nvmlDeviceGetGraphicsRunningProcesses_v2 nvmlDeviceGetGraphicsRunningProcesses_v3;
    "mps" nvmlDeviceGetMPSComputeRunningProcesses
        nvmlDeviceGetMPSComputeRunningProcesses_v2 nvmlDeviceGetMPSComputeRunningProcesses_v3;
}

/// `nvmlProcessUtilizationSample_t`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Use {
    pid: c_uint,
    at: c_ulonglong,
    sm: c_uint,
    memory: c_uint,
    encoder: c_uint,
    decoder: c_uint,
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetProcessUtilization(
    handle: usize,
    out: *mut Use,
    count: *mut c_uint,
    _since: c_ulonglong,
) -> Code {
    let place = Place::of(handle);
    if let Some(code) = State::fault("nvmlDeviceGetProcessUtilization", Some(place.gpu)) {
        return code;
    }
    if place.mig.is_some() {
        return NOT_SUPPORTED;
    }
    let state = State::read();
    let of = |words: &HashMap<String, String>| {
        let number = |key| number(words, key).and_then(|n| c_uint::try_from(n).ok());
        let (pid, sm) = (number("pid")?, number("sm")?);
        Some(Use { pid, at: micros(), sm, memory: 0, encoder: 0, decoder: 0 })
    };
    let here = state.all("process").into_iter().filter(|words| is(words, "gpu", place.gpu));
    let list: Vec<Use> = here.filter_map(of).collect();
    if list.is_empty() { NOT_FOUND } else { answer_list(&list, count, out) }
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetMigMode(handle: usize, now: *mut c_uint, pending: *mut c_uint) -> Code {
    let mut mode = 0;
    let code = answer("nvmlDeviceGetMigMode", Some(handle), &raw mut mode, |state| {
        Ok(c_uint::from(!instances(state, Place::of(handle).gpu).is_empty()))
    });
    // SAFETY: the caller gives room for both
    unsafe {
        now.write(mode);
        pending.write(mode);
    }
    code
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetMaxMigDeviceCount(handle: usize, out: *mut c_uint) -> Code {
    answer("nvmlDeviceGetMaxMigDeviceCount", Some(handle), out, |_| Ok(7))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(handle: usize, index: c_uint, out: *mut usize) -> Code {
    answer("nvmlDeviceGetMigDeviceHandleByIndex", Some(handle), out, |state| {
        let gpu = Place::of(handle).gpu;
        // the first place is free: they need not be dense
        let mig = (index as usize).checked_sub(1).filter(|mig| *mig < instances(state, gpu).len());
        Ok(Place { gpu, mig: Some(mig.ok_or(NOT_FOUND)?) }.handle())
    })
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetGpuInstanceId(handle: usize, out: *mut c_uint) -> Code {
    answer("nvmlDeviceGetGpuInstanceId", Some(handle), out, |state| word(handle, "gi", state))
}

#[unsafe(no_mangle)]
extern "C" fn nvmlDeviceGetComputeInstanceId(handle: usize, out: *mut c_uint) -> Code {
    answer("nvmlDeviceGetComputeInstanceId", Some(handle), out, |state| word(handle, "ci", state))
}
