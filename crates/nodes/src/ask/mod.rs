//! One node is asked: where, with which credentials, for what, and what becomes of its answer.

mod access;
mod finer;
mod route;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, CONTENT_ENCODING};
use http::{HeaderValue, StatusCode};
use plimsoll_client::{AskError, Limits, ManyClient, TlsError};
use plimsoll_core::cluster::batch::Set;
use plimsoll_core::cluster::objects::Node;

pub(crate) use self::access::authority;
pub use self::access::{AddressRule, NoAddress, NodeAccess};
pub use self::route::{Choice, ChoiceError, PATH_ANNOTATION, Route};
use crate::decode::{DecodeError, Reading};
use crate::kube::TokenError;

/// A node that answers a later question only is asked the first ones again after so long.
const AGAIN: Duration = Duration::from_secs(600);

/// What a node answered.
#[derive(Debug)]
pub struct Told {
    /// To which question.
    pub route: Route,
    /// What it says.
    pub sets: Vec<Set>,
    /// Bytes of the answer, and of a second that gave finer times.
    pub bytes: usize,
}

/// Why there are no numbers of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It has no address.
    #[error(transparent)]
    NoAddress(#[from] NoAddress),
    /// Nobody there, no TLS with them, or they hung up.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// It was too large.
    #[error("{0}: the answer is larger than {1} bytes")]
    Large(String, usize),
    /// It refused every question.
    #[error("{0}")]
    Refused(String),
    /// It answered something else.
    #[error("{0}: {1}")]
    Unreadable(String, DecodeError),
}

impl Fault {
    /// Every kind, for counters.
    pub const KINDS: [&str; 6] = ["no_address", "unreachable", "late", "large", "refused", "unreadable"];

    /// Which of [`Self::KINDS`].
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoAddress(_) => "no_address",
            Self::Unreachable(_) => "unreachable",
            Self::Late(_) => "late",
            Self::Large(..) => "large",
            Self::Refused(_) => "refused",
            Self::Unreadable(..) => "unreadable",
        }
    }
}

/// Which question a node answers, learned by asking. Forgotten when the node cannot be reached: what comes back may be
/// another version.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Learned {
    /// The place of the question among the choice's, and since when it is the one; none while it is the first.
    place: Option<(usize, Instant)>,
    /// Since when finer times are not to be had.
    coarse: Option<Instant>,
}

impl Learned {
    fn first(self) -> usize {
        self.place.filter(|(_, since)| since.elapsed() < AGAIN).map_or(0, |(place, _)| place)
    }

    fn answered(&mut self, place: usize) {
        match self.place {
            Some((known, since)) if known == place && since.elapsed() < AGAIN => {}
            _ => self.place = (place > 0).then(|| (place, Instant::now())),
        }
    }
}

/// Asks nodes.
pub(crate) struct Asker {
    client: ManyClient,
    access: NodeAccess,
    shown: Mutex<Shown>,
}

/// What was shown last to say who asks, and what is wrong with the token since.
#[derive(Default)]
struct Shown {
    header: Option<HeaderValue>,
    wrong: Option<String>,
}

/// A node, and where it is asked.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) node: Arc<Node>,
    pub(crate) authority: Result<String, NoAddress>,
}

impl Asker {
    /// # Errors
    /// A file of the certificates is missing or has something else in it.
    pub(crate) fn new(access: NodeAccess) -> Result<Self, TlsError> {
        Ok(Self { client: ManyClient::new(&access.tls)?, access, shown: Mutex::default() })
    }

    pub(crate) fn access(&self) -> &NodeAccess {
        &self.access
    }

    /// What is to be shown now. While there is no new token, or none comes `within`, it is the last one.
    pub(crate) async fn shown(&self, within: Duration) -> Option<HeaderValue> {
        let told = tokio::time::timeout(within, self.access.token.header()).await;
        let late = |_| TokenError::Kubeconfig(format!("no new token within {within:?}"));
        let told = told.map_err(late).and_then(|told| told);
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match told {
            Ok(header) => *shown = Shown { header, wrong: None },
            Err(error) => {
                let words = error.to_string();
                if shown.wrong.as_ref() != Some(&words) {
                    tracing::warn!(error = words, "nodes are asked with the last token, or with none");
                    shown.wrong = Some(words);
                }
            }
        }
        shown.header.clone()
    }

