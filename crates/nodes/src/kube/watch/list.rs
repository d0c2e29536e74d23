//! All objects of a resource, in pages.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::One;
use crate::kube::ask::{self, ApiError};
use crate::kube::object::Item;
use crate::kube::store;

/// Objects a page.
const PAGE: &str = "500";
/// For one page, on a busy server.
const WITHIN: Duration = Duration::from_secs(60);

const WHOLE: &str = "application/json";
const BARE: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

#[derive(Deserialize)]
struct Page<'a> {
    metadata: Meta,
    /// Each is read by itself, so that one that cannot be read is missing alone.
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[derive(Default)]
struct Meta {
    resource_version: String,
    #[serde(rename = "continue")]
    more: String,
}

impl One {
    /// Puts all that there is in the place of what was known. Gives the version to watch from.
    pub(super) async fn list(&mut self) -> Result<String, ApiError> {
        let mut all = Vec::new();
        let mut more = String::new();
        let version = loop {
            let mut query = vec![("limit", PAGE)];
            if !more.is_empty() {
                query.push(("continue", &more));
            }
            let accept = if self.resource.is_bare() { BARE } else { WHOLE };
            let request = ask::get(&self.target(&query), accept)?;
            let body = ask::whole(&self.client, request, WITHIN).await?;
            let page: Page<'_> =
                serde_json::from_slice(&body).map_err(|error| ApiError::unreadable(&error))?;
            all.append(&mut self.items(&page));
            if page.metadata.more.is_empty() {
                break page.metadata.resource_version;
            }
            more = page.metadata.more;
        };
        if version.is_empty() {
            return Err(ApiError::Unreadable("the list has no metadata.resourceVersion".to_owned()));
        }
        store::replace(&self.objects, self.resource, all);
        self.state.send_modify(|state| {
            state.listed = true;
            state.lists += 1;
        });
        Ok(version)
    }

    fn items(&mut self, page: &Page<'_>) -> Vec<Item> {
        let mut items = Vec::new();
        for json in page.items.iter().flatten() {
            match self.maker.item(self.resource, json.get()) {
                Ok((_, item)) => items.push(item),
                Err(error) => self.unreadable(&error),
            }
        }
        store::settled(&self.objects, &mut items);
        items
    }
}
