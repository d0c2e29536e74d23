//! Kubeconfigs: which clusters there are, who we are to them, and which of both belong together.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use plimsoll_client::{Pem, Proxy};

use super::plugin::{Exec, INFO_EXTENSION};
use super::yaml::{LARGEST, Node};

/// One file, or several that were put together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kubeconfig {
    current: Option<String>,
    contexts: Vec<Entry>,
    clusters: Vec<Entry>,
    users: Vec<Entry>,
}

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    said: Said,
}

/// A mapping, and where its file is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    /// `cluster c`, for what is wrong.
    what: String,
    node: Node,
    /// To which names of files belong.
    folder: PathBuf,
}

/// The cluster of a context.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) server: String,
    pub(super) server_name: Option<String>,
    pub(super) insecure: bool,
    pub(super) ca: Option<Pem>,
    pub(super) proxy: Option<Proxy>,
}

/// The user of a context.
#[derive(Default)]
pub(super) struct User {
    /// A certificate and its key.
    pub(super) identity: Option<(Pem, Pem)>,
    pub(super) token: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    /// Name and password.
    pub(super) basic: Option<(String, String)>,
    /// As whom it acts.
    pub(super) headers: HeaderMap,
    pub(super) exec: Option<Exec>,
}

impl Kubeconfig {
    /// Reads files: what an earlier one says counts before what a later one says. Of several, those that are not
    /// there are passed over.
    ///
    /// # Errors
    /// The path of a file that cannot be read, and why.
    pub fn read(files: &[PathBuf]) -> Result<Self, (PathBuf, String)> {
        let mut all = Self::default();
        let mut found = false;
        for path in files {
            let text = match read(path) {
                Err((std::io::ErrorKind::NotFound, _)) if files.len() > 1 => continue,
                text => text.map_err(|(_, cause)| (path.clone(), cause))?,
            };
            let folder = path.parent().unwrap_or(Path::new(""));
            all.join(Self::parse(&text, folder).map_err(|cause| (path.clone(), cause))?);
            found = true;
        }
        match files {
            [first, ..] if !found => Err((first.clone(), "no such file, and none of the others".to_owned())),
            _ => Ok(all),
        }
    }

    /// Reads a file's text; names of files in it are under `folder`.
    ///
    /// # Errors
    /// It is no YAML or no kubeconfig.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let root = Node::parse(text)?;
        match &root {
            Node::Nothing => return Ok(Self::default()),
            Node::Fields(_) => {}
            _ => return Err("it is no mapping".to_owned()),
        }
        let file = Said { what: String::new(), node: root, folder: folder.to_owned() };
        if let Some(kind) = file.text("kind")?.filter(|kind| *kind != "Config") {
            return Err(format!("its kind is {kind}, not Config"));
        }
        let entries = |list: &str, key: &str| {
            let mut entries: Vec<Entry> = Vec::new();
            for item in file.list(list)? {
                let item = Said {
                    what: format!("an entry of {list}"),
                    node: item.clone(),
                    folder: folder.to_owned(),
                };
                let name = item.text("name")?.ok_or_else(|| format!("{} has no name", item.what))?;
                let node = item.node.field(key).cloned().unwrap_or(Node::Nothing);
                if !matches!(node, Node::Nothing | Node::Fields(_)) {
                    return Err(format!("{key} {name}: expected a mapping"));
                }
                // of those with one name the first counts, as between files
                if entries.iter().all(|entry| entry.name != name) {
                    let said = Said { what: format!("{key} {name}"), node, folder: folder.to_owned() };
                    entries.push(Entry { name: name.to_owned(), said });
                }
            }
            Ok::<_, String>(entries)
        };
        Ok(Self {
            current: file.text("current-context")?.map(str::to_owned),
            contexts: entries("contexts", "context")?,
            clusters: entries("clusters", "cluster")?,
            users: entries("users", "user")?,
        })
    }

    /// Adds what another one says of what this one does not speak of.
    fn join(&mut self, other: Self) {
        let add = |all: &mut Vec<Entry>, more: Vec<Entry>| {
            for entry in more {
                if all.iter().all(|known| known.name != entry.name) {
                    all.push(entry);
                }
            }
        };
        self.current = self.current.take().or(other.current);
        add(&mut self.contexts, other.contexts);
        add(&mut self.clusters, other.clusters);
        add(&mut self.users, other.users);
    }

    /// The cluster and the user of a context; of the current one where none is named.
    ///
    /// # Errors
    /// There is no such context, what it names is not there, or something in it cannot be used.
    pub(super) fn context(&self, name: Option<&str>) -> Result<(Cluster, User), String> {
        let name = name.or(self.current.as_deref());
        let name = name.ok_or("it has no current-context")?;
        let context = find(&self.contexts, "context", name)?;
        let wanted = context.text("cluster")?.ok_or_else(|| format!("context {name} names no cluster"))?;
        let said = find(&self.clusters, "cluster", wanted)?;
        let cluster = Cluster::of(said)?;
        let user = match context.text("user")? {
            Some(user) => User::of(find(&self.users, "user", user)?, said, &cluster)?,
            None => User::default(),
        };
        Ok((cluster, user))
    }

    /// Whether each of its contexts can be used: for tests with any text.
    #[doc(hidden)]
    pub fn usable(&self) -> Vec<Result<(), String>> {
        self.contexts.iter().map(|entry| self.context(Some(&entry.name)).map(drop)).collect()
    }
}

