//! GPUs from end to end: a library that says what NVIDIA's would, and real groups, processes, containers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test starts programs")]

mod common;

use std::process::{Child, Command, Stdio};

use common::exposition::Sample;
use common::kernel::Group;
use common::program::Plimsoll;
use common::{Need, docker, eventually, unique};
use plimsoll_nvml::Fake;
use serde_json::{Value, json};

const GPUS: &str = "\
gpu minor=0 uuid=GPU-aa model=NVIDIA_A100 total=42949672960 used=1073741824 busy=40,60
gpu minor=1 uuid=GPU-bb model=NVIDIA_A100 total=42949672960 used=5 busy=0
";

/// The library in a folder, and the program that is told of it.
fn start(fake: &Fake, flags: &[&str]) -> Plimsoll {
    let library = format!("-nvidia_library={}", fake.library().display());
    let flags =
        [&["-housekeeping_interval=1s", "-allow_dynamic_housekeeping=false", &library], flags].concat();
    Plimsoll::start_dynamic(&flags)
}

/// The lines of GPUs of a group.
fn lines(program: &Plimsoll, group: &str) -> Vec<Sample> {
    let all = program.metrics_of("/metrics?max_age=0s").into_iter();
    all.filter(|sample| sample.name.contains("accelerator") && sample.label("id") == group).collect()
}

#[track_caller]
fn eventually_lines(program: &Plimsoll, group: &str) -> Vec<Sample> {
    eventually("lines of its GPU", 15.0, || {
        let lines = lines(program, group);
        if lines.is_empty() { Err(program.log()) } else { Ok(lines) }
    })
}

#[track_caller]
fn value(lines: &[Sample], name: &str, acc_id: &str) -> f64 {
    let one = lines.iter().find(|line| line.name == name && line.label("acc_id") == acc_id);
    let one = one.unwrap_or_else(|| panic!("no {name} of {acc_id} in {lines:?}"));
    assert_eq!((one.label("make"), one.label("model")), ("nvidia", "NVIDIA A100"));
    one.value
}

/// Processes are ended with the test.
struct Sleeper(Child);

