//! The machine's description, made at start and renewed now and then.

use std::sync::{Arc, Weak};

use plimsoll_core::machine::{MachineInfo, Versions};
use plimsoll_measure::machine::{self, Options as Files};

use super::stages::Stages;
use super::{Inner, Options, lock};

/// The machine and what runs on it.
pub(super) fn describe(stages: &Stages, options: &Options) -> (MachineInfo, Versions) {
    let (kernel, os) = machine::versions(&options.root);
    let versions = Versions {
        kernel,
        os,
        cadvisor: crate::flags::CADVISOR_VERSION.to_owned(),
        revision: crate::flags::REVISION.to_owned(),
        ..Versions::default()
    };
    (info(stages, options), versions)
}

fn info(stages: &Stages, options: &Options) -> MachineInfo {
    let files = Files {
        machine_id_files: options.machine_id_files.clone(),
        boot_id_files: options.boot_id_files.clone(),
    };
    let mut filesystems = lock(&stages.filesystems);
    filesystems.refresh();
    machine::read(&options.root, &files, &mut filesystems, stages.now())
}

/// Renews the description every `--update_machine_info_interval`.
pub(super) async fn refresh(host: Weak<Inner>) {
    loop {
        let Some(interval) = host.upgrade().map(|host| host.options.machine_interval) else { return };
        if interval.is_zero() {
            return;
        }
        tokio::time::sleep(interval).await;
        let Some(host) = host.upgrade() else { return };
        let renewed = tokio::task::spawn_blocking(move || {
            let machine = info(&host.stages, &host.options);
            *lock(&host.machine) = Arc::new(machine);
        });
        if let Err(error) = renewed.await {
            tracing::error!(%error, "the machine's description was not renewed");
        }
    }
}