fn read(path: &Path) -> Result<String, (std::io::ErrorKind, String)> {
    let failed = |error: std::io::Error| (error.kind(), error.to_string());
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > LARGEST as u64 {
        let cause = format!("it has {size} bytes, and more than {LARGEST} are not read");
        return Err((std::io::ErrorKind::FileTooLarge, cause));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn find<'a>(all: &'a [Entry], what: &str, name: &str) -> Result<&'a Said, String> {
    let found = all.iter().find(|entry| entry.name == name);
    found.map(|entry| &entry.said).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|entry| entry.name.as_str()).collect();
        let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        format!("there is no {what} {name:?}; there is: {known}")
    })
}

impl Said {
    fn wrong(&self, field: &str, cause: impl std::fmt::Display) -> String {
        if self.what.is_empty() {
            format!("{field}: {cause}")
        } else {
            format!("{}: {field}: {cause}", self.what)
        }
    }

    /// A text that is not empty.
    fn text(&self, field: &str) -> Result<Option<&str>, String> {
        match self.node.field(field) {
            None | Some(Node::Nothing) => Ok(None),
            Some(Node::Text { text, .. }) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.wrong(field, "expected a text")),
        }
    }

    fn flag(&self, field: &str) -> Result<bool, String> {
        match self.node.field(field) {
            None | Some(Node::Nothing) => Ok(false),
            Some(node) => node.json().as_bool().ok_or_else(|| self.wrong(field, "expected true or false")),
        }
    }

    fn list(&self, field: &str) -> Result<&[Node], String> {
        match self.node.field(field) {
            None | Some(Node::Nothing) => Ok(&[]),
            Some(Node::List(items)) => Ok(items),
            Some(_) => Err(self.wrong(field, "expected a list")),
        }
    }

    fn texts(&self, field: &str) -> Result<Vec<String>, String> {
        let items = self.list(field)?.iter().map(|item| match item {
            Node::Text { text, .. } => Ok(text.clone()),
            _ => Err(self.wrong(field, "expected a list of texts")),
        });
        items.collect()
    }

    fn inner(&self, field: &str) -> Result<Option<Self>, String> {
        match self.node.field(field) {
            None | Some(Node::Nothing) => Ok(None),
            Some(node @ Node::Fields(_)) => {
                let (what, folder) = (format!("{}: {field}", self.what), self.folder.clone());
                Ok(Some(Self { what, node: node.clone(), folder }))
            }
            Some(_) => Err(self.wrong(field, "expected a mapping")),
        }
    }

    fn path(&self, field: &str) -> Result<Option<PathBuf>, String> {
        Ok(self.text(field)?.map(|text| self.folder.join(text)))
    }

    /// The field `NAME-data`, or the file in the field `NAME`; content comes before files.
    fn pem(&self, field: &str) -> Result<Option<Pem>, String> {
        let data = format!("{field}-data");
        let Some(text) = self.text(&data)? else { return Ok(self.path(field)?.map(Pem::File)) };
        let text: String = text.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(text).map_err(|error| self.wrong(&data, error))?;
        Ok(Some(Pem::Content(bytes)))
    }
}

impl Cluster {
    fn of(said: &Said) -> Result<Self, String> {
        let server = said.text("server")?.ok_or_else(|| format!("{} has no server", said.what))?;
        let proxy = said.text("proxy-url")?.map(Proxy::parse).transpose();
        Ok(Self {
            server: server.to_owned(),
            server_name: said.text("tls-server-name")?.map(str::to_owned),
            insecure: said.flag("insecure-skip-tls-verify")?,
            ca: said.pem("certificate-authority")?,
            proxy: proxy.map_err(|error| said.wrong("proxy-url", error))?,
        })
    }
}

impl User {
    fn of(said: &Said, of_cluster: &Said, cluster: &Cluster) -> Result<Self, String> {
        if let Some(provider) = said.inner("auth-provider")? {
            let name = provider.text("name")?.unwrap_or("without a name").to_owned();
            return Err(said.wrong(
                "auth-provider",
                format_args!("{name} is none that Kubernetes still knows; name a plugin with exec"),
            ));
        }
        let (certificate, key) = (said.pem("client-certificate")?, said.pem("client-key")?);
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err(format!("{} has a client certificate without its key", said.what)),
            (None, Some(_)) => return Err(format!("{} has a client key without its certificate", said.what)),
        };
        let (name, password) = (said.text("username")?, said.text("password")?);
        let exec = said.inner("exec")?;
        let exec = exec.map(|exec| Exec::of_kubeconfig(&exec, of_cluster, cluster)).transpose()?;
        let token = said.text("token")?.map(str::to_owned);
        let token_file = said.path("tokenFile")?;
        if name.is_some() && (token.is_some() || token_file.is_some()) {
            return Err(format!("{} has a password and a token: only one of them can be shown", said.what));
        }
        Ok(Self {
            identity,
            token,
            token_file,
            basic: name.map(|name| (name.to_owned(), password.unwrap_or_default().to_owned())),
            headers: impersonation(said)?,
            exec,
        })
    }
}

