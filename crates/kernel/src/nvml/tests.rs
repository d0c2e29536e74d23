use plimsoll_nvml::Fake;

use super::*;

const TWO: &str = "\
gpu minor=0 uuid=GPU-1 model=NVIDIA_A100 total=42949672960 used=1024 busy=20,41 now=3
gpu minor=3 uuid=GPU-2 model=Tesla_K80 total=100 used=7 now=5
process gpu=0 pid=11 memory=1000 sm=30
process gpu=0 pid=12 list=graphics
process gpu=0 pid=11 memory=1000 list=mps
process gpu=1 pid=13 memory=5 list=graphics
";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn with<T>(text: &str, lacking: &[&str], test: impl FnOnce(&Fake, &Library) -> T) -> T {
    let folder = folder();
    let fake = Fake::without(folder.path(), lacking).unwrap();
    fake.says(text);
    let library = Library::open(fake.library().as_os_str()).unwrap();
    test(&fake, &library)
}

fn refused(call: &'static str, code: u32) -> Error {
    Error::Refused { call, code }
}

#[test]
fn every_number_of_a_gpu_is_told() {
    with(TWO, &[], |_, library| {
        assert_eq!(library.driver_version().unwrap(), "535.104.05");
        assert_eq!(library.count(), Ok(2));
        let first = library.device(0).unwrap();
        assert_eq!(first.uuid().unwrap(), "GPU-1");
        assert_eq!(first.name().unwrap(), "NVIDIA A100");
        assert_eq!(first.minor(), Ok(0));
        assert_eq!(first.memory(), Ok(Memory { total: 42_949_672_960, used: 1024 }));
        assert_eq!(library.device(1).unwrap().minor(), Ok(3));
        assert_eq!(first.is_cut(), Ok(false));
    });
}

#[test]
fn the_duty_cycle_is_the_mean_of_recent_samples_else_the_newest_figure() {
    with(TWO, &[], |fake, library| {
        let since = 1_700_000_000_000_000;
        let [first, second] = [0, 1].map(|index| library.device(index).unwrap());
        // 20 and 41; the fake's sample of before is left out
        assert_eq!(first.duty_cycle(since), Ok(30));
        assert_eq!(second.duty_cycle(since), Ok(5));
        fake.says("gpu minor=0 busy= now=9\ngpu minor=1");
        assert_eq!(first.duty_cycle(since), Ok(9));
        assert!(second.duty_cycle(since).unwrap_err().is_absent());
        fake.says("gpu busy=1 now=9\nfault nvmlDeviceGetSamples=15");
        assert!(first.duty_cycle(since).unwrap_err().is_lost());
    });
}

#[test]
fn a_process_stands_once_and_its_memory_may_be_unknown() {
    let process = |pid, memory| Process { pid, memory };
    with(TWO, &[], |_, library| {
        let [first, second] = [0, 1].map(|index| library.device(index).unwrap());
        assert_eq!(first.processes().unwrap(), [process(11, Some(1000)), process(12, None)]);
        assert_eq!(second.processes().unwrap(), [process(13, Some(5))]);
        let using = first.process_use(0).unwrap();
        assert_eq!(using.iter().map(|using| (using.pid, using.percent)).collect::<Vec<_>>(), [(11, 30)]);
        assert!(first.process_use(using[0].at + 60_000_000).unwrap().is_empty(), "of before");
        assert!(second.process_use(0).unwrap().is_empty(), "nobody did anything");
    });
}

#[test]
fn old_libraries_have_older_forms_of_the_calls() {
    let newest = [
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetGraphicsRunningProcesses_v3",
        "nvmlDeviceGetMPSComputeRunningProcesses_v3",
    ];
    let older = newest.map(|call| call.replace("_v3", "_v2"));
    let both: Vec<&str> = newest.into_iter().chain(older.iter().map(String::as_str)).collect();
    for lacking in [&newest[..], &both[..]] {
        with(TWO, lacking, |_, library| {
            assert!(library.calls.compute3.is_none() && library.calls.mps1.is_some());
            let pids: Vec<_> = library.device(0).unwrap().processes().unwrap();
            assert_eq!(pids.iter().map(|process| process.pid).collect::<Vec<_>>(), [11, 12]);
        });
    }
    with(TWO, &["nvmlDeviceGetMigMode", "nvmlDeviceGetMemoryInfo"], |_, library| {
        let first = library.device(0).unwrap();
        assert_eq!(first.is_cut(), Err(Error::Lacks("nvmlDeviceGetMigMode")));
        assert!(first.memory().unwrap_err().is_absent());
        assert_eq!(first.minor(), Ok(0), "the others are there");
    });
    // a symbol that the driver behind it does not know
    with(&format!("{TWO}fault nvmlDeviceGetComputeRunningProcesses_v3=13\n"), &[], |_, library| {
        assert_eq!(library.device(0).unwrap().processes().unwrap().len(), 2);
    });
}

