//! What changes: a line of JSON for each change, as long as the watch lasts.

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{One, SILENCE, WATCH};
use crate::kube::ask::{self, ApiError, LARGEST, Status};
use crate::kube::store;

const WHOLE: &str = "application/json";
const BARE: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// How a watch ends without a fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server ended it; it goes on from the last version.
    Time,
    /// The server no longer knows what came after the version.
    Forgotten,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Of an object that is not read otherwise.
#[derive(Deserialize)]
struct Versioned {
    metadata: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    resource_version: String,
}

impl One {
    /// Watches from `version` on, which becomes that of the last change.
    pub(super) async fn watch(&mut self, version: &mut String) -> Result<End, ApiError> {
        let seconds = WATCH.as_secs().to_string();
        let query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", &*seconds),
            ("resourceVersion", version.as_str()),
        ];
        let accept = if self.resource.is_bare() { BARE } else { WHOLE };
        let request = ask::get(&self.target(&query), accept)?;
        let answer = match ask::begin(&self.client, request, SILENCE).await {
            Err(error) if error.is_expired() => return Ok(End::Forgotten),
            answer => answer?,
        };
        let mut body = answer.into_body();
        let mut buffer = BytesMut::new();
        // up to here there is no line's end
        let mut searched = 0;
        loop {
            let tail = buffer.get(searched..).unwrap_or_default();
            if let Some(end) = tail.iter().position(|byte| *byte == b'\n') {
                let line = buffer.split_to(searched + end);
                buffer.advance(1);
                searched = 0;
                if let Some(end) = self.line(&line, version)? {
                    return Ok(end);
                }
                continue;
            }
            searched = buffer.len();
            if searched > LARGEST {
                return Err(ApiError::Unreadable(format!("a change is larger than {LARGEST} bytes")));
            }
            let frame = tokio::time::timeout(SILENCE, body.frame()).await;
            match frame.map_err(|_| ApiError::Late(SILENCE))? {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => return Err(ApiError::Failed(plimsoll_client::chain(&error))),
                // a last line without its end was cut: the change comes again
                None => return Ok(End::Time),
            }
        }
    }

    /// Takes one change.
    fn line(&mut self, line: &[u8], version: &mut String) -> Result<Option<End>, ApiError> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let Line { kind, object } =
            serde_json::from_slice(line).map_err(|error| ApiError::unreadable(&error))?;
        let json = object.get();
        if kind == "ERROR" {
            let status: Status = serde_json::from_str(json).map_err(|error| ApiError::unreadable(&error))?;
            let error = status.error();
            return if error.is_expired() { Ok(Some(End::Forgotten)) } else { Err(error) };
        }
        let new = match kind {
            "ADDED" | "MODIFIED" | "DELETED" => match self.maker.item(self.resource, json) {
                Ok((new, item)) => {
                    if kind == "DELETED" {
                        store::remove(&self.objects, &item);
                    } else {
                        store::put(&self.objects, item);
                    }
                    self.state.send_modify(|state| state.changes += 1);
                    new
                }
                Err(error) => {
                    self.unreadable(&error);
                    versioned(json)
                }
            },
            // bookmarks, and what later servers may say
            _ => versioned(json),
        };
        if !new.is_empty() {
            *version = new;
        }
        self.fine();
        Ok(None)
    }
}

fn versioned(json: &str) -> String {
    serde_json::from_str::<Versioned>(json).map(|object| object.metadata.resource_version).unwrap_or_default()
}
