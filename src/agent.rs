//! The host agent from its settings: build, serve, end on a signal.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll::flags::settings::{Auth, Listen, Settings};
use plimsoll::host::{Host, Options, Pace, RoundOptions};
use plimsoll::{flags, server};
use plimsoll_core::event::EventType;
use plimsoll_discover::runtime::endpoint::Tls;
use plimsoll_discover::runtime::timeouts::Timeouts;
use plimsoll_discover::{containerd, crio, docker, lxc, mesos, podman, runtime, systemd};
use plimsoll_kernel::code;
use plimsoll_kernel::root::Root;
use plimsoll_measure::perf;
use plimsoll_retain::events::{Limit, Limits};
use plimsoll_serve::app;
use plimsoll_serve::auth::Guard;
use plimsoll_serve::labels::LabelRules;
use plimsoll_serve::listen::{Address, Bound};
use plimsoll_serve::tls::Tls as ServerTls;
use tokio::signal::unix::{SignalKind, signal};

use crate::address::resolve;

type Failure = Box<dyn Error + Send + Sync>;

/// Runs until SIGTERM or SIGINT.
pub(crate) async fn run(settings: Settings) -> Result<(), Failure> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    root_is_there(&settings)?;
    let serving = serving(&settings)?;
    let bound = Bound::bind(&address(&settings.serving.listen).await?).await?;
    let tls = tls(&settings)?;
    let perf_events = settings.selection.perf_events_config.as_deref().map(perf_events).transpose()?;
    let options = Options { perf_events, ..options(&settings) };
    let host = Host::new(options, tokio::runtime::Handle::current())?;
    let app = Arc::new(host.app(serving));
    host.start()?;
    tracing::info!(address = %bound.address(), version = flags::VERSION, "serving");
    tokio::spawn(forget_the_start());
    let ended = async {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        tracing::info!("ending");
    };
    server::serve(app, bound, tls, ended).await;
    tokio::task::spawn_blocking(move || host.stop()).await?;
    Ok(())
}

/// How long the start takes at most, with every runtime of the machine.
const STARTED_WITHIN: Duration = Duration::from_secs(30);

/// Gives back what of the program was needed to start alone: a tenth of its memory.
async fn forget_the_start() {
    tokio::time::sleep(STARTED_WITHIN).await;
    match tokio::task::spawn_blocking(code::forget).await {
        Ok(Err(error)) => tracing::debug!(%error, "the start's memory is kept"),
        Ok(Ok(bytes)) => tracing::debug!(bytes, "pages of the program are read anew when they are needed"),
        Err(_) => {}
    }
}

/// A host that serves nobody, for `plimsoll top`: what is shown every `interval` is not read more often.
///
/// # Errors
/// The machine's cgroups cannot be read.
#[cfg(feature = "top")]
pub(crate) fn unserved(settings: &Settings, interval: Duration) -> Result<Host, Failure> {
    root_is_there(settings)?;
    let options = options(settings);
    let pace = Pace { base: options.pace.base.max(interval), ..options.pace };
    let host = Host::new(Options { pace, ..options }, tokio::runtime::Handle::current())?;
    host.start()?;
    Ok(host)
}

/// Threads that answer: as many as there are CPUs and `--max_procs` allows, at most four.
pub(crate) fn workers(settings: &Settings) -> usize {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let allowed = if settings.machine.max_procs == 0 { cpus } else { settings.machine.max_procs };
    allowed.clamp(1, 4)
}

async fn address(listen: &Listen) -> Result<Address, Failure> {
    match listen {
        Listen::Unix(path) => Ok(Address::Unix(path.clone())),
        Listen::Tcp { host, port } => resolve("listen_ip", host, *port).await,
    }
}

fn tls(settings: &Settings) -> Result<Option<ServerTls>, Failure> {
    let Some(tls) = &settings.serving.tls else { return Ok(None) };
    Ok(Some(ServerTls::load(tls.cert.clone(), tls.key.clone(), tls.client_ca.clone())?))
}

/// A wrong `--rootfs` would leave every number of the host out.
fn root_is_there(settings: &Settings) -> Result<(), Failure> {
    let Some(rootfs) = &settings.machine.rootfs else { return Ok(()) };
    readable("rootfs", &rootfs.join("proc/stat"))
}

/// Whether a file that a flag names can be read; the failure says which and why.
fn readable(flag: &str, file: &Path) -> Result<(), Failure> {
    let read = std::fs::File::open(file).and_then(|mut file| std::io::Read::read(&mut file, &mut [0]));
    read.map(drop).map_err(|error| format!("-{flag}: cannot read {}: {error}", file.display()).into())
}

