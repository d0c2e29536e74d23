//! Certificates and keys whose files are replaced while we run, as a kubelet's are within its year.
//!
//! Reads: the files of a [`Tls`] when one of them is another than before; looks for that each [`LOOK`] at most, when
//!        somebody asks.
//! What cannot be used, or not yet, since a certificate and its key come one after the other, is said once, and what was
//! there before stays.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::Instant;

use super::file_version::FileVersion;
use super::tls::{Pem, Tls, TlsError};

/// How long files are believed to be the same.
pub(crate) const LOOK: Duration = Duration::from_secs(10);

type Make<T> = Box<dyn Fn(ClientConfig) -> Result<T, TlsError> + Send + Sync>;

/// What is made of the files, anew when they are others.
pub(crate) struct Renewed<T> {
    tls: Tls,
    make: Make<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    made: T,
    versions: Vec<Option<FileVersion>>,
    looked: Instant,
    /// What is wrong with those that are there now.
    wrong: Option<TlsError>,
}

impl<T: Clone> Renewed<T> {
    /// Made of the files as they are.
    ///
    /// # Errors
    /// A file is missing or has something else in it, or nothing can be made of them.
    pub(crate) fn new(
        tls: &Tls,
        make: impl Fn(ClientConfig) -> Result<T, TlsError> + Send + Sync + 'static,
    ) -> Result<Self, TlsError> {
        // before the reading: a change in between is then seen the next time
        let versions = versions(tls);
        let made = make(tls.config()?)?;
        let state = State { made, versions, looked: Instant::now(), wrong: None };
        Ok(Self { tls: tls.clone(), make: Box::new(make), state: Mutex::new(state) })
    }

    /// What is made of the files as they are now.
    pub(crate) fn now(&self) -> T {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.versions.is_empty() && now.saturating_duration_since(state.looked) >= LOOK {
            state.looked = now;
            let versions = versions(&self.tls);
            if versions != state.versions {
                self.renew(&mut state, versions);
            }
        }
        state.made.clone()
    }

    fn renew(&self, state: &mut State<T>, versions: Vec<Option<FileVersion>>) {
        match self.tls.config().and_then(|config| (self.make)(config)) {
            Ok(made) => {
                let files: Vec<_> =
                    files(&self.tls).map(Path::display).map(|path| path.to_string()).collect();
                tracing::info!("{}: what stands there now is in use", files.join(", "));
                // connections that are kept go with the former
                (state.made, state.versions, state.wrong) = (made, versions, None);
            }
            Err(error) => {
                if state.wrong.as_ref() != Some(&error) {
                    tracing::warn!("{error}; what was read before stays in use");
                }
                // not remembered: whether the files go together may depend on one that is still to come
                state.wrong = Some(error);
            }
        }
    }
}

/// The files that are read, if any.
fn files(tls: &Tls) -> impl Iterator<Item = &Path> {
    let identity = tls.identity.iter().flat_map(|(cert, key)| [cert, key]);
    tls.ca.iter().filter(|_| !tls.insecure).chain(identity).filter_map(|pem| match pem {
        Pem::File(path) => Some(path.as_path()),
        Pem::Content(_) => None,
    })
}

fn versions(tls: &Tls) -> Vec<Option<FileVersion>> {
    files(tls).map(|path| std::fs::metadata(path).ok().as_ref().map(FileVersion::from)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A certificate for itself and its key.
    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    /// How many configurations were made.
    fn counted(tls: &Tls) -> Renewed<u32> {
        let count = Arc::new(AtomicU32::new(0));
        Renewed::new(tls, move |_| Ok(count.fetch_add(1, Ordering::Relaxed) + 1)).unwrap()
    }

    #[test]
    fn what_is_replaced_is_read_again_and_what_does_not_fit_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.path().join(name));
        let (first, second) = (pair(), pair());
        for (path, text) in [(&ca, &first.0), (&cert, &first.0), (&key, &first.1)] {
            std::fs::write(path, text).unwrap();
        }
        let identity = Some((Pem::File(cert.clone()), Pem::File(key.clone())));
        let tls = Tls { ca: Some(Pem::File(ca.clone())), identity, insecure: false };
        let renewed = counted(&tls);
        let begin = Instant::now();
        let mut looks = 0;
        let mut later = || {
            looks += 1;
            renewed.at(begin + LOOK * 2 * looks)
        };
        assert_eq!(later(), 1, "nothing is another");
        std::fs::write(&ca, &second.0).unwrap();
        assert_eq!(renewed.at(begin + LOOK * 2), 1, "not looked at again so soon");
        assert_eq!(later(), 2);
        // its key comes later
        std::fs::write(&cert, &second.0).unwrap();
        assert_eq!(later(), 2);
        assert!(matches!(renewed.state.lock().unwrap().wrong, Some(TlsError::Pair(_))));
        std::fs::write(&key, &second.1).unwrap();
        assert_eq!((later(), later()), (3, 3));
        assert_eq!(renewed.state.lock().unwrap().wrong, None);
        std::fs::remove_file(&ca).unwrap();
        assert_eq!(later(), 3);
        let wrong = renewed.state.lock().unwrap().wrong.clone().unwrap().to_string();
        assert!(wrong.contains("ca.pem: expected certificates as PEM: No such file"), "{wrong}");
        std::fs::write(&ca, &first.0).unwrap();
        assert_eq!(later(), 4);
    }

    #[test]
    fn what_is_in_no_file_is_never_looked_for() {
        let (cert, key) = pair();
        let identity = Some((Pem::Content(cert.into_bytes()), Pem::Content(key.into_bytes())));
        let nowhere = Some(Pem::File("/nowhere".into()));
        // nobody reads the list of whom to believe where everybody is
        let renewed = counted(&Tls { ca: nowhere, identity, insecure: true });
        assert!(renewed.state.lock().unwrap().versions.is_empty());
        assert_eq!(renewed.at(Instant::now() + LOOK), 1);
    }
}