#[test]
fn instances_are_devices_of_their_own() {
    let text = "gpu minor=0 uuid=GPU-1\n\
        mig gpu=0 uuid=MIG-1 gi=1 ci=0 model=A100_MIG_1g.5gb total=50 used=5\n\
        mig gpu=0 uuid=MIG-2 gi=2 ci=1\nprocess gpu=0 mig=1 pid=7 memory=9\n";
    with(text, &[], |_, library| {
        let gpu = library.device(0).unwrap();
        assert_eq!(gpu.is_cut(), Ok(true));
        let [first, second] = gpu.instances().unwrap().try_into().map_err(|_| "not two").unwrap();
        assert_eq!((first.uuid().unwrap(), second.uuid().unwrap()), ("MIG-1".into(), "MIG-2".into()));
        assert_eq!((first.numbers(), second.numbers()), (Ok((1, 0)), Ok((2, 1))));
        assert_eq!(first.memory(), Ok(Memory { total: 50, used: 5 }));
        assert!(first.minor().unwrap_err().is_absent());
        assert!(first.process_use(0).unwrap_err().is_absent());
        assert_eq!(first.processes(), Ok(Vec::new()));
        assert_eq!(second.processes(), Ok(vec![Process { pid: 7, memory: Some(9) }]));
    });
}

#[test]
fn more_processes_than_room_are_asked_for_again() {
    let mut text = "gpu minor=0\n".to_owned();
    (1..=700).for_each(|pid| text.push_str(&format!("process gpu=0 pid={pid} memory=1\n")));
    with(&text, &[], |_, library| assert_eq!(library.device(0).unwrap().processes().unwrap().len(), 700));
}

#[test]
fn a_fault_costs_the_call_alone_and_says_what_it_is() {
    let text = format!("{TWO}fault nvmlDeviceGetMemoryInfo=15 gpu=1\n");
    with(&text, &[], |_, library| {
        let [first, second] = [0, 1].map(|index| library.device(index).unwrap());
        assert!(first.memory().is_ok());
        let error = second.memory().unwrap_err();
        assert!(error.is_lost() && !error.is_absent() && !error.is_driver_gone());
        assert_eq!(error.to_string(), "nvmlDeviceGetMemoryInfo: the GPU is lost (15)");
        assert_eq!(second.name().unwrap(), "Tesla K80");
    });
}

#[test]
fn a_library_that_cannot_be_loaded_or_has_no_driver_says_so() {
    let open = |name: &str| Library::open(OsStr::new(name)).unwrap_err();
    let Error::Load(text) = open("libnvidia-ml-that-is-not-there.so.1") else { panic!("loaded") };
    assert!(text.contains("libnvidia-ml-that-is-not-there.so.1"), "{text}");
    let folder = folder();
    std::fs::write(folder.path().join("libnvidia-ml.so.1"), "no library").unwrap();
    assert!(matches!(open(folder.path().join("libnvidia-ml.so.1").to_str().unwrap()), Error::Load(_)));
    let fake = Fake::new(folder.path()).unwrap();
    fake.says("fault nvmlInit_v2=9");
    let error = open(fake.library().to_str().unwrap());
    assert_eq!(error, refused("nvmlInit_v2", 9));
    assert!(error.is_driver_gone());
    assert_eq!(error.to_string(), "nvmlInit_v2: the driver is not loaded (9)");
}

/// NVIDIA's own, where it is installed (Debian: libnvidia-ml1) or named by PLIMSOLL_TEST_NVML.
#[test]
fn nvidias_own_library_has_every_call_and_fails_cleanly_without_a_driver() {
    let named = std::env::var_os("PLIMSOLL_TEST_NVML");
    let name = named.clone().unwrap_or_else(|| "libnvidia-ml.so.1".into());
    match Library::open(&name) {
        Err(Error::Load(reason)) => {
            assert!(named.is_none(), "{reason}");
            println!("skipped: {reason}");
        }
        Err(error) => {
            assert_eq!(error, refused("nvmlInit_v2", DRIVER_NOT_LOADED));
            // SAFETY: loading alone
            #[allow(unsafe_code)]
            let calls = Calls::of(&unsafe { libloading::Library::new(&name) }.unwrap());
            let Calls {
                samples, compute3, graphics3, mps3, process_use, mig_by_index, compute_instance, ..
            } = calls;
            assert!(samples.is_some() && compute3.is_some() && graphics3.is_some() && mps3.is_some());
            assert!(process_use.is_some() && mig_by_index.is_some() && compute_instance.is_some());
        }
        Ok(library) => assert!(library.count().is_ok(), "a GPU is here"),
    }
}

#[test]
fn values_have_the_type_that_the_library_says() {
    let f = |r#type, value: [u8; 8], percent| assert_eq!(percent_of(r#type, value), percent, "{type}");
    f(0, 42.5f64.to_ne_bytes(), Some(42));
    f(1, 42u64.to_le_bytes(), Some(42));
    f(3, 42u64.to_ne_bytes(), Some(42));
    f(6, [42, 0, 9, 9, 9, 9, 9, 9], Some(42));
    f(3, u64::MAX.to_ne_bytes(), None);
    f(99, [0; 8], None);
}

#[test]
fn a_library_of_many_processes_is_not_believed() {
    let error = list::<u8>("x", |count, _| {
        *count = c_uint::MAX;
        INSUFFICIENT_SIZE
    });
    assert_eq!(error.unwrap_err(), refused("x", INSUFFICIENT_SIZE));
}
