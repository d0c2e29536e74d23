use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plimsoll_core::kinds::Kinds;
use plimsoll_core::time::Timestamp;
use plimsoll_kernel::root::Root;
use plimsoll_nvml::Fake;

use super::*;
use crate::host::Host;

/// A machine that is made up, with the fake library.
struct Machine {
    dir: tempfile::TempDir,
    fake: Fake,
    groups: Arc<Mutex<Vec<Group>>>,
}

const GPUS: &str = "\
gpu minor=0 uuid=GPU-0 model=NVIDIA_A100 total=1000 used=400 busy=50,60
gpu minor=1 uuid=GPU-1 model=NVIDIA_A100 total=1000 used=30 busy=1
";

impl Machine {
    fn of(version: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let cgroup = dir.path().join("sys/fs/cgroup");
        match version {
            1 => fs::create_dir_all(cgroup.join("devices")).unwrap(),
            _ => {
                fs::create_dir_all(&cgroup).unwrap();
                fs::write(cgroup.join("cgroup.controllers"), "").unwrap();
            }
        }
        fs::create_dir_all(dir.path().join("lib")).unwrap();
        let fake = Fake::new(&dir.path().join("lib")).unwrap();
        fake.says(GPUS);
        let machine = Self { dir, fake, groups: Arc::default() };
        machine.write("proc/1/status", "CapBnd:\t000001ffffffffff\n");
        machine
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A group of v1 that may open these devices.
    fn v1(&self, name: &str, claimed: bool, devices: &str) {
        self.write(&format!("sys/fs/cgroup/devices{name}/devices.list"), devices);
        self.group(name, claimed, None);
    }

    fn group(&self, name: &str, claimed: bool, pid: Option<u32>) {
        self.groups.lock().unwrap().push(Group { name: name.into(), claimed, pid });
    }

    fn process(&self, pid: u32, group: &str) {
        self.write(&format!("proc/{pid}/cgroup"), &format!("4:memory:{group}\n0::{group}\n"));
        self.write(&format!("proc/{pid}/status"), "CapBnd:\t00000000a80425fb\n");
    }

    /// A device node among those that a process sees; false without the right to make one.
    fn node(&self, pid: u32, name: &str, major: u32, minor: u32) -> bool {
        use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
        let path = self.dir.path().join(format!("proc/{pid}/root/dev")).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let made =
            mknodat(CWD, &path, FileType::CharacterDevice, Mode::from_raw_mode(0o600), makedev(major, minor));
        if made.is_err() {
            println!("skipped: no right to make device nodes");
        }
        made.is_ok()
    }

    fn start_with(&self, library: Option<&Path>) -> Accelerators {
        let host = Host::new(Root::at(self.dir.path()), Kinds::default(), 10).unwrap();
        let library = library.map(Path::to_owned);
        let options =
            Options { interval: Duration::from_millis(5), library, look_again: Duration::from_millis(20) };
        let groups = self.groups.clone();
        Accelerators::start(Arc::new(host), options, move || groups.lock().unwrap().clone(), now).unwrap()
    }

    fn start(&self) -> Accelerators {
        self.start_with(Some(&self.fake.library()))
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_nanos()).unwrap())
}

/// Asks until it is so.
#[track_caller]
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// The next look is through: two have begun since.
fn looked(accelerators: &Accelerators) {
    let looks = || accelerators.meters().looks.load(std::sync::atomic::Ordering::Relaxed);
    let before = looks();
    until("two looks", || (looks() >= before + 2).then_some(()));
}

/// No look comes to its end any more.
fn hangs(accelerators: &Accelerators) {
    let looks = || accelerators.meters().looks.load(std::sync::atomic::Ordering::Relaxed);
    until("it hangs", || {
        let before = looks();
        // longer than the pause after a look that took long
        std::thread::sleep(Duration::from_millis(1500));
        (looks() == before).then_some(())
    });
}

fn of(accelerators: &Accelerators, group: &str) -> Vec<Accelerator> {
    let mut out = vec![Accelerator { id: "old".to_owned(), ..Accelerator::default() }];
    accelerators.fill(group, &mut out);
    out
}

fn ids(accelerators: &Accelerators, group: &str) -> Vec<String> {
    of(accelerators, group).into_iter().map(|a| a.id).collect()
}

