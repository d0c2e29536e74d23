//! InfluxDB 2: an organisation's bucket, which its owner makes and which has its own retention.

use bytes::Bytes;

use super::peer::{Peer, encoded};
use crate::sink::SinkError;

/// A bucket.
pub(super) struct Bucket {
    peer: Peer,
    path: String,
}

impl Bucket {
    pub(super) fn new(peer: Peer, organisation: &str, bucket: &str) -> Self {
        let (org, bucket) = (encoded(organisation), encoded(bucket));
        Self { peer, path: format!("/api/v2/write?org={org}&bucket={bucket}&precision=ns") }
    }

    pub(super) fn base(&self) -> &str {
        &self.peer.base
    }

    /// Writes points. A bucket that is not there refuses them.
    pub(super) async fn write(&self, lines: &Bytes) -> Result<(), SinkError> {
        let answer = self.peer.write(&self.path, lines).await?;
        if answer.status.is_success() { Ok(()) } else { Err(self.peer.refusal("/api/v2/write", &answer)) }
    }
}