/// Headers that name as whom a user acts.
fn impersonation(said: &Said) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let mut add = |field: &str, name: HeaderName, text: &str| {
        let value = HeaderValue::from_str(text);
        let value = value.map_err(|_| said.wrong(field, format_args!("{text:?} can be in no header")))?;
        headers.append(name, value);
        Ok::<_, String>(())
    };
    let user = said.text("as")?;
    if let Some(user) = user {
        add("as", HeaderName::from_static("impersonate-user"), user)?;
    }
    if let Some(uid) = said.text("as-uid")? {
        add("as-uid", HeaderName::from_static("impersonate-uid"), uid)?;
    }
    for group in said.texts("as-groups")? {
        add("as-groups", HeaderName::from_static("impersonate-group"), &group)?;
    }
    if let Some(extra) = said.inner("as-user-extra")? {
        let Node::Fields(fields) = &extra.node else { return Ok(headers) };
        for (key, _) in fields {
            let escaped = utf8_percent_encode(&key.to_lowercase(), NON_ALPHANUMERIC).to_string();
            let name = HeaderName::try_from(format!("impersonate-extra-{}", escaped.to_lowercase()));
            let name = name.map_err(|error| extra.wrong(key, error))?;
            for value in extra.texts(key)? {
                add("as-user-extra", name.clone(), &value)?;
            }
        }
    }
    if user.is_none() && !headers.is_empty() {
        return Err(said.wrong("as", "groups, uid or extra of another user, but not its name"));
    }
    Ok(headers)
}

impl Exec {
    fn of_kubeconfig(said: &Said, of_cluster: &Said, cluster: &Cluster) -> Result<Self, String> {
        let command = said.text("command")?.ok_or_else(|| said.wrong("command", "it is missing"))?;
        // as a shell does: a name is looked for in PATH, a path is one
        let command = if command.contains('/') { said.folder.join(command) } else { PathBuf::from(command) };
        let version = said.text("apiVersion")?.unwrap_or_default();
        let known = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
        if !known.contains(&version) {
            let cause = format!("{version:?} is not known: expected {} or {}", known[0], known[1]);
            return Err(said.wrong("apiVersion", cause));
        }
        match said.text("interactiveMode")? {
            None if version == known[0] => {
                return Err(said.wrong("interactiveMode", "expected Never or IfAvailable"));
            }
            None | Some("Never" | "IfAvailable") => {}
            Some("Always") => {
                return Err(said.wrong("interactiveMode", "Always, and there is nobody to ask here"));
            }
            Some(mode) => {
                return Err(
                    said.wrong("interactiveMode", format_args!("{mode:?}: expected Never or IfAvailable"))
                );
            }
        }
        let mut environment = Vec::new();
        for item in said.list("env")? {
            let (what, folder) = (format!("{}: env", said.what), said.folder.clone());
            let item = Said { what, node: item.clone(), folder };
            let name = item.text("name")?.ok_or_else(|| item.wrong("name", "it is missing"))?;
            environment.push((name.to_owned(), item.text("value")?.unwrap_or_default().to_owned()));
        }
        let told = if said.flag("provideClusterInfo")? { Some(info(of_cluster, cluster)?) } else { None };
        Ok(Self {
            command,
            arguments: said.texts("args")?,
            environment,
            version: version.to_owned(),
            cluster: told,
            hint: said.text("installHint")?.map(str::to_owned),
        })
    }
}

/// What a plugin is told of the cluster.
fn info(said: &Said, cluster: &Cluster) -> Result<serde_json::Value, String> {
    let mut told = serde_json::Map::new();
    told.insert("server".to_owned(), cluster.server.as_str().into());
    if let Some(name) = &cluster.server_name {
        told.insert("tls-server-name".to_owned(), name.as_str().into());
    }
    if cluster.insecure {
        told.insert("insecure-skip-tls-verify".to_owned(), true.into());
    }
    let ca = match &cluster.ca {
        Some(Pem::Content(bytes)) => Some(bytes.clone()),
        Some(Pem::File(path)) => Some(std::fs::read(path).map_err(|error| {
            said.wrong("certificate-authority", format_args!("{}: {error}", path.display()))
        })?),
        None => None,
    };
    if let Some(ca) = ca {
        told.insert("certificate-authority-data".to_owned(), STANDARD.encode(ca).into());
    }
    if let Some(proxy) = said.text("proxy-url")? {
        told.insert("proxy-url".to_owned(), proxy.into());
    }
    for extension in said.list("extensions")? {
        let is_its =
            matches!(extension.field("name"), Some(Node::Text { text, .. }) if text == INFO_EXTENSION);
        if let (true, Some(config)) = (is_its, extension.field("extension")) {
            told.insert("config".to_owned(), config.json());
        }
    }
    Ok(told.into())
}

#[cfg(test)]
mod tests;
