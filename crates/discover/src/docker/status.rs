//! Docker's own description: `/info`, `/version`, `/images/json`.

use std::path::Path;

use plimsoll_core::time::Timestamp;

use crate::runtime::fault::Fault;
use crate::runtime::http::Client;
use crate::runtime::json::{self, ParseError};
use plimsoll_core::runtime::{Image, Status};

/// The longest description, or list of images.
pub(crate) const MOST: usize = 16 << 20;

/// Asks the engine for its description, without the images.
pub(crate) async fn ask(client: &Client, root_dir_default: &Path) -> Result<Status, Fault> {
    let (info, version) = tokio::join!(client.get("/info", MOST), client.get("/version", MOST));
    parse(&info?, &version?, root_dir_default).map_err(|error| Fault::nonsense(&error))
}

/// From `/info` and `/version`. What is missing in them is empty.
///
/// # Errors
/// One of them is no object.
pub(crate) fn parse(info: &[u8], version: &[u8], root_dir_default: &Path) -> Result<Status, ParseError> {
    let info = json::object(info, "/info as an object")?;
    let version = json::object(version, "/version as an object")?;
    let root_dir = json::text(&info, "/DockerRootDir").filter(|dir| !dir.is_empty()).map(str::to_owned);
    Ok(Status {
        version: json::text_or_empty(&version, "/Version"),
        api_version: json::text_or_empty(&version, "/ApiVersion"),
        kernel_version: json::text_or_empty(&info, "/KernelVersion"),
        os: json::text_or_empty(&info, "/OperatingSystem"),
        hostname: json::text_or_empty(&info, "/Name"),
        root_dir: root_dir.unwrap_or_else(|| root_dir_default.display().to_string()),
        driver: json::text_or_empty(&info, "/Driver"),
        driver_status: json::list(&info, "/DriverStatus")
            .iter()
            .filter_map(|pair| Some((json::text(pair, "/0")?.to_owned(), json::text(pair, "/1")?.to_owned())))
            .collect(),
        num_images: json::int(&info, "/Images").unwrap_or(0),
        num_containers: json::int(&info, "/Containers").unwrap_or(0),
        images: Vec::new(),
    })
}

/// From `/images/json`.
///
/// # Errors
/// It is no list.
pub(crate) fn parse_images(bytes: &[u8]) -> Result<Vec<Image>, ParseError> {
    let images = json::array(bytes, "a list of images")?;
    Ok(images
        .iter()
        .filter(|image| image.is_object())
        .map(|image| Image {
            tags: json::list(image, "/RepoTags")
                .iter()
                .filter_map(|tag| Some(tag.as_str()?.to_owned()))
                .collect(),
            id: json::text_or_empty(image, "/Id"),
            // engines since 25 tell Size alone, which is the same number
            virtual_size: json::int(image, "/VirtualSize").or_else(|| json::int(image, "/Size")).unwrap_or(0),
            created: json::int(image, "/Created").map(Timestamp::from_secs),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = include_bytes!("testdata/20.10/info.json");
    const VERSION: &[u8] = include_bytes!("testdata/20.10/version.json");

    #[test]
    fn a_recorded_engine_is_described() {
        let status = parse(INFO, VERSION, Path::new("/none")).unwrap();
        assert_eq!(status.version, "20.10.24+dfsg1");
        assert_eq!(status.api_version, "1.41");
        assert_eq!(status.driver, "overlay2");
        assert_eq!(status.driver_status[0], ("Backing Filesystem".to_owned(), "extfs".to_owned()));
        assert_eq!((status.num_containers, status.num_images), (105, 2));
        assert_eq!(status.root_dir, "/var/lib/docker");
    }

    #[test]
    fn an_engine_that_does_not_tell_its_root_has_the_default() {
        assert_eq!(parse(b"{}", b"{}", Path::new("/elsewhere")).unwrap().root_dir, "/elsewhere");
    }

    #[test]
    fn recorded_images_are_read() {
        let images = parse_images(include_bytes!("testdata/20.10/images.json")).unwrap();
        assert_eq!(images[0].tags, ["busybox:local"]);
        assert_eq!(images[0].virtual_size, 1_982_256);
        assert_eq!(images[0].created, Some(Timestamp::from_secs(1_795_249_942)));
    }

    #[test]
    fn images_without_tags_or_the_older_size_are_read() {
        let images = parse_images(br#"[{"Id":"x","RepoTags":null,"Size":5},3]"#).unwrap();
        assert_eq!(images, [Image { id: "x".to_owned(), virtual_size: 5, ..Image::default() }]);
    }
}