impl Sleeper {
    fn inside(group: &Group) -> Self {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{} exec sleep 600", group.enter())).stdin(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_group_whose_process_uses_a_gpu_has_it() {
    require!(Need::Root);
    let folder = common::folder();
    let fake = Fake::new(folder.path()).unwrap();
    fake.says(GPUS);
    let program = start(&fake, &["-docker=", "-containerd=", "-podman="]);
    let group = Group::new(&format!("/{}", unique("plimsoll-gpu")));
    let sleeper = Sleeper::inside(&group);
    let stats = |version: &str| -> Result<Value, String> {
        let info = match version {
            "v1" => program.try_json(&format!("/api/v1.3/containers{}", group.name))?,
            _ => program.fresh("name", &group.name)?,
        };
        info["stats"].as_array().and_then(|all| all.last()).cloned().ok_or(format!("no sample: {info}"))
    };
    let known = eventually("the group", 10.0, || stats("v2"));
    assert!(known.get("accelerators").is_none(), "{known}");
    let pid = sleeper.0.id();
    fake.says(&format!("{GPUS}process gpu=0 pid={pid} memory=104857600 sm=37\n"));
    let lines_of = eventually_lines(&program, &group.name);
    let f = |name: &str, wanted: f64| assert_eq!(value(&lines_of, name, "GPU-aa"), wanted, "{name}");
    f("container_accelerator_memory_total_bytes", 42_949_672_960.0);
    f("container_accelerator_memory_used_bytes", 1_073_741_824.0);
    f("container_accelerator_duty_cycle", 50.0);
    f("plimsoll_container_accelerator_info", 1.0);
    f("plimsoll_container_accelerator_memory_used_bytes", 104_857_600.0);
    f("plimsoll_container_accelerator_processes", 1.0);
    f("plimsoll_container_accelerator_utilization_ratio", 0.37);
    assert!(lines_of.iter().all(|line| line.label("acc_id") == "GPU-aa"), "{lines_of:?}");
    let wanted = json!([{
        "make": "nvidia", "model": "NVIDIA A100", "id": "GPU-aa",
        "memory_total": 42_949_672_960u64, "memory_used": 1_073_741_824, "duty_cycle": 50,
        "processes": [{"pid": pid, "memory_used": 104_857_600, "utilization": 37}],
    }]);
    for version in ["v1", "v2"] {
        let told = eventually("a sample with its GPU", 10.0, || {
            let stats = stats(version)?;
            stats.get("accelerators").cloned().ok_or(format!("none in {stats}"))
        });
        assert_eq!(told, wanted, "{version}");
    }
    // the groups above have none, and the machine has two
    assert!(lines(&program, "/").is_empty());
    let all = program.metrics();
    assert_eq!(all.iter().filter(|sample| sample.name == "plimsoll_accelerator_info").count(), 2);
    // a GPU that falls off the bus takes its own numbers along, and it is told why
    fake.says(&format!("{GPUS}process gpu=0 pid={pid}\nfault nvmlDeviceGetMemoryInfo=15 gpu=0\n"));
    eventually("no memory of a lost GPU", 15.0, || {
        let lines = lines(&program, &group.name);
        let name = |line: &Sample| line.name.clone();
        let names: Vec<String> = lines.iter().map(name).collect();
        if names.iter().any(|name| name.ends_with("memory_total_bytes")) || names.is_empty() {
            return Err(format!("{names:?}"));
        }
        Ok(())
    });
    let report = program.get("/validate/").text();
    assert!(report.contains("Numbers of GPUs: [Missing]"), "{report}");
    assert!(report.contains("GPU 0: nvmlDeviceGetMemoryInfo: the GPU is lost (15)"), "{report}");
    assert!(program.log().contains("the GPU is lost (15)"), "{}", program.log());
}

#[test]
fn a_container_that_was_given_a_gpu_has_it_unused() {
    require!(Need::Docker);
    let folder = common::folder();
    let fake = Fake::new(folder.path()).unwrap();
    fake.says(GPUS);
    // a node as the driver makes it; nobody opens it
    let node = folder.path().join("nvidia1");
    let made = Command::new("mknod").arg(&node).args(["c", "195", "1"]).status().unwrap();
    assert!(made.success());
    let docker = docker::shared();
    let program = start(&fake, &[&docker.flag()]);
    let device = format!("--device={}:/dev/nvidia1", node.display());
    let given = docker.container(&[&device]);
    let without = docker.container(&["--env=NVIDIA_VISIBLE_DEVICES=all"]);
    // all nodes of the host, and the right to none of them
    let sees = docker.container(&["--volume=/dev:/dev"]);
    let lines_of = eventually_lines(&program, &given.group);
    let f = |name: &str, wanted: f64| assert_eq!(value(&lines_of, name, "GPU-bb"), wanted, "{name}");
    f("container_accelerator_memory_used_bytes", 5.0);
    f("container_accelerator_duty_cycle", 0.0);
    f("plimsoll_container_accelerator_processes", 0.0);
    f("plimsoll_container_accelerator_memory_used_bytes", 0.0);
    assert!(lines_of.iter().all(|line| line.label("acc_id") == "GPU-bb"), "{lines_of:?}");
    assert!(lines_of.iter().all(|line| line.label("name") == given.name), "{lines_of:?}");
    for other in [&without, &sees] {
        eventually("the other container", 10.0, || program.fresh("docker", &other.id));
        assert!(lines(&program, &other.group).is_empty(), "{}", other.name);
    }
}

/// The image for GPUs, with the library as NVIDIA's toolkit would mount it.
#[test]
fn the_image_for_gpus_loads_the_library() {
    require!(Need::Docker, Need::Program("ldd"));
    let folder = common::folder();
    let fake = Fake::new(folder.path()).unwrap();
    fake.says(GPUS);
    let docker = docker::shared();
    let context = common::folder();
    let root = context.path().join("root");
    let mut lay_out = Command::new(common::repository().join("deploy/docker/dynamic-root"));
    assert!(lay_out.arg(env!("CARGO_BIN_EXE_plimsoll")).arg(&root).status().unwrap().success());
    let image = "localhost/plimsoll/plimsoll:gpu-test";
    let file = common::repository().join("Dockerfile.gpu");
    let [file, root] = [file, root].map(|path| path.display().to_string());
    docker.run(&["build", "--quiet", "--tag", image, "--file", &file, &root]);
    let name = unique("own");
    let mount = format!("{}:/opt/nvidia:ro", folder.path().display());
    let mounts = ["--volume", "/:/rootfs:ro", "--volume", "/sys:/sys:ro", "--volume", &mount];
    let flags = ["-docker=", "-nvidia_library=/opt/nvidia/libnvidia-ml.so.1"];
    docker.run(&[&["run", "--detach", "--name", &name], &mounts[..], &[image], &flags].concat());
    let inspected = docker.inspect(&name);
    let ip = inspected.pointer("/NetworkSettings/IPAddress").and_then(Value::as_str).unwrap();
    let address: std::net::SocketAddr = format!("{ip}:8080").parse().unwrap();
    eventually("it shows both GPUs", 30.0, || {
        let text = common::http::get(address, "/metrics")?.text();
        let gpus = text.lines().filter(|line| line.starts_with("plimsoll_accelerator_info{")).count();
        if gpus == 2 { Ok(()) } else { Err(docker.try_run(&["logs", "--tail", "20", &name]).stderr) }
    });
    // without --pid=host the driver's numbers are not those of the host's processes
    let report = common::http::get(address, "/validate/").unwrap().text();
    assert!(report.contains("add --pid=host"), "{report}");
    docker.remove(&name);
}

#[test]
fn a_kind_that_is_off_loads_no_library() {
    let folder = common::folder();
    let fake = Fake::new(folder.path()).unwrap();
    fake.says(GPUS);
    let program =
        start(&fake, &["-docker=", "-containerd=", "-podman=", "-disable_metrics=accelerator,tcp,udp"]);
    let maps = || std::fs::read_to_string(format!("/proc/{}/maps", program.child.id())).unwrap();
    let threads = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", program.child.id())).unwrap();
        let name =
            |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        tasks.map(|task| name(task.unwrap()).trim().to_owned()).collect::<Vec<_>>()
    };
    std::thread::sleep(common::seconds(1.5));
    assert!(!maps().contains("libnvidia-ml"));
    assert!(!threads().iter().any(|name| name == "accelerators"), "{:?}", threads());
    let all = program.metrics();
    assert!(!all.iter().any(|sample| sample.name.contains("accelerator")));
}