/// Which perf events are counted; a file that cannot be understood ends the start, as with cAdvisor.
fn perf_events(file: &Path) -> Result<perf::Config, Failure> {
    let wrong = |what: &dyn std::fmt::Display| format!("-perf_events_config: {}: {what}", file.display());
    let text = std::fs::read(file).map_err(|error| wrong(&error))?;
    Ok(perf::Config::parse(&text).map_err(|error| wrong(&error))?)
}

fn guard(auth: &Auth) -> Result<Guard, Failure> {
    Ok(match auth {
        Auth::Basic { file, realm } => {
            readable("http_auth_file", file)?;
            Guard::basic(file.clone(), realm.clone())
        }
        Auth::Digest { file, realm } => {
            readable("http_digest_file", file)?;
            Guard::digest(file.clone(), realm.clone())
        }
    })
}

fn serving(settings: &Settings) -> Result<app::Options, Failure> {
    let guard = settings.serving.auth.as_ref().map(guard).transpose()?;
    Ok(app::Options {
        url_base_prefix: settings.serving.url_base_prefix.clone(),
        prometheus_endpoint: settings.serving.prometheus_endpoint.clone(),
        protect: app::Protect { guard, all: settings.serving.auth_all },
        kinds: settings.selection.kinds,
        profiling: settings.serving.profiling,
    })
}

fn options(settings: &Settings) -> Options {
    let Settings { labels, selection, pace, memory, machine, .. } = settings;
    let mut event_limits = Limits::default();
    for kind in EventType::ALL {
        *event_limits.of_mut(kind) = Limit {
            age_nanos: i64::try_from(memory.event_age.of(kind).as_nanos()).unwrap_or(i64::MAX),
            count: Some(memory.event_count.of(kind)),
        };
    }
    Options {
        root: root(settings),
        kinds: selection.kinds,
        pace: Pace {
            base: pace.interval,
            longest: pace.max_interval,
            dynamic: pace.dynamic,
            splay: pace.initial_splay,
            jitter: pace.jitter,
        },
        global_interval: pace.global_interval,
        machine_interval: pace.machine_info_interval,
        disk_interval: pace.disk_interval,
        rounds: RoundOptions {
            sockets: pace.socket_interval,
            load: pace.load_reader,
            referenced: selection.referenced_read_interval,
            referenced_reset: selection.referenced_reset_interval,
        },
        resctrl_interval: selection.resctrl_interval,
        nvidia_library: selection.nvidia_library.clone(),
        storage_duration: memory.storage_duration,
        sampling_threads: pace.sampling_threads,
        open_files: machine.open_files,
        label_rules: LabelRules {
            store_container_labels: labels.store_container_labels,
            whitelisted: labels.whitelist.clone(),
            function: None,
        },
        docker_only: selection.docker_only,
        raw_prefixes: selection.raw_prefixes.clone(),
        container_hints: selection.container_hints.clone(),
        without_root_stats: selection.disable_root_cgroup_stats,
        runtimes: runtimes_of(settings),
        event_limits,
        ended_containers: memory.ended_containers,
        ended_age: memory.ended_age,
        application_metrics: selection.application_metrics_count_limit,
        application_series: selection.application_metrics_series_limit,
        application_own_address: selection.application_metrics_own_address,
        collector_identity: selection
            .collector_identity
            .clone()
            .map(|(cert, key)| plimsoll_poll::Identity { cert, key }),
        machine_id_files: machine.machine_id_files.clone(),
        boot_id_files: machine.boot_id_files.clone(),
        ..Options::default()
    }
}

