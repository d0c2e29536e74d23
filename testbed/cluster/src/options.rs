//! How the cluster shall be: the command line's words.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use crate::Result;
use crate::api::access::Access;
use crate::fault::{self, Trouble};

/// How to call the program.
pub const USAGE: &str = "\
usage: plimsoll-testcluster [options]

Serves the kubelets and the API server of a cluster that is not there, over loopback, until it is ended.
Prints one line of JSON with the addresses when all of it listens.

size:
  --nodes N            3 by default; node K listens on an address of its own, 127.16.0.1 and on
  --pods N             of a node, 30 by default
  --containers N       of a pod, 2 by default
  --namespaces N       10 by default
  --seed N             another number, other names and loads
numbers:
  --still              memory does not move
  --whole-seconds      samples are taken at whole seconds, so that rates of /stats/summary are exact as well
where:
  --kubelet-port N     of every kubelet; a free one by default
  --api-port N         of the API server, a free one by default
  --control-port N     of the routes that change the cluster and tell what is to be expected, a free one by default
  --dir DIR            where kubeconfig, token and certificates are written, . by default
  --threads N          1 by default
access:
  --tls KIND           none, self-signed, or signed (by ca.crt, with each node's address); none by default
  --token TOKEN        which kubelets and the API server want to see; none by default
  --user TOKEN=NAME[,GROUP...]
                       what TokenReview answers; may be repeated
  --allow WHO=VERB:RESOURCE
                       what SubjectAccessReview allows: a user or group, a verb, a resource or path, each may be *;
                       may be repeated; all that is authenticated by default
  --forbid RESOURCE    the API server answers 403 for it (replicasets); may be repeated
life:
  --churn N            so many pods a minute are replaced by others
  --heartbeat SECS     how often each node's object changes, 300 by default; 0: never
  --bookmark SECS      how often a watch gets a bookmark, 60 by default
  --fault NODES=FAULT  NODES is a name, FROM-TO by number (0-99), or all; FAULT is one of
                       none refused silent slow garbage noise short huge[=BYTES] status=CODE
                       missing=resource+summary+container+cadvisor clock=SECONDS clock=zero; may be repeated";

/// What encrypts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encrypted {
    /// Plain HTTP.
    #[default]
    None,
    /// One certificate for all, that nobody vouches for.
    SelfSigned,
    /// A certificate for each, with its address, from the authority in `ca.crt`.
    Signed,
}

/// How the cluster shall be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Nodes.
    pub nodes: usize,
    /// Pods of a node.
    pub pods: usize,
    /// Containers of a pod.
    pub containers: usize,
    /// Namespaces, `kube-system` and `default` besides.
    pub namespaces: usize,
    /// What names and loads are made from.
    pub seed: u64,
    /// Whether memory stands still.
    pub still: bool,
    /// Whether samples are taken at whole seconds.
    pub whole_seconds: bool,
    /// The first node's address.
    pub first: Ipv4Addr,
    /// Of every kubelet; 0 is a free one.
    pub kubelet_port: u16,
    /// Of the API server; 0 is a free one.
    pub api_port: u16,
    /// Of the control routes; 0 is a free one.
    pub control_port: u16,
    /// Where files are written.
    pub dir: PathBuf,
    /// Threads that serve.
    pub threads: usize,
    /// How kubelets and the API server encrypt.
    pub tls: Encrypted,
    /// Who may do what.
    pub access: Access,
    /// Pods that are replaced in a minute.
    pub churn: u32,
    /// Seconds between two changes of a node's object; 0 is never.
    pub heartbeat: u64,
    /// Seconds between two bookmarks of a watch.
    pub bookmark: u64,
    /// What is wrong from the beginning: which nodes, in which words.
    pub faults: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            nodes: 3,
            pods: 30,
            containers: 2,
            namespaces: 10,
            seed: 1,
            still: false,
            whole_seconds: false,
            first: Ipv4Addr::new(127, 16, 0, 1),
            kubelet_port: 0,
            api_port: 0,
            control_port: 0,
            dir: PathBuf::from("."),
            threads: 1,
            tls: Encrypted::None,
            access: Access::default(),
            churn: 0,
            heartbeat: 300,
            bookmark: 60,
            faults: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the words of a command line.
    ///
    /// # Errors
    /// A word that is no option, or a value that is not what the option wants.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--still" => options.still = true,
                "--whole-seconds" => options.whole_seconds = true,
                "--help" | "-h" => return Err(USAGE.into()),
                _ => {
                    let value =
                        words.next().ok_or_else(|| format!("{word} wants a value; --help tells which"))?;
                    options.set(&word, &value).map_err(|error| format!("{word} {value}: {error}"))?;
                }
            }
        }
        if options.pods > 250 || options.containers == 0 || options.containers > 50 {
            return Err("a node has 250 pods at most, a pod 1 to 50 containers".into());
        }
        if options.nodes > 50_000 {
            return Err("50,000 nodes at most: each has an address of its own".into());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "--nodes" => self.nodes = value.parse()?,
            "--pods" => self.pods = value.parse()?,
            "--containers" => self.containers = value.parse()?,
            "--namespaces" => self.namespaces = value.parse::<usize>()?.max(1),
            "--seed" => self.seed = value.parse()?,
            "--kubelet-port" => self.kubelet_port = value.parse()?,
            "--api-port" => self.api_port = value.parse()?,
            "--control-port" => self.control_port = value.parse()?,
            "--dir" => self.dir = value.into(),
            "--threads" => self.threads = value.parse::<usize>()?.max(1),
            "--churn" => self.churn = value.parse()?,
            "--heartbeat" => self.heartbeat = value.parse()?,
            "--bookmark" => self.bookmark = value.parse::<u64>()?.max(1),
            "--token" => self.access.token = Some(value.to_owned()),
            "--user" => self.access.add_user(value)?,
            "--allow" => self.access.add_rule(value)?,
            "--forbid" => self.access.forbidden.push(value.to_owned()),
            "--tls" => {
                self.tls = match value {
                    "none" => Encrypted::None,
                    "self-signed" => Encrypted::SelfSigned,
                    "signed" => Encrypted::Signed,
                    _ => return Err("none, self-signed or signed is wanted".into()),
                }
            }
            "--fault" => {
                let (nodes, fault) = value.split_once('=').ok_or("NODES=FAULT is wanted")?;
                fault::change(Trouble::default(), fault)?;
                self.faults.push((nodes.to_owned(), fault.to_owned()));
            }
            _ => return Err("no such option; --help tells which there are".into()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options> {
        Options::parse(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn words_are_read() {
        let options = parse(&[
            "--nodes",
            "7",
            "--still",
            "--tls",
            "signed",
            "--fault",
            "0-2=status=503",
            "--fault",
            "all=clock=-3600",
        ])
        .unwrap();
        assert_eq!((options.nodes, options.still, options.tls), (7, true, Encrypted::Signed));
        let faults: Vec<_> =
            options.faults.iter().map(|(nodes, what)| (nodes.as_str(), what.as_str())).collect();
        assert_eq!(faults, [("0-2", "status=503"), ("all", "clock=-3600")]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let f = |words: &[&str], part: &str| {
            let error = parse(words).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        f(&["--nodes"], "--nodes wants a value");
        f(&["--nodes", "many"], "--nodes many: invalid digit");
        f(&["--tls", "maybe"], "none, self-signed or signed");
        f(&["--fault", "all=tired"], "tired");
        f(&["--what", "1"], "no such option");
        f(&["--containers", "0"], "1 to 50");
    }
}