/// The program as it is shipped is static, where `PLIMSOLL_BIN` names it.
#[test]
fn a_static_program_says_that_it_cannot_load_the_library() {
    if std::env::var_os("PLIMSOLL_BIN").is_none_or(|binary| !is_static(&binary)) {
        common::say(
            "SKIP a_static_program_says_that_it_cannot_load_the_library: PLIMSOLL_BIN is no static program",
        );
        return;
    }
    let folder = common::folder();
    let fake = Fake::new(folder.path()).unwrap();
    let library = format!("-nvidia_library={}", fake.library().display());
    let program = Plimsoll::start(&["-docker=", "-containerd=", "-podman=", &library]);
    eventually("the report says it", 10.0, || {
        let report = program.get("/validate/").text();
        if report.contains("linked statically") && report.contains("LINK=dynamic") {
            Ok(())
        } else {
            Err(report)
        }
    });
    assert!(program.log().contains("linked statically"), "{}", program.log());
}

/// Whether a program asks for no dynamic loader: none of its program headers (ELF, 64 bits) is `PT_INTERP`.
fn is_static(binary: &std::ffi::OsStr) -> bool {
    let bytes = std::fs::read(binary).unwrap_or_default();
    let number = |at: usize, size: usize| {
        let slice = bytes.get(at..at + size).unwrap_or_default();
        slice.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (start, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    count > 0 && (0..count).all(|nth| number(start + nth * size, 4) != 3)
}