#[test]
fn on_v1_a_container_has_what_its_devices_allow() {
    let machine = Machine::of(1);
    machine.v1("/", false, "a *:* rwm\n");
    machine.v1("/docker", false, "a *:* rwm\n");
    machine.v1("/docker/one", true, "c 1:3 rwm\nc 195:255 rw\nc 195:0 rw\n");
    machine.v1("/docker/one/init.scope", false, "c 195:0 rw\n");
    machine.v1("/docker/both", true, "c 195:0 rw\nc 195:1 rw\n");
    machine.v1("/docker/privileged", true, "a *:* rwm\n");
    machine.v1("/docker/other", true, "c 195:9 rw\n");
    let accelerators = machine.start();
    looked(&accelerators);
    assert_eq!(
        of(&accelerators, "/docker/one"),
        [Accelerator {
            make: "nvidia".to_owned(),
            model: "NVIDIA A100".to_owned(),
            id: "GPU-0".to_owned(),
            memory_total: Some(1000),
            memory_used: Some(400),
            duty_cycle: Some(55),
            processes: Some(Vec::new()),
        }]
    );
    assert_eq!(ids(&accelerators, "/docker/both"), ["GPU-0", "GPU-1"]);
    for without in
        ["/", "/docker", "/docker/one/init.scope", "/docker/privileged", "/docker/other", "/unknown"]
    {
        assert!(of(&accelerators, without).is_empty(), "{without}");
    }
    assert_eq!(accelerators.gpus().len(), 2);
    assert!(accelerators.at().is_some());
}

#[test]
fn on_v2_a_container_has_the_nodes_that_it_sees() {
    let machine = Machine::of(2);
    machine.process(7, "/docker/one");
    machine.process(8, "/system.slice/x.service");
    machine.process(9, "/docker/late");
    if !machine.node(7, "nvidia1", 195, 1) || !machine.node(8, "nvidia1", 195, 1) {
        return;
    }
    machine.group("/docker/one", true, Some(7));
    machine.group("/system.slice/x.service", false, Some(8));
    // its runtime has not told its process; the group does
    machine.write("sys/fs/cgroup/docker/late/cgroup.procs", "9\n10\n");
    machine.group("/docker/late", true, None);
    let accelerators = machine.start();
    looked(&accelerators);
    assert_eq!(ids(&accelerators, "/docker/one"), ["GPU-1"]);
    assert!(of(&accelerators, "/system.slice/x.service").is_empty(), "a service sees all nodes");
    assert!(of(&accelerators, "/docker/late").is_empty());
    machine.node(9, "nvidia0", 195, 0);
    until("a young container is looked at again", || {
        (ids(&accelerators, "/docker/late") == ["GPU-0"]).then_some(())
    });
}

#[test]
fn whoever_uses_a_gpu_has_it() {
    for version in [1, 2] {
        let machine = Machine::of(version);
        for (name, claimed) in
            [("/", false), ("/docker", false), ("/docker/a", true), ("/docker/a/in", false), ("/svc", false)]
        {
            machine.group(name, claimed, None);
        }
        for (pid, group) in [(11, "/docker/a"), (12, "/docker/a/in"), (13, "/svc"), (14, "/")] {
            machine.process(pid, group);
        }
        let users = "process gpu=0 pid=11 memory=100 sm=20\nprocess gpu=0 pid=12 memory=50\n\
            process gpu=0 pid=13 memory=7 sm=3\nprocess gpu=0 pid=14 memory=9\nprocess gpu=0 pid=15 memory=1\n";
        machine.fake.says(&format!("{GPUS}{users}"));
        let accelerators = machine.start();
        looked(&accelerators);
        let [one] = of(&accelerators, "/docker/a").try_into().unwrap();
        assert_eq!((one.own_memory(), one.own_utilization()), (Some(150), Some(20)));
        let process = |pid, memory, utilization| Process {
            pid,
            memory_used: Some(memory),
            utilization: Some(utilization),
        };
        assert_eq!(one.processes, Some(vec![process(11, 100, 20), process(12, 50, 0)]));
        assert_eq!(one.memory_used, Some(400), "of the whole GPU");
        let [service] = of(&accelerators, "/svc").try_into().unwrap();
        assert_eq!((service.own_memory(), service.own_utilization()), (Some(7), Some(3)));
        for without in ["/", "/docker", "/docker/a/in"] {
            assert!(of(&accelerators, without).is_empty(), "{without}");
        }
        machine.fake.says(GPUS);
        looked(&accelerators);
        assert!(of(&accelerators, "/docker/a").is_empty(), "nobody uses it any more, and it was not given");
    }
}

