//! What serving costs, by route: `plimsoll_http_*` on `/metrics`.
//!
//! Cost: two looks at the clock a request and a part of its body.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::body::Body;
use crate::route::Route;

/// Counters of one route.
struct Meter {
    route: &'static str,
    /// Answers by the first digit of their status, from 1 on.
    answers: [AtomicU64; 5],
    nanos: AtomicU64,
}

const fn meter(route: &'static str) -> Meter {
    Meter { route, answers: [const { AtomicU64::new(0) }; 5], nanos: AtomicU64::new(0) }
}

/// Sorted by name.
static METERS: [Meter; 10] = [
    meter("api/plimsoll"),
    meter("api/v1"),
    meter("api/v2"),
    meter("healthz"),
    meter("kubelet"),
    meter("metrics"),
    meter("other"),
    meter("pages"),
    meter("static"),
    meter("validate"),
];

/// Words for the first digit of a status.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// A request that is being answered.
#[derive(Clone, Copy)]
pub(crate) struct Metered(Option<&'static Meter>);

impl Metered {
    /// By its route.
    pub(crate) fn of(route: &Route<'_>) -> Self {
        let name = match route {
            Route::Healthz => "healthz",
            Route::Validate => "validate",
            Route::Api(path) if path.starts_with("/api/v1.") => "api/v1",
            Route::Api(path) if path.starts_with("/api/v2.") => "api/v2",
            Route::Api(path) if path.starts_with("/api/plimsoll/") => "api/plimsoll",
            Route::Metrics => "metrics",
            Route::Kubelet(_) => "kubelet",
            Route::Containers(_) | Route::Docker(_) | Route::Podman(_) => "pages",
            Route::Static(_) => "static",
            Route::Api(_) | Route::Pprof | Route::Moved(_) | Route::Pages(_) | Route::Nowhere => "other",
        };
        Self(METERS.iter().find(|meter| meter.route == name))
    }

    /// The answer has its head after so long; its body counts what it takes itself.
    pub(crate) fn answered(self, answer: Response<Body>, took: Duration) -> Response<Body> {
        self.count(answer.status());
        self.spent(took);
        answer.map(|body| Counted { body, meter: self }.boxed_unsync())
    }

    fn count(self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).wrapping_sub(1);
        if let Some(count) = self.0.and_then(|meter| meter.answers.get(class)) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn spent(self, took: Duration) {
        if let Some(meter) = self.0 {
            meter.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        }
    }
}

/// A body whose making is counted.
struct Counted {
    body: Body,
    meter: Metered,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let begin = Instant::now();
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.meter.spent(begin.elapsed());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Route, class of status and number of the answers that there were.
pub(crate) fn answers() -> impl Iterator<Item = (&'static str, &'static str, u64)> {
    METERS.iter().flat_map(|meter| {
        let counts = CLASSES
            .iter()
            .zip(&meter.answers)
            .map(|(class, count)| (meter.route, *class, count.load(Relaxed)));
        counts.filter(|(_, _, count)| *count > 0)
    })
}

/// Seconds that each route took that was ever asked for.
pub(crate) fn seconds() -> impl Iterator<Item = (&'static str, f64)> {
    METERS
        .iter()
        .map(|meter| (meter.route, meter.nanos.load(Relaxed) as f64 / 1e9))
        .filter(|(_, took)| *took > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_a_meter_and_they_are_sorted() {
        assert!(METERS.is_sorted_by_key(|meter| meter.route));
        let f = |route: Route<'_>, name| {
            assert_eq!(Metered::of(&route).0.map(|m| m.route), Some(name), "{route:?}")
        };
        f(Route::Healthz, "healthz");
        f(Route::Api("/api/v1.3/containers"), "api/v1");
        f(Route::Api("/api/v2.1/stats"), "api/v2");
        f(Route::Api("/api/plimsoll/v1/ended"), "api/plimsoll");
        f(Route::Api("/api/"), "other");
        f(Route::Docker("x"), "pages");
        f(Route::Nowhere, "other");
        f(Route::Validate, "validate");
        f(Route::Metrics, "metrics");
        f(Route::Kubelet(crate::kubelet::Path::Spec), "kubelet");
        f(Route::Static("x"), "static");
    }

    #[tokio::test]
    async fn answers_and_the_time_of_their_bodies_are_counted() {
        let of =
            |class| answers().find(|(route, c, _)| (*route, *c) == ("other", class)).map_or(0, |(.., n)| n);
        let before = of("4xx");
        let metered = Metered::of(&Route::Nowhere);
        let slow = http_body_util::StreamBody::new(futures_util::stream::once(async {
            std::thread::sleep(Duration::from_millis(20));
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
        }));
        let answer = Response::builder().status(404).body(Body::new(slow)).unwrap();
        let took = || seconds().find(|(route, _)| *route == "other").map_or(0.0, |(_, took)| took);
        let start = took();
        let answer = metered.answered(answer, Duration::from_secs(3));
        assert!(took() >= start + 3.0);
        let headed = took();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "x");
        assert!(took() >= headed + 0.02);
        assert!(of("4xx") > before);
    }
}
