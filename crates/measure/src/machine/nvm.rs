//! Persistent memory: modules that are memory, storage or both (Intel Optane), without Intel's library.
//!
//! Reads: sys/bus/nd/devices/{nmem,region}*, region*/{devtype,size}, ../provider;
//!        sys/firmware/dmi/tables/DMI (root only), memory devices (type 17)
//! Gives: nvm, machine_nvm_*
//! Cost:  a file, and three a region
//!
//! App-direct capacity is what the kernel has as persistent regions (else what the firmware calls non-volatile);
//! memory-mode capacity is what the firmware calls volatile of such modules, which no other file tells. The average
//! power budget is known to Intel's library alone. On a machine without such modules all three are 0, as in cAdvisor.

use std::path::Path;

use plimsoll_core::machine::Nvm;

use super::file;

/// The capacities; absent what the machine has and does not tell.
pub(super) fn read(sys: &Path) -> Nvm {
    if !sys.is_dir() {
        return Nvm::default();
    }
    let bus = sys.join("bus/nd/devices");
    let tables = sys.join("firmware/dmi/tables/DMI");
    // who may not read it has, almost always, no such module
    let firmware = std::fs::read(&tables).ok().map(|table| modules(&table));
    let modules = file::numbered(&bus, "nmem").iter().filter(|(_, dir)| is_firmwares(dir)).count();
    let named = firmware.as_ref().is_some_and(|modules| modules.count > 0);
    if modules == 0 && !named {
        return Nvm {
            memory_mode_capacity: Some(0),
            app_direct_mode_capacity: Some(0),
            avg_power_budget: Some(0),
        };
    }
    if firmware.is_none() {
        file::tell(&tables, &"persistent memory is here, but how much of it is memory only root may read");
    }
    let regions = (modules > 0).then(|| persistent(&bus));
    Nvm {
        memory_mode_capacity: firmware.as_ref().filter(|_| named).and_then(|modules| modules.volatile),
        app_direct_mode_capacity: regions.or(firmware.and_then(|modules| modules.persistent)),
        avg_power_budget: None,
    }
}

/// Bytes of the persistent regions of such modules.
fn persistent(bus: &Path) -> u64 {
    let regions = file::numbered(bus, "region");
    let persistent = regions
        .iter()
        .map(|(_, dir)| dir)
        .filter(|dir| is_firmwares(dir) && file::text(&dir.join("devtype")).as_deref() == Some("nd_pmem"));
    persistent.filter_map(|dir| file::number::<u64>(&dir.join("size"))).fold(0, u64::saturating_add)
}

/// Whether the firmware's table of such modules (NFIT) has it: not memory that a kernel parameter (`e820`) or a
/// virtual machine (`virtio`) sets apart. The bus stands above the device that the link leads to.
fn is_firmwares(device: &Path) -> bool {
    file::text(&device.join("../provider")).as_deref() == Some("ACPI.NFIT")
}

/// What the firmware says of such modules.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Modules {
    /// How many.
    pub count: u64,
    /// Bytes that are memory; absent if it is not told of one.
    pub volatile: Option<u64>,
    /// Bytes that persist; absent likewise.
    pub persistent: Option<u64>,
}

/// Memory devices are structures of type 17; one of this technology (0x28) is such a module.
const MEMORY_DEVICE: u8 = 17;
const TECHNOLOGY: usize = 0x28;
const PERSISTENT_MEMORY: u8 = 7;
const NON_VOLATILE: usize = 0x34;
const VOLATILE: usize = 0x3c;