#[test]
fn an_instance_is_whose_nodes_and_processes_are() {
    let machine = Machine::of(1);
    machine.fake.says(
        "gpu minor=0 uuid=GPU-0 total=100 used=1 busy=1\n\
         mig gpu=0 uuid=MIG-a gi=1 ci=0 model=A100_MIG_1g.5gb total=50 used=5\n\
         mig gpu=0 uuid=MIG-b gi=2 ci=0 model=A100_MIG_1g.5gb total=50 used=6\n\
         process gpu=0 mig=1 pid=21 memory=6\n",
    );
    machine.write("proc/devices", "Character devices:\n195 nvidia\n237 nvidia-caps\n");
    for (minor, path) in (10..).zip(["gi1", "gi1/ci0", "gi2", "gi2/ci0"]) {
        machine.write(
            &format!("proc/driver/nvidia/capabilities/gpu0/mig/{path}/access"),
            &format!("DeviceFileMinor: {minor}\n"),
        );
    }
    machine.v1("/a", true, "c 195:0 rw\nc 237:10 r\nc 237:11 r\n");
    machine.v1("/half", true, "c 195:0 rw\nc 237:12 r\n");
    machine.v1("/user", true, "c 1:3 rwm\n");
    machine.process(21, "/user");
    let accelerators = machine.start();
    looked(&accelerators);
    let [a] = of(&accelerators, "/a").try_into().unwrap();
    assert_eq!((a.id.as_str(), a.model.as_str(), a.memory_total), ("MIG-a", "A100 MIG 1g.5gb", Some(50)));
    assert_eq!(a.duty_cycle, None, "NVIDIA tells none of an instance");
    let [user] = of(&accelerators, "/user").try_into().unwrap();
    assert_eq!((user.id.as_str(), user.own_memory(), user.own_utilization()), ("MIG-b", Some(6), None));
    assert!(of(&accelerators, "/half").is_empty(), "without the node of its second part");
}

#[test]
fn a_gpu_that_is_lost_costs_only_itself() {
    let machine = Machine::of(1);
    machine.v1("/a", true, "c 195:0 rw\nc 195:1 rw\n");
    let accelerators = machine.start();
    looked(&accelerators);
    assert_eq!(accelerators.trouble(), None);
    machine.fake.says(&format!("{GPUS}fault nvmlDeviceGetMemoryInfo=15 gpu=1\n"));
    looked(&accelerators);
    let [first, second] = of(&accelerators, "/a").try_into().unwrap();
    assert_eq!((first.memory_used, second.memory_used), (Some(400), None));
    assert_eq!(second.duty_cycle, Some(1));
    let text = "GPU 1: nvmlDeviceGetMemoryInfo: the GPU is lost (15)".to_owned();
    assert_eq!(accelerators.trouble(), Some(Trouble::Gpu(text)));
    machine.fake.says(&format!("{GPUS}fault nvmlDeviceGetUUID=15 gpu=1\n"));
    looked(&accelerators);
    assert_eq!(ids(&accelerators, "/a"), ["GPU-0"], "without a name it is nothing");
    machine.fake.says(GPUS);
    looked(&accelerators);
    assert_eq!(ids(&accelerators, "/a"), ["GPU-0", "GPU-1"]);
    assert_eq!(accelerators.trouble(), None);
}

#[test]
fn a_driver_that_goes_takes_the_numbers_and_its_return_brings_them() {
    let machine = Machine::of(1);
    machine.v1("/a", true, "c 195:0 rw\n");
    let accelerators = machine.start();
    looked(&accelerators);
    machine.fake.says(&format!("{GPUS}fault nvmlDeviceGetCount_v2=9\n"));
    until("no numbers", || of(&accelerators, "/a").is_empty().then_some(()));
    let Some(Trouble::Library(text)) = until("a trouble", || accelerators.trouble().map(Some)) else {
        panic!()
    };
    assert!(text.contains("the driver is not loaded (9)"), "{text}");
    machine.fake.says(&format!("{GPUS}fault nvmlInit_v2=18\n"));
    let another =
        |trouble| matches!(trouble, Some(Trouble::Library(text)) if text.contains("different versions"));
    until("the new driver's library is another", || another(accelerators.trouble()).then_some(()));
    machine.fake.says(GPUS);
    until("numbers again", || (ids(&accelerators, "/a") == ["GPU-0"]).then_some(()));
    assert_eq!(accelerators.trouble(), None);
}

