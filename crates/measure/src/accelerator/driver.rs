//! What NVIDIA's kernel driver shows by itself: names and numbers of the GPUs, no use.
//!
//! Reads: proc/driver/nvidia/gpus/*/information, proc/driver/nvidia/capabilities/gpu*/mig/gi*/{,ci*/}access
//! Gives: model, UUID and minor of each GPU; which device node opens which MIG instance
//! Cost:  a file a GPU, two an instance; when containers are looked at anew

use std::path::Path;

use crate::machine::file;

/// A GPU by its names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// `NVIDIA A100-SXM4-40GB`.
    pub model: String,
    /// `GPU-...`; empty where the driver does not tell it yet (`GPU-????...`).
    pub uuid: String,
    /// N of `/dev/nvidiaN`.
    pub minor: Option<u32>,
}

/// The node of an instance: who has the nodes of both its parts may use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The GPU's minor.
    pub gpu: u32,
    /// The number of its part of the GPU.
    pub gpu_instance: u32,
    /// The number of its part of that part; none is the whole part's own node.
    pub compute_instance: Option<u32>,
    /// N of `/dev/nvidia-caps/nvidia-capN`.
    pub minor: u32,
}

/// The GPUs, by their place on the bus.
pub fn gpus(proc: &Path) -> Vec<Named> {
    let folder = proc.join("driver/nvidia/gpus");
    let names = file::names(&folder).unwrap_or_default();
    names
        .iter()
        .filter_map(|name| Some(information(&file::text(&folder.join(name).join("information"))?)))
        .collect()
}

/// `Model: \t\t NVIDIA A100`, a line a thing.
pub fn information(text: &str) -> Named {
    let mut named = Named::default();
    for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        match key.trim() {
            "Model" => value.clone_into(&mut named.model),
            "GPU UUID" if !value.contains('?') => value.clone_into(&mut named.uuid),
            "Device Minor" => named.minor = value.parse().ok(),
            _ => {}
        }
    }
    named
}

/// The nodes of all instances.
pub fn capabilities(proc: &Path) -> Vec<Capability> {
    let mut all = Vec::new();
    let small = |number| u32::try_from(number).ok();
    for (gpu, folder) in file::numbered(&proc.join("driver/nvidia/capabilities"), "gpu") {
        for (gpu_instance, folder) in file::numbered(&folder.join("mig"), "gi") {
            let parts =
                file::numbered(&folder, "ci").into_iter().map(|(number, folder)| (Some(number), folder));
            for (compute_instance, folder) in [(None, folder)].into_iter().chain(parts) {
                let node = || {
                    Some(Capability {
                        gpu: small(gpu)?,
                        gpu_instance: small(gpu_instance)?,
                        compute_instance: compute_instance.and_then(small),
                        minor: access(&file::text(&folder.join("access"))?)?,
                    })
                };
                all.extend(node());
            }
        }
    }
    all
}

/// `DeviceFileMinor: 12`, among other lines.
pub fn access(text: &str) -> Option<u32> {
    text.lines().find_map(|line| line.strip_prefix("DeviceFileMinor:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INFORMATION: &str = "Model: \t\t NVIDIA A100-SXM4-40GB\nIRQ:   \t\t 112\n\
        GPU UUID: \t GPU-3a9e6ea4-1b3a-4a1f-8a0f-1d2f5d2f7b11\nVideo BIOS: \t 92.00.19.00.13\nBus Type: \t PCIe\n\
        DMA Size: \t 47 bits\nDMA Mask: \t 0x7fffffffffff\nBus Location: \t 0000:07:00.0\nDevice Minor: \t 2\n\
        GPU Firmware: \t 535.104.05\nGPU Excluded:\t No\n";

    #[test]
    fn the_driver_names_its_gpus() {
        let named = information(INFORMATION);
        assert_eq!(named.model, "NVIDIA A100-SXM4-40GB");
        assert_eq!(named.uuid, "GPU-3a9e6ea4-1b3a-4a1f-8a0f-1d2f5d2f7b11");
        assert_eq!(named.minor, Some(2));
        let young = information("Model: X\nGPU UUID: \t GPU-????????-????-????-????-????????????\n");
        assert_eq!((young.uuid.as_str(), young.minor), ("", None));
    }

    #[test]
    fn nodes_of_instances_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join("driver/nvidia").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("gpus/0000:07:00.0/information", INFORMATION);
        let access = |minor| format!("DeviceFileMinor: {minor}\nDeviceFileMode: 256\nDeviceFileModify: 1\n");
        write("capabilities/mig/config", &access(1));
        write("capabilities/gpu2/mig/gi3/access", &access(12));
        write("capabilities/gpu2/mig/gi3/ci0/access", &access(13));
        write("capabilities/gpu2/mig/gi4/access", "no number\n");
        let gpus = gpus(folder.path());
        assert_eq!(gpus.len(), 1);
        let node = |compute_instance, minor| Capability { gpu: 2, gpu_instance: 3, compute_instance, minor };
        assert_eq!(capabilities(folder.path()), [node(None, 12), node(Some(0), 13)]);
        assert_eq!(capabilities(Path::new("/nonexistent")), []);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            information(&text);
            access(&text);
        }
    }
}
