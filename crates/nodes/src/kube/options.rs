//! Where the API server is and how it is asked: what users say.

use std::path::PathBuf;

use plimsoll_core::cluster::uri::Uri;

/// The folder in which a pod finds its service account's `token` and `ca.crt`.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How the API server is found and asked. The default is a pod's way: the service account and the address that its
/// environment tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiOptions {
    /// A kubeconfig; comes before `in_cluster`.
    pub kubeconfig: Option<PathBuf>,
    /// Which of its contexts; its current one where absent.
    pub context: Option<String>,
    /// Take the service account's token and authority, and the address of the environment.
    pub in_cluster: bool,
    /// `https://HOST:6443`: in place of every other address.
    pub server: Option<String>,
    /// Believe whoever answers.
    pub insecure: bool,
    /// Show the service account's token where it can be read, whatever else is said.
    pub use_service_account: bool,
    /// Show the token in this file.
    pub token_file: Option<PathBuf>,
    /// Where the service account's files are.
    pub service_account: PathBuf,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            in_cluster: true,
            server: None,
            insecure: false,
            use_service_account: false,
            token_file: None,
            service_account: PathBuf::from(SERVICE_ACCOUNT),
        }
    }
}

/// What Heapster's `--source=kubernetes:URL?OPTIONS` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Of the API server.
    pub api: ApiOptions,
    /// `kubeletPort`.
    pub kubelet_port: u16,
    /// `kubeletHttps`: ask kubelets over HTTPS. Whom to believe where the API server's authority is not known, is the
    /// asker's question: Heapster believes everybody then.
    pub kubelet_https: bool,
    /// `host_id_annotation`: the node's annotation that is its host id where `spec.externalID` is empty.
    pub host_id_annotation: Option<String>,
}

/// An option of a source cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("source {source_key}: {option}={value:?}: expected {wanted}")]
pub struct OptionError {
    source_key: String,
    option: &'static str,
    value: String,
    wanted: &'static str,
}

impl Source {
    /// Reads the options of such a source. The address of the URL comes in place of the environment's; with `auth`, a
    /// kubeconfig, Heapster reads neither the address nor `insecure`, which is said in the log.
    ///
    /// # Errors
    /// An option has a value that it cannot have.
    pub fn of_uri(uri: &Uri) -> Result<Self, OptionError> {
        let wrong = |option, wanted| {
            let value = uri.option(option).unwrap_or_default().to_owned();
            OptionError { source_key: uri.key.clone(), option, value, wanted }
        };
        let flag = |option, default| match uri.option(option) {
            None => Ok(default),
            Some(text) => flag(text).ok_or_else(|| wrong(option, "true or false")),
        };
        let text = |option| uri.option(option).filter(|text| !text.is_empty()).map(str::to_owned);
        if uri.option("apiVersion").is_some_and(|version| !version.is_empty() && version != "v1") {
            return Err(wrong("apiVersion", "v1, the only version of nodes and pods"));
        }
        let in_cluster = flag("inClusterConfig", true)?;
        let kubeconfig = text("auth").filter(|_| !in_cluster).map(PathBuf::from);
        let address = !uri.scheme.is_empty() && !uri.host.is_empty();
        let server = address.then(|| format!("{}://{}", uri.scheme, uri.host));
        let insecure = flag("insecure", false)?;
        if kubeconfig.is_some() && (insecure || server.is_some()) {
            tracing::warn!(source = %uri.key, "with auth, the kubeconfig says address and TLS; insecure and the URL are not read");
        }
        if in_cluster && uri.option("auth").is_some() {
            tracing::warn!(source = %uri.key, "auth is read with inClusterConfig=false only");
        }
        let known = [
            "inClusterConfig",
            "apiVersion",
            "insecure",
            "auth",
            "useServiceAccount",
            "kubeletPort",
            "kubeletHttps",
            "host_id_annotation",
            // read where the question is chosen
            "route",
        ];
        for (option, _) in uri.query.iter().filter(|(option, _)| !known.contains(&option.as_str())) {
            tracing::warn!(source = %uri.key, option, ?known, "the source has no such option");
        }
        let kubelet_port = uri.option("kubeletPort").map_or(Ok(10255), str::parse);
        let of_file = kubeconfig.is_some();
        Ok(Self {
            api: ApiOptions {
                kubeconfig,
                in_cluster,
                server: server.filter(|_| !of_file),
                insecure: insecure && !of_file,
                use_service_account: flag("useServiceAccount", false)?,
                ..ApiOptions::default()
            },
            kubelet_port: kubelet_port.map_err(|_| wrong("kubeletPort", "a port, 0 to 65535"))?,
            kubelet_https: flag("kubeletHttps", false)?,
            host_id_annotation: text("host_id_annotation"),
        })
    }
}

/// The words that Go takes for a flag's value.
fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Result<Source, OptionError> {
        Source::of_uri(&Uri::parse(text, |_| None).unwrap())
    }

    #[test]
    fn the_usual_sources_are_read() {
        let plain = source("kubernetes.summary_api:''").unwrap();
        assert_eq!(plain.api, ApiOptions::default());
        assert_eq!((plain.kubelet_port, plain.kubelet_https, plain.host_id_annotation), (10255, false, None));
        assert_eq!(source("kubernetes").unwrap().api, ApiOptions::default());

        let address = source("kubernetes:https://kubernetes.default").unwrap().api;
        let server = Some("https://kubernetes.default".to_owned());
        assert_eq!(address, ApiOptions { server, ..ApiOptions::default() });

        let open =
            source("kubernetes:http://HOST:8080?inClusterConfig=false&useServiceAccount=false").unwrap().api;
        let server = Some("http://host:8080".to_owned());
        assert_eq!(open, ApiOptions { server, in_cluster: false, ..ApiOptions::default() });

        let file = "kubernetes:https://k:443?inClusterConfig=false&auth=/etc/kubeconfig&insecure=true";
        let kubeconfig = Some(PathBuf::from("/etc/kubeconfig"));
        assert_eq!(
            source(file).unwrap().api,
            ApiOptions { kubeconfig, in_cluster: false, ..ApiOptions::default() }
        );

        let all = "kubernetes.summary_api:?kubeletHttps=true&kubeletPort=10250&insecure=1&useServiceAccount=T&\
            apiVersion=v1&host_id_annotation=example.com/id";
        let all = source(all).unwrap();
        assert!(all.api.insecure && all.api.use_service_account && all.api.in_cluster && all.kubelet_https);
        assert_eq!((all.kubelet_port, all.host_id_annotation.as_deref()), (10250, Some("example.com/id")));
    }

    #[test]
    fn what_an_option_cannot_be_is_told() {
        let wrong = |text: &str| source(text).unwrap_err().to_string();
        assert_eq!(
            wrong("kubernetes:?insecure=maybe"),
            "source kubernetes: insecure=\"maybe\": expected true or false"
        );
        assert_eq!(
            wrong("kubernetes:?kubeletPort=70000"),
            "source kubernetes: kubeletPort=\"70000\": expected a port, 0 to 65535"
        );
        assert!(wrong("kubernetes:?apiVersion=v1beta3").contains("apiVersion=\"v1beta3\": expected v1"));
        assert!(wrong("kubernetes:?inClusterConfig=").contains("expected true or false"));
    }
}
