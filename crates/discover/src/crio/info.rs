//! `GET /info`: CRI-O's description of itself.

use plimsoll_core::runtime::Status;

use crate::runtime::json::{self, ParseError};

/// Reads an answer; what is missing is empty.
pub(super) fn parse(bytes: &[u8]) -> Result<Status, ParseError> {
    let info = json::object(bytes, "/info as an object")?;
    let told = [("cgroup_driver", "Cgroup Driver"), ("storage_image", super::STORAGE_IMAGE)];
    Ok(Status {
        driver: json::text_or_empty(&info, "/storage_driver"),
        root_dir: json::text_or_empty(&info, "/storage_root"),
        driver_status: told
            .iter()
            .filter_map(|(key, name)| {
                Some(((*name).to_owned(), json::text(&info, &format!("/{key}"))?.to_owned()))
            })
            .collect(),
        ..Status::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let status = parse(
            br#"{"storage_driver":"overlay","storage_root":"/var/lib/containers/storage","cgroup_driver":"systemd"}"#,
        )
        .unwrap();
        assert_eq!(
            (status.driver.as_str(), status.root_dir.as_str()),
            ("overlay", "/var/lib/containers/storage")
        );
        assert_eq!(status.driver_status, [("Cgroup Driver".to_owned(), "systemd".to_owned())]);
        assert!(parse(b"[]").is_err());
    }
}