/// Walks the table of SMBIOS structures: type, length, handle, fields, then text that ends with two zeros.
pub fn modules(table: &[u8]) -> Modules {
    let mut modules = Modules { volatile: Some(0), persistent: Some(0), ..Modules::default() };
    let mut rest = table;
    while let [kind, length, ..] = *rest {
        let Some(fields) = rest.get(..usize::from(length)).filter(|fields| fields.len() >= 4) else { break };
        if kind == MEMORY_DEVICE && fields.get(TECHNOLOGY) == Some(&PERSISTENT_MEMORY) {
            let size = |at: usize| {
                let bytes = fields.get(at..at + 8)?.try_into().ok()?;
                // all ones is unknown
                Some(u64::from_le_bytes(bytes)).filter(|size| *size != u64::MAX)
            };
            let sum = |all: Option<u64>, at| Some(all?.saturating_add(size(at)?));
            modules.count += 1;
            modules.volatile = sum(modules.volatile, VOLATILE);
            modules.persistent = sum(modules.persistent, NON_VOLATILE);
        }
        let text = rest.get(usize::from(length)..).unwrap_or_default();
        let Some(end) = text.windows(2).position(|pair| pair == [0, 0]) else { break };
        rest = text.get(end + 2..).unwrap_or_default();
    }
    modules
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;

    // the trees are as a kernel 6.1 with a QEMU `nvdimm` has them

    /// A memory device as SMBIOS 3.3 has it, with a text behind it.
    fn device(technology: u8, non_volatile: u64, volatile: u64) -> Vec<u8> {
        let mut fields = vec![0; 0x5c];
        (fields[0], fields[1]) = (MEMORY_DEVICE, 0x5c);
        fields[TECHNOLOGY] = technology;
        fields[NON_VOLATILE..NON_VOLATILE + 8].copy_from_slice(&non_volatile.to_le_bytes());
        fields[VOLATILE..VOLATILE + 8].copy_from_slice(&volatile.to_le_bytes());
        fields.extend(b"CPU1_DIMM_A1\0Intel\0\0");
        fields
    }

    /// A processor, without any text.
    fn other() -> Vec<u8> {
        let mut fields = vec![4, 0x30];
        fields.resize(0x30, 0);
        fields.extend([0, 0]);
        fields
    }

    fn table() -> Vec<u8> {
        let parts = [other(), device(3, 0, 32 * GIB), device(7, 96 * GIB, 32 * GIB), device(7, 128 * GIB, 0)];
        [parts.concat(), vec![127, 4, 0, 0, 0, 0]].concat()
    }

    struct Sys(tempfile::TempDir);

    impl Sys {
        fn new() -> Self {
            let sys = Self(tempfile::tempdir().unwrap());
            fs::create_dir_all(sys.0.path().join("bus/nd/devices")).unwrap();
            sys
        }

        fn write(&self, path: &str, bytes: &[u8]) {
            let path = self.0.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }

        /// A device of a bus, with the link that the kernel makes.
        fn device(&self, bus: &str, name: &str, r#type: &str, size: Option<u64>) {
            self.write(&format!("devices/{bus}/{name}/devtype"), format!("{type}\n").as_bytes());
            if let Some(size) = size {
                self.write(&format!("devices/{bus}/{name}/size"), format!("{size}\n").as_bytes());
            }
            let link = self.0.path().join("bus/nd/devices").join(name);
            symlink(format!("../../../devices/{bus}/{name}"), link).unwrap();
        }

        fn bus(&self, bus: &str, provider: &str) {
            self.write(&format!("devices/{bus}/provider"), format!("{provider}\n").as_bytes());
        }

        fn read(&self) -> [Option<u64>; 3] {
            let nvm = read(self.0.path());
            [nvm.memory_mode_capacity, nvm.app_direct_mode_capacity, nvm.avg_power_budget]
        }
    }

    #[test]
    fn a_machine_without_such_modules_has_none() {
        assert_eq!(Sys::new().read(), [Some(0); 3]);
        let sys = Sys::new();
        sys.write("firmware/dmi/tables/DMI", &[other(), device(3, 0, 32 * GIB)].concat());
        // memory that a kernel parameter calls persistent
        sys.bus("platform/ndbus0", "e820");
        sys.device("platform/ndbus0", "region0", "nd_pmem", Some(GIB));
        assert_eq!(sys.read(), [Some(0); 3]);
        assert_eq!(read(Path::new("/nonexistent")), Nvm::default());
    }

    #[test]
    fn regions_persist_and_the_firmware_tells_what_is_memory() {
        let sys = Sys::new();
        sys.bus("ACPI0012:00/ndbus0", "ACPI.NFIT");
        sys.device("ACPI0012:00/ndbus0", "nmem0", "nvdimm", None);
        sys.device("ACPI0012:00/ndbus0", "region0", "nd_pmem", Some(200 * GIB));
        sys.device("ACPI0012:00/ndbus0", "region1", "nd_volatile", Some(32 * GIB));
        assert_eq!(sys.read(), [None, Some(200 * GIB), None], "not root");
        sys.write("firmware/dmi/tables/DMI", &table());
        assert_eq!(sys.read(), [Some(32 * GIB), Some(200 * GIB), None]);
    }

    #[test]
    fn without_the_kernels_driver_the_firmware_tells_both() {
        let sys = Sys::new();
        sys.write("firmware/dmi/tables/DMI", &table());
        assert_eq!(sys.read(), [Some(32 * GIB), Some(224 * GIB), None]);
        sys.write("firmware/dmi/tables/DMI", &device(7, u64::MAX, 5));
        assert_eq!(sys.read(), [Some(5), None, None]);
        // a structure of before SMBIOS 3.2 has no such fields
        let mut short = device(7, 1, 2);
        short[1] = 0x2a;
        assert_eq!(modules(&short), Modules { count: 1, volatile: None, persistent: None });
    }

    proptest! {
        #[test]
        fn no_table_makes_it_panic(mut table in prop::collection::vec(any::<u8>(), 0..300), at in 0..300usize) {
            modules(&table);
            if let Some(byte) = table.get_mut(at) {
                *byte = MEMORY_DEVICE;
            }
            table.extend(device(7, 1, 2));
            modules(&table);
        }
    }
}
