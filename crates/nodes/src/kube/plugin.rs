//! Plugins of kubeconfigs: programs that give a token or a certificate for a while
//! (`client.authentication.k8s.io`). Nobody is there whom they could ask.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use plimsoll_client::Pem;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::sync::Mutex;

use super::token::TokenError;

/// The extension of a cluster that is meant for its plugins.
pub(super) const INFO_EXTENSION: &str = "client.authentication.k8s.io/exec";
/// The variable in which plugins are told what is asked.
const INFO: &str = "KUBERNETES_EXEC_INFO";
/// It may ask others over the network.
const WITHIN: Duration = Duration::from_secs(60);
/// Bytes of its answer.
const LARGEST: usize = 1 << 20;
/// Bytes that are told of its complaints.
const WORDS: usize = 400;

/// What a kubeconfig says of a plugin.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Exec {
    /// A path, or a name that is looked for in `PATH`.
    pub(super) command: PathBuf,
    pub(super) arguments: Vec<String>,
    /// Variables with their values, besides our own.
    pub(super) environment: Vec<(String, String)>,
    /// `client.authentication.k8s.io/v1`.
    pub(super) version: String,
    /// What it wants to know of the cluster.
    pub(super) cluster: Option<Value>,
    /// Where people get it.
    pub(super) hint: Option<String>,
}

/// What a plugin gave.
#[derive(Clone)]
pub(super) struct Credential {
    /// Counts up with each one that it gives.
    pub(super) number: u64,
    /// `Authorization`.
    pub(super) header: Option<HeaderValue>,
    /// Our certificate and its key.
    pub(super) identity: Option<(Pem, Pem)>,
    /// Until then; for ever where it does not say.
    until: Option<Timestamp>,
}

/// A plugin, and what it gave last.
pub(super) struct Plugin(Arc<Inner>);

