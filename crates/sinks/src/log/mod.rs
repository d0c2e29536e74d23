//! Writes each round into the program's own log: Heapster's sink `log`.

mod text;

use std::sync::Arc;

use plimsoll_core::cluster::batch::Batch;

use crate::options::{BuildError, Options};
use crate::sink::{Sink, Work};
use crate::turn::Turn;

use self::text::Text;

/// A round of a large cluster is a gigabyte of text: it becomes several entries of about this many bytes.
const ENTRY: usize = 1 << 20;

/// `log`: no options.
pub(crate) fn build(options: &mut Options<'_>) -> Result<Box<dyn Sink>, BuildError> {
    if !options.uri().host.is_empty() {
        options.notice("an address has no effect: it writes to the program's own log");
    }
    Ok(Box::new(Log))
}

struct Log;

impl Sink for Log {
    fn name(&self) -> &'static str {
        "Log Sink"
    }

    fn export<'a>(&'a self, batch: Arc<Batch>, _: &'a Turn) -> Work<'a> {
        Box::pin(async move {
            for entry in Text::new(&batch, ENTRY) {
                tracing::info!("{entry}");
                tokio::task::yield_now().await;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use plimsoll_core::cluster::batch::Set;
    use plimsoll_core::cluster::key::Key;
    use plimsoll_core::cluster::metric::Metric;
    use plimsoll_core::time::Timestamp;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_round_stands_in_the_log() {
        let written = Written::default();
        let log = written.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        let mut batch = Batch::new(Timestamp::from_secs(1_473_847_320));
        let mut set = Set::new(Key::Cluster);
        set.values.set_int(Metric::CpuUsageRate, 12);
        batch.insert(set);
        Log.export(Arc::new(batch), &Turn::new(Duration::from_secs(1))).await.unwrap();
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(text.contains("INFO") && text.contains("DataBatch     Timestamp: 2016-09-14"), "{text}");
        assert!(text.contains("\n      cpu/usage_rate = 12\n"), "{text}");
    }
}