    /// Asks one question after the other until one is answered, all of them `within`. What that one says stands, whether
    /// the finer times for it can be had or not.
    pub(crate) async fn ask(
        &self,
        target: &Target,
        choice: &Choice,
        learned: &mut Learned,
        shown: Option<&HeaderValue>,
        reading: &Reading<'_>,
        within: Duration,
    ) -> Result<Told, Fault> {
        let authority = target.authority.clone()?;
        let base = format!("{}://{authority}", if self.access.https { "https" } else { "http" });
        let end = Instant::now() + within;
        let first = learned.first();
        let routes = choice.routes();
        let order = (first..routes.len()).chain(0..first.min(routes.len()));
        let mut passed: Option<Fault> = None;
        for place in order {
            let Some(route) = routes.get(place).copied() else { continue };
            let left = end.saturating_duration_since(Instant::now());
            match self.ask_once(route, &base, shown, reading, left).await {
                Ok(mut told) => {
                    learned.answered(place);
                    if choice.is_sharpened(place) {
                        self.sharpen(&mut told, &base, learned, shown, reading, end).await;
                    }
                    return Ok(told);
                }
                // with the first one's words: it is what was wanted
                Err(Passed::Next(fault)) => passed = passed.or(Some(fault)),
                Err(Passed::End(Fault::Late(_))) => {
                    *learned = Learned::default();
                    return Err(Fault::Late(within));
                }
                Err(Passed::End(fault)) => {
                    *learned = Learned::default();
                    return Err(fault);
                }
            }
        }
        *learned = Learned::default();
        Err(passed.unwrap_or(Fault::Late(within)))
    }

    /// Asks for the finer times of what was told, unless they were not to be had lately.
    async fn sharpen(
        &self,
        told: &mut Told,
        base: &str,
        learned: &mut Learned,
        shown: Option<&HeaderValue>,
        reading: &Reading<'_>,
        end: Instant,
    ) {
        if learned.coarse.is_some_and(|since| since.elapsed() < AGAIN) {
            return;
        }
        // not all of it: what was told already has to arrive in time
        let half = end.saturating_duration_since(Instant::now()) / 2;
        let finer = self.ask_once(Route::Resource, base, shown, reading, half).await;
        learned.coarse = finer.is_err().then(Instant::now);
        if let Ok(finer) = finer {
            finer::sharpen(&mut told.sets, &finer.sets);
            told.bytes += finer.bytes;
        }
    }

    async fn ask_once(
        &self,
        route: Route,
        base: &str,
        shown: Option<&HeaderValue>,
        reading: &Reading<'_>,
        within: Duration,
    ) -> Result<Told, Passed> {
        let what = || route.shown(reading.node);
        let mut request = route
            .request(base, reading.node)
            .map_err(|error| Passed::End(Fault::Unreachable(format!("{base}: {error}"))))?;
        if let Some(header) = shown {
            request.headers_mut().insert(AUTHORIZATION, header.clone());
        }
        let limits = Limits { within, body: self.access.body };
        let answer = self.client.ask(request, limits).await.map_err(|error| {
            Passed::End(match error {
                AskError::Failed(why) => Fault::Unreachable(why),
                AskError::Late(within) => Fault::Late(within),
                AskError::Large(limit) => Fault::Large(what(), limit),
            })
        })?;
        if answer.status != StatusCode::OK {
            let text = String::from_utf8_lossy(answer.body.get(..300).unwrap_or(&answer.body));
            let line = text.trim().lines().next().unwrap_or_default().chars().take(160).collect::<String>();
            let colon = if line.is_empty() { "" } else { ": " };
            let fault = Fault::Refused(format!("{}: {}{colon}{line}", what(), answer.status));
            return Err(if moves_on(answer.status) { Passed::Next(fault) } else { Passed::End(fault) });
        }
        if let Some(coding) = answer.headers.get(CONTENT_ENCODING).filter(|coding| *coding != "identity") {
            let expected = "an answer without Content-Encoding";
            let error = DecodeError::Other { expected, got: format!("{coding:?}") };
            return Err(Passed::Next(Fault::Unreadable(what(), error)));
        }
        match route.decode(&answer.body, reading) {
            Ok(sets) => Ok(Told { route, sets, bytes: answer.body.len() }),
            Err(error @ DecodeError::Other { .. }) => Err(Passed::Next(Fault::Unreadable(what(), error))),
            Err(error) => Err(Passed::End(Fault::Unreadable(what(), error))),
        }
    }
}

/// A question without numbers: whether the next one may have some.
enum Passed {
    Next(Fault),
    End(Fault),
}

/// There is no such question here, or not for us. 401 is about all of them.
fn moves_on(status: StatusCode) -> bool {
    status.is_redirection() || matches!(status.as_u16(), 400 | 403 | 404 | 405 | 406 | 410 | 501)
}

#[cfg(test)]
mod tests;