#[test]
fn a_driver_that_comes_later_is_found() {
    let machine = Machine::of(1);
    machine.v1("/a", true, "c 195:0 rw\n");
    let accelerators = machine.start_with(None);
    std::thread::sleep(Duration::from_millis(50));
    assert!(accelerators.gpus().is_empty() && accelerators.trouble().is_none());
    let library = machine.dir.path().join("usr/lib64/libnvidia-ml.so.1");
    fs::create_dir_all(library.parent().unwrap()).unwrap();
    Fake::new(library.parent().unwrap()).unwrap().says(GPUS);
    machine.write("proc/driver/nvidia/version", "NVRM version: x\n");
    until("its GPU", || (ids(&accelerators, "/a") == ["GPU-0"]).then_some(()));
    fs::remove_file(machine.dir.path().join("proc/driver/nvidia/version")).unwrap();
    until("it was unloaded", || of(&accelerators, "/a").is_empty().then_some(()));
}

#[test]
fn a_library_that_hangs_holds_nobody_up() {
    let machine = Machine::of(1);
    machine.v1("/a", true, "c 195:0 rw\n");
    let accelerators = machine.start();
    looked(&accelerators);
    machine.fake.says(&format!("{GPUS}hang nvmlDeviceGetMemoryInfo\n"));
    hangs(&accelerators);
    // what was known stays for a while, and is had at once
    assert_eq!(ids(&accelerators, "/a"), ["GPU-0"]);
    let trouble = until("it is told", || accelerators.trouble());
    assert!(matches!(trouble, Trouble::Hangs(_)), "{trouble:?}");
    until("old numbers go", || of(&accelerators, "/a").is_empty().then_some(()));
    machine.fake.says(GPUS);
    until("it answers again", || (ids(&accelerators, "/a") == ["GPU-0"]).then_some(()));
    until("the trouble is over", || accelerators.trouble().is_none().then_some(()));
}

#[test]
fn the_library_is_shut_down_at_the_end_unless_it_hangs() {
    let machine = Machine::of(1);
    let accelerators = machine.start();
    looked(&accelerators);
    let is_loaded = || {
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        maps.contains(machine.fake.library().to_str().unwrap())
    };
    assert!(is_loaded());
    accelerators.stop();
    assert!(!is_loaded());
    let accelerators = machine.start();
    looked(&accelerators);
    machine.fake.says("hang nvmlDeviceGetCount_v2");
    hangs(&accelerators);
    let began = Instant::now();
    accelerators.stop();
    assert!(began.elapsed() < Duration::from_secs(10) && is_loaded());
    machine.fake.says("");
}

#[test]
fn without_the_library_the_driver_gives_names() {
    let machine = Machine::of(1);
    machine.write("proc/driver/nvidia/version", "NVRM version: x\n");
    machine.write(
        "proc/driver/nvidia/gpus/0000:07:00.0/information",
        "Model: \t\t Tesla T4\nGPU UUID: \t GPU-t4\nDevice Minor: \t 0\n",
    );
    machine.v1("/a", true, "c 195:0 rw\n");
    machine.write("lib/broken.so", "no library");
    let accelerators = machine.start_with(Some(&machine.dir.path().join("lib/broken.so")));
    let [a] = until("a name", || of(&accelerators, "/a").try_into().ok());
    assert_eq!((a.id.as_str(), a.model.as_str(), a.make.as_str()), ("GPU-t4", "Tesla T4", "nvidia"));
    assert!(!a.is_measured());
    assert!(matches!(accelerators.trouble(), Some(Trouble::Library(_))), "{:?}", accelerators.trouble());
}

#[test]
fn a_machine_without_a_driver_is_not_asked_about_its_groups() {
    let machine = Machine::of(2);
    let asked = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let theirs = asked.clone();
    let host = Arc::new(Host::new(Root::at(machine.dir.path()), Kinds::default(), 10).unwrap());
    let millisecond = Duration::from_millis(1);
    let options = Options { interval: millisecond, library: None, look_again: millisecond };
    let groups = move || {
        theirs.store(true, std::sync::atomic::Ordering::Relaxed);
        Vec::new()
    };
    let accelerators = Accelerators::start(host, options, groups, now).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(!asked.load(std::sync::atomic::Ordering::Relaxed));
    assert_eq!((accelerators.trouble(), accelerators.at()), (None, None));
    assert!(of(&accelerators, "/").is_empty());
}