struct Inner {
    exec: Exec,
    /// Whoever needs a new one waits for whoever asks for it.
    last: Mutex<(u64, Option<Credential>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: String,
    kind: String,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Status {
    expiration_timestamp: Option<String>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

impl Plugin {
    pub(super) fn new(exec: Exec) -> Self {
        Self(Arc::new(Inner { exec, last: Mutex::default() }))
    }

    /// What it gave last, or what it gives now where that has ended.
    ///
    /// # Errors
    /// It cannot be run, fails, or says something else.
    pub(super) async fn credential(&self) -> Result<Credential, TokenError> {
        let inner = Arc::clone(&self.0);
        // who asks may give up waiting; the plugin goes on, or it would be started anew and given up on for ever
        let renewed = tokio::spawn(async move { inner.credential().await }).await;
        renewed.unwrap_or_else(|error| Err(self.0.wrong(error.to_string())))
    }

    /// The API server does not know this one any more: the next is asked for.
    pub(super) async fn refused(&self, number: u64) {
        let mut last = self.0.last.lock().await;
        if last.1.as_ref().is_some_and(|known| known.number == number) {
            last.1 = None;
        }
    }
}

impl Inner {
    async fn credential(&self) -> Result<Credential, TokenError> {
        let mut last = self.last.lock().await;
        if let (_, Some(known)) = &*last
            && known.until.is_none_or(|until| Timestamp::now() < until)
        {
            return Ok(known.clone());
        }
        let answer = self.exec.answer().await;
        let new = answer.and_then(|bytes| self.exec.read(&bytes)).map_err(|cause| self.wrong(cause))?;
        last.0 += 1;
        let new = Credential { number: last.0, ..new };
        last.1 = Some(new.clone());
        Ok(new)
    }

    fn wrong(&self, cause: String) -> TokenError {
        TokenError::Kubeconfig(format!("the plugin {}: {cause}", self.exec.command.display()))
    }
}

impl Exec {
    /// What it writes.
    async fn answer(&self) -> Result<Vec<u8>, String> {
        let mut spec = json!({"interactive": false});
        if let (Some(cluster), Some(spec)) = (&self.cluster, spec.as_object_mut()) {
            spec.insert("cluster".to_owned(), cluster.clone());
        }
        let info = json!({"apiVersion": self.version, "kind": "ExecCredential", "spec": spec});
        #[allow(clippy::disallowed_methods, reason = "the kubeconfig names a program")]
        let mut command = Command::new(&self.command);
        command.args(&self.arguments).env(INFO, info.to_string());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| match &self.hint {
            Some(hint) => format!("it cannot be started: {error}; {}", hint.trim()),
            None => format!("it cannot be started: {error}"),
        })?;
        let (output, complaints) = (child.stdout.take(), child.stderr.take());
        let ended = async {
            // one that writes more than is read, waits until it is killed
            let (output, complaints) = tokio::join!(some(output, LARGEST), some(complaints, 1 << 16));
            let output = output?;
            if output.len() > LARGEST {
                return Err(format!("it writes more than {LARGEST} bytes"));
            }
            let status = child.wait().await.map_err(|error| error.to_string())?;
            if status.success() {
                return Ok(output);
            }
            let words = String::from_utf8_lossy(&complaints.unwrap_or_default()).trim().to_owned();
            let from = words.char_indices().rev().nth(WORDS).map_or(0, |(at, _)| at);
            Err(format!("it ended with {status}: {}", words.get(from..).unwrap_or_default()))
        };
        tokio::time::timeout(WITHIN, ended)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {WITHIN:?}")))
    }

    /// What an answer says.
    fn read(&self, bytes: &[u8]) -> Result<Credential, String> {
        let answer: Answer = serde_json::from_slice(bytes)
            .map_err(|error| format!("expected an ExecCredential as JSON: {error}"))?;
        if answer.kind != "ExecCredential" || answer.api_version != self.version {
            return Err(format!(
                "expected an ExecCredential of {}, not {} of {}",
                self.version, answer.kind, answer.api_version
            ));
        }
        let status = answer.status.ok_or("its answer has no status")?;
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let until = given(status.expiration_timestamp).map(|text| {
            text.parse::<Timestamp>().map_err(|error| format!("expirationTimestamp {text:?}: {error}"))
        });
        let header = given(status.token).map(|token| {
            let header = plimsoll_client::bearer(&token).map(|(_, value)| value);
            header.ok_or("its token can be in no header")
        });
        let pem = |text: String| Pem::Content(text.into_bytes());
        let identity = match (given(status.client_certificate_data), given(status.client_key_data)) {
            (Some(certificate), Some(key)) => Some((pem(certificate), pem(key))),
            (None, None) => None,
            _ => return Err("it gives one of certificate and key without the other".to_owned()),
        };
        let (until, header) = (until.transpose()?, header.transpose()?);
        if header.is_none() && identity.is_none() {
            return Err("it gives neither a token nor a certificate".to_owned());
        }
        Ok(Credential { number: 0, header, identity, until })
    }
}

/// At most so many bytes and one more.
async fn some(from: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        let read = from.take(most as u64 + 1).read_to_end(&mut bytes).await;
        read.map_err(|error| error.to_string())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Exec {
        Exec {
            command: "sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: vec![("OWN".to_owned(), "own".to_owned())],
            version: "client.authentication.k8s.io/v1".to_owned(),
            cluster: None,
            hint: None,
        }
    }

    /// A plugin that gives what the shell puts into this status.
    fn giving(status: &str) -> Exec {
        shell(&format!(
            r#"printf '{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{%s}}}}' "{status}""#
        ))
    }

    async fn wrong(exec: Exec) -> String {
        let error = Plugin::new(exec).credential().await.err().unwrap().to_string();
        let told = "the kubeconfig's credentials cannot be used: the plugin ";
        error.strip_prefix(told).unwrap_or(&error).to_owned()
    }

    /// `\"name\":\"value\"`, as it stands between the shell's quotes.
    fn field(name: &str, value: &str) -> String {
        format!(r#"\"{name}\":\"{value}\""#)
    }

    #[tokio::test]
    async fn what_it_gives_is_kept_until_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count").display().to_string();
        let counting = |until: &str| {
            let status = [
                field("token", &format!("$(echo x >>{count}; wc -l <{count})-$OWN")),
                field("expirationTimestamp", until),
            ]
            .join(",");
            Plugin::new(giving(&status))
        };
        let shown = async |plugin: &Plugin| {
            let credential = plugin.credential().await.unwrap();
            (credential.number, credential.header.unwrap().to_str().unwrap().to_owned())
        };
        let long = counting("2100-01-01T00:00:00Z");
        assert_eq!(shown(&long).await, (1, "Bearer 1-own".to_owned()));
        assert_eq!(shown(&long).await, (1, "Bearer 1-own".to_owned()));
        // who was refused with an older one, changes nothing
        long.refused(0).await;
        assert_eq!(shown(&long).await.0, 1);
        long.refused(1).await;
        assert_eq!(shown(&long).await, (2, "Bearer 2-own".to_owned()));
        let over = counting("2020-01-01T00:00:00+01:00");
        assert_eq!((shown(&over).await.0, shown(&over).await), (1, (2, "Bearer 4-own".to_owned())));
        let endless = Plugin::new(giving(
            &[field("clientCertificateData", "c"), field("clientKeyData", "k")].join(","),
        ));
        let credential = endless.credential().await.unwrap();
        let pem = |text: &str| Pem::Content(text.as_bytes().to_vec());
        assert_eq!((credential.header, credential.identity), (None, Some((pem("c"), pem("k")))));
        assert_eq!(endless.credential().await.unwrap().number, 1);
    }

    #[tokio::test]
    async fn it_goes_on_when_who_asked_gives_up() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count").display().to_string();
        let slow = format!("$(echo x >>{count}; sleep 0.3; wc -l <{count})");
        let slow = Plugin::new(giving(&field("token", &slow)));
        assert!(tokio::time::timeout(Duration::from_millis(100), slow.credential()).await.is_err());
        let told = slow.credential().await.unwrap().header.unwrap();
        assert_eq!(told, "Bearer 1", "it was started anew");
    }

    #[tokio::test]
    async fn it_is_told_what_it_may_know() {
        let token = |exec: Exec| async move {
            let answer = exec.answer().await.unwrap();
            serde_json::from_slice::<Value>(&answer).unwrap()
        };
        let bare = shell("printf %s \"$KUBERNETES_EXEC_INFO\"");
        let wanted = json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "spec": {"interactive": false}});
        assert_eq!(token(bare.clone()).await, wanted);
        let cluster = json!({"server": "https://h"});
        let told = token(Exec { cluster: Some(cluster.clone()), ..bare }).await;
        assert_eq!(told["spec"], json!({"interactive": false, "cluster": cluster}));
    }

    #[tokio::test]
    async fn what_is_wrong_with_it_is_told() {
        assert_eq!(
            wrong(shell("echo no access >&2; exit 3")).await,
            "sh: it ended with exit status: 3: no access"
        );
        let missing =
            Exec { command: "/nowhere/plugin".into(), hint: Some("get it\n".to_owned()), ..shell("") };
        let told = wrong(missing).await;
        assert_eq!(
            told,
            "/nowhere/plugin: it cannot be started: No such file or directory (os error 2); get it"
        );
        assert!(
            wrong(shell("echo no")).await.starts_with("sh: expected an ExecCredential as JSON: expected")
        );
        let other = Exec { version: "client.authentication.k8s.io/v1beta1".to_owned(), ..giving("") };
        let told = "sh: expected an ExecCredential of client.authentication.k8s.io/v1beta1, not ExecCredential of \
            client.authentication.k8s.io/v1";
        assert_eq!(wrong(other).await, told);
        assert_eq!(wrong(giving("")).await, "sh: it gives neither a token nor a certificate");
        let half = field("clientKeyData", "k");
        assert_eq!(wrong(giving(&half)).await, "sh: it gives one of certificate and key without the other");
        assert_eq!(wrong(giving(&field("token", "a\\\\nb"))).await, "sh: its token can be in no header");
        let date = [field("token", "t"), field("expirationTimestamp", "soon")].join(",");
        assert!(wrong(giving(&date)).await.starts_with("sh: expirationTimestamp \"soon\": "));
        assert_eq!(wrong(shell("yes")).await, "sh: it writes more than 1048576 bytes");
    }
}
