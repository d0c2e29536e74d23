//! Which cloud the machine runs in, by what its firmware says. Asks no network.
//!
//! Reads: sys/class/dmi/id/{sys_vendor,bios_vendor,bios_version,product_name,product_version,product_uuid,
//!        board_asset_tag,chassis_asset_tag}
//! Gives: cloud_provider, instance_type, instance_id
//! Cost:  eight files

use std::path::Path;

use super::file;

/// What Azure writes into the chassis' asset tag of each virtual machine; Hyper-V elsewhere has the same vendor
/// but not this tag.
const AZURE_TAG: &str = "7783-7084-3265-9085-8269-3286-77";
const UNKNOWN: &str = "Unknown";

/// Where the machine runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cloud {
    pub(super) provider: &'static str,
    pub(super) instance_type: String,
    pub(super) instance_id: String,
}

/// Decides by the DMI folder; `Unknown` without it.
pub(super) fn detect(dmi: &Path) -> Cloud {
    let read = |name: &str| file::text(&dmi.join(name)).unwrap_or_default();
    let cloud = |provider, instance_type: Option<String>, instance_id| Cloud {
        provider,
        instance_type: instance_type.unwrap_or_else(|| UNKNOWN.to_owned()),
        instance_id,
    };
    let product = read("product_name");
    if product.contains("Google") {
        return cloud("GCE", None, String::new());
    }
    let amazon = ["sys_vendor", "bios_vendor", "bios_version", "product_version"];
    if amazon.iter().any(|name| read(name).to_ascii_lowercase().contains("amazon")) {
        // Nitro machines are named by their type and tagged with their id; on Xen it is "HVM domU" and no tag
        let tag = read("board_asset_tag");
        let id = if tag.starts_with("i-") { tag } else { String::new() };
        return cloud("AWS", product.contains('.').then_some(product), id);
    }
    if read("sys_vendor") == "Microsoft Corporation" && read("chassis_asset_tag") == AZURE_TAG {
        return cloud("Azure", None, read("product_uuid"));
    }
    cloud(UNKNOWN, None, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Cloud {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), format!("{text}\n")).unwrap();
        }
        detect(dir.path())
    }

    fn cloud(provider: &'static str, instance_type: &str, instance_id: &str) -> Cloud {
        Cloud { provider, instance_type: instance_type.to_owned(), instance_id: instance_id.to_owned() }
    }

    #[test]
    fn firmware_names_the_cloud() {
        assert_eq!(of(&[("product_name", "Google Compute Engine")]), cloud("GCE", "Unknown", ""));
        assert_eq!(
            of(&[("sys_vendor", "Amazon EC2"), ("product_name", "m5.large"), ("board_asset_tag", "i-0abc")]),
            cloud("AWS", "m5.large", "i-0abc")
        );
        assert_eq!(
            of(&[("bios_version", "4.11.amazon"), ("product_name", "HVM domU")]),
            cloud("AWS", "Unknown", "")
        );
        let azure = [
            ("sys_vendor", "Microsoft Corporation"),
            ("chassis_asset_tag", AZURE_TAG),
            ("product_uuid", "u"),
        ];
        assert_eq!(of(&azure), cloud("Azure", "Unknown", "u"));
    }

    #[test]
    fn hyper_v_at_home_is_not_azure() {
        assert_eq!(of(&[("sys_vendor", "Microsoft Corporation")]), cloud("Unknown", "Unknown", ""));
        assert_eq!(of(&[]), cloud("Unknown", "Unknown", ""));
    }
}
