//! A runtime's description of itself.

use crate::time::Timestamp;

/// What the page shows of a runtime. What a runtime does not tell is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Version.
    pub version: String,
    /// API version.
    pub api_version: String,
    /// uname release.
    pub kernel_version: String,
    /// Operating system.
    pub os: String,
    /// Host name.
    pub hostname: String,
    /// Where it keeps its data.
    pub root_dir: String,
    /// Storage driver.
    pub driver: String,
    /// The storage driver's own words: key and value.
    pub driver_status: Vec<(String, String)>,
    /// Images.
    pub num_images: i64,
    /// Containers, running or not.
    pub num_containers: i64,
    /// The images.
    pub images: Vec<Image>,
}

/// An image that a runtime keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Repository and tag, as `busybox:1`.
    pub tags: Vec<String>,
    /// `sha256:...`.
    pub id: String,
    /// Bytes.
    pub virtual_size: i64,
    /// When it was made.
    pub created: Option<Timestamp>,
}
