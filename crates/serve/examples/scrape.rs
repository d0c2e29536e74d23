//! How long a scrape of many containers takes: microseconds a render, as it is and compressed.
//!
//! `cargo run --release -p plimsoll-serve --example scrape`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;
use std::time::Instant;

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use plimsoll_core::family::Row;
use plimsoll_core::kinds::Kinds;
use plimsoll_measure::sample::Sample;
use plimsoll_serve::metrics::{MetricsOptions, answer};
use plimsoll_serve::past::Past;

#[path = "../tests/fake/mod.rs"]
mod fake;

/// Series that a container should have with default flags.
const SERIES: usize = 75;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // the families of the made-up host under more and more names, until there are enough of them
    let mut rows: Vec<&'static Row<Sample>> = Vec::new();
    let each = fake::ROWS.len() + 3;
    for round in 0..=SERIES.saturating_sub(10) / each {
        rows.extend(fake::ROWS.iter().map(|row| renamed(row, round)));
    }
    let options = MetricsOptions::new(Kinds::default(), &rows, fake::MACHINE);
    println!("containers  encoding     accept       series      bytes   best µs  median µs");
    for count in [100, 1000] {
        let past: Arc<dyn Past> = Arc::new(fake::busy(count));
        for (encoding, accept) in [
            ("identity", "*/*"),
            ("identity", "application/openmetrics-text"),
            ("gzip", "*/*"),
            ("zstd", "*/*"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            let mut times = Vec::new();
            let (mut bytes, mut lines) = (0, 0);
            for run in 0..31 {
                let start = Instant::now();
                let mut body = answer(&past, &options, None, None, &headers).await.into_body();
                bytes = 0;
                while let Some(frame) = body.frame().await {
                    let data = frame.unwrap().into_data().unwrap();
                    bytes += data.len();
                    // the first run only counts
                    if run == 0 {
                        lines += data.split(|b| *b == b'\n').filter(|line| !line.starts_with(b"#")).count();
                    }
                }
                if run > 0 {
                    times.push(start.elapsed().as_micros());
                }
            }
            times.sort_unstable();
            println!(
                "{count:>10}  {encoding:<12} {:<12} {:>6} {bytes:>10} {:>9} {:>10}",
                accept.get(..12).unwrap_or(accept),
                if encoding == "identity" { lines.to_string() } else { String::new() },
                times[0],
                times[times.len() / 2],
            );
        }
    }
}

fn renamed(row: &'static Row<Sample>, round: usize) -> &'static Row<Sample> {
    let name = match round {
        0 => row.name,
        _ => Box::leak(format!("{}_{round}", row.name).into_boxed_str()),
    };
    Box::leak(Box::new(Row { name, ..*row }))
}