/// A runtime whose address is empty is not asked.
fn runtimes_of(settings: &Settings) -> Vec<runtime::Config> {
    let runtimes = &settings.runtimes;
    let mut all = Vec::new();
    if !runtimes.docker.is_empty() {
        all.push(runtime::Config::Docker(docker_config(settings)));
    }
    if !runtimes.containerd.as_os_str().is_empty() {
        all.push(runtime::Config::Containerd(containerd_config(settings)));
    }
    let root = root(settings);
    let mut timeouts = Timeouts::default();
    if !runtimes.crio_client_timeout.is_zero() {
        (timeouts.answer, timeouts.ping) = (runtimes.crio_client_timeout, runtimes.crio_client_timeout);
    }
    if !runtimes.crio.as_os_str().is_empty() {
        all.push(runtime::Config::Crio(crio::Config {
            socket: runtimes.crio.clone(),
            proc: root.proc.clone(),
            rootfs: root.rootfs.clone(),
            timeouts,
        }));
    }
    if !runtimes.podman.is_empty() {
        all.push(runtime::Config::Podman(podman::Config {
            endpoint: runtimes.podman.clone(),
            env_whitelist: settings.labels.env_prefixes.clone(),
            proc: root.proc.clone(),
            rootfs: root.rootfs.clone(),
            ..podman::Config::default()
        }));
    }
    all.push(runtime::Config::Lxc(lxc::Config {
        env_whitelist: settings.labels.env_prefixes.clone(),
        proc: root.proc.clone(),
        rootfs: root.rootfs.clone(),
    }));
    all.push(runtime::Config::Systemd(systemd::Config { proc: root.proc, rootfs: root.rootfs }));
    if !runtimes.mesos_agent.is_empty() {
        all.push(runtime::Config::Mesos(mesos::Config {
            agent: runtimes.mesos_agent.clone(),
            timeout: runtimes.mesos_agent_timeout,
        }));
    }
    all
}

fn containerd_config(settings: &Settings) -> containerd::Config {
    let runtimes = &settings.runtimes;
    containerd::Config {
        socket: runtimes.containerd.clone(),
        namespace: runtimes.containerd_namespace.clone(),
        env_whitelist: or(&runtimes.containerd_env_prefixes, &settings.labels.env_prefixes),
        proc: root(settings).proc,
        ..containerd::Config::default()
    }
}

/// The list, or the other one where it is empty.
fn or(list: &[String], other: &[String]) -> Vec<String> {
    if list.is_empty() { other } else { list }.to_vec()
}

fn root(settings: &Settings) -> Root {
    settings.machine.rootfs.as_deref().map_or_else(Root::detect, Root::with_rootfs)
}

fn docker_config(settings: &Settings) -> docker::Config {
    let runtimes = &settings.runtimes;
    docker::Config {
        endpoint: runtimes.docker.clone(),
        tls: runtimes.docker_tls.as_ref().map(|tls| Tls {
            cert: tls.cert.clone(),
            key: tls.key.clone(),
            ca: tls.ca.clone(),
        }),
        env_whitelist: or(&runtimes.docker_env_prefixes, &settings.labels.env_prefixes),
        root_dir_default: runtimes.docker_root.clone(),
        ..docker::Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving_with(auth: Auth) -> Result<app::Options, Failure> {
        let mut settings = Settings::default();
        settings.serving.auth = Some(auth);
        serving(&settings)
    }

    #[test]
    fn a_file_of_users_that_cannot_be_read_is_named() {
        let realm = || "localhost".to_owned();
        for (auth, flag) in [
            (Auth::Basic { file: "/nonexistent/users".into(), realm: realm() }, "-http_auth_file"),
            (Auth::Digest { file: "/nonexistent/users".into(), realm: realm() }, "-http_digest_file"),
            (Auth::Basic { file: "/".into(), realm: realm() }, "-http_auth_file"),
        ] {
            let Err(error) = serving_with(auth) else { panic!("taken") };
            assert!(error.to_string().starts_with(&format!("{flag}: cannot read /")), "{error}");
        }
        assert!(serving_with(Auth::Basic { file: "/dev/null".into(), realm: realm() }).is_ok());
    }

    #[test]
    fn a_configuration_of_perf_events_that_is_none_ends_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("perf.json");
        let f = |said: &str| {
            let error = perf_events(&file).unwrap_err().to_string();
            assert!(error.starts_with("-perf_events_config: /") && error.contains(said), "{error}");
        };
        f("perf.json: No such file");
        for (text, said) in [("[]", "expected an object"), ("{}", "no events"), ("{", "EOF")] {
            std::fs::write(&file, text).unwrap();
            f(said);
        }
        std::fs::write(&file, r#"{"core":{"events":["context-switches"]}}"#).unwrap();
        assert_eq!(perf_events(&file).unwrap().core.groups, [["context-switches"]]);
    }

    #[test]
    fn a_root_without_proc_is_refused() {
        let mut settings = Settings::default();
        assert!(root_is_there(&settings).is_ok());
        settings.machine.rootfs = Some("/nonexistent".into());
        let error = root_is_there(&settings).unwrap_err().to_string();
        assert!(error.starts_with("-rootfs: cannot read /nonexistent/proc/stat: "), "{error}");
    }
}
