//! What stands in kubeconfigs, and what of it cannot be used.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const FOLDER: &str = "/home/me/.kube";

fn parse(text: &str) -> Result<Kubeconfig, String> {
    Kubeconfig::parse(text, Path::new(FOLDER))
}

/// The context `x` of a file with this cluster and this user.
fn context(cluster: &str, user: &str) -> Result<(Cluster, User), String> {
    let text = format!(
        "contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
    );
    parse(&text)?.context(Some("x"))
}

fn cluster(text: &str) -> Result<Cluster, String> {
    context(&format!("server: https://h, {text}"), "").map(|(cluster, _)| cluster)
}

fn user(text: &str) -> Result<User, String> {
    context("server: https://h", text).map(|(_, user)| user)
}

fn wrong<T>(result: Result<T, String>) -> String {
    result.err().unwrap()
}

/// As `kubectl` and installers write it.
const WHOLE: &str = r#"
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: LS0t
      LS0=
    server: https://10.0.0.1:6443
    tls-server-name: kubernetes
    proxy-url: http://proxy:3128
    extensions:
    - {name: other, extension: {}}
  name: kind
- cluster: {server: "http://localhost:8080", insecure-skip-tls-verify: true, certificate-authority: ca.pem}
  name: 12
contexts:
- context:
    cluster: kind
    namespace: default
    user: admin
  name: kind-admin
- {context: {cluster: 12}, name: open}
current-context: kind-admin
kind: Config
preferences: {}
users:
- name: admin
  user:
    client-certificate: /etc/cert.pem
    client-key-data: a2V5
    as: ""
    tokenFile: ../token
"#;

#[test]
fn a_whole_file_is_read() {
    let file = parse(WHOLE).unwrap();
    let (cluster, user) = file.context(None).unwrap();
    assert_eq!(cluster.server, "https://10.0.0.1:6443");
    assert_eq!(cluster.server_name.as_deref(), Some("kubernetes"));
    assert_eq!(cluster.ca, Some(Pem::Content(b"-----".to_vec())));
    assert_eq!(format!("{:?}", cluster.proxy.unwrap()), "http://proxy:3128");
    assert!(!cluster.insecure);
    let pair = (Pem::File("/etc/cert.pem".into()), Pem::Content(b"key".to_vec()));
    assert_eq!(user.identity, Some(pair));
    assert_eq!(user.token_file, Some(PathBuf::from("/home/me/.kube/../token")));
    assert!(user.headers.is_empty() && user.token.is_none() && user.basic.is_none() && user.exec.is_none());

    let (cluster, user) = file.context(Some("open")).unwrap();
    assert!(cluster.insecure && cluster.server_name.is_none() && cluster.proxy.is_none());
    assert_eq!(cluster.ca, Some(Pem::File("/home/me/.kube/ca.pem".into())));
    assert!(user.identity.is_none() && user.token_file.is_none());
    let as_json = parse(&Node::parse(WHOLE).unwrap().json().to_string()).unwrap();
    for (name, server) in [("kind-admin", "https://10.0.0.1:6443"), ("open", "http://localhost:8080")] {
        assert_eq!(as_json.context(Some(name)).unwrap().0.server, server);
    }
}

#[test]
fn the_first_file_counts() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let one = write(
        "one",
        "current-context: ''\ncontexts: [{name: x, context: {cluster: c, user: u}}]\nusers: null\n",
    );
    let two = write(
        "two",
        "current-context: x\nclusters: [{name: c, cluster: {server: 'http://two'}}, {name: c, cluster: {server: y}}]\n\
         users: [{name: u, user: {tokenFile: t}}]\n",
    );
    let three =
        write("three", "current-context: y\nclusters: [{name: c, cluster: {server: 'http://three'}}]\n");
    let none = folder.path().join("none");
    let (cluster, user) = Kubeconfig::read(&[one.clone(), none, two, three]).unwrap().context(None).unwrap();
    assert_eq!(cluster.server, "http://two");
    assert_eq!(user.token_file, Some(folder.path().join("t")));
    let broken = write("broken", "a: [");
    let (path, cause) = Kubeconfig::read(&[one.clone(), broken.clone()]).err().unwrap();
    assert!(path == broken && cause.contains("line 1"), "{cause}");
    let (path, cause) = Kubeconfig::read(&[folder.path().to_owned()]).err().unwrap();
    assert!(path == folder.path() && cause.contains("directory"), "{cause}");
    let large = folder.path().join("large");
    std::fs::File::create(&large).unwrap().set_len(LARGEST as u64 + 1).unwrap();
    let (_, cause) = Kubeconfig::read(&[large]).err().unwrap();
    assert_eq!(cause, "it has 16777217 bytes, and more than 16777216 are not read");
}

#[test]
fn what_is_no_kubeconfig_is_told() {
    assert_eq!(wrong(parse("[]")), "it is no mapping");
    assert_eq!(wrong(parse("kind: Pod")), "its kind is Pod, not Config");
    assert_eq!(wrong(parse("clusters: {}")), "clusters: expected a list");
    assert_eq!(wrong(parse("users: [{user: {}}]")), "an entry of users has no name");
    assert_eq!(wrong(parse("users: [{name: u, user: []}]")), "user u: expected a mapping");
    assert_eq!(wrong(parse("users: [{name: [u]}]")), "an entry of users: name: expected a text");
    let empty = parse("").unwrap();
    assert_eq!(wrong(empty.context(None)), "it has no current-context");
    assert_eq!(wrong(empty.context(Some("x"))), "there is no context \"x\"; there is: none");
    let bare =
        parse("contexts: [{name: x}, {name: y, context: {cluster: c, user: u}}]\nclusters: [{name: c}]");
    let bare = bare.unwrap();
    assert_eq!(wrong(bare.context(Some("x"))), "context x names no cluster");
    assert_eq!(wrong(bare.context(Some("y"))), "cluster c has no server");
    assert_eq!(bare.usable().len(), 2);
    let text =
        "contexts: [{name: y, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: x}}]";
    assert_eq!(wrong(parse(text).unwrap().context(Some("y"))), "there is no user \"u\"; there is: none");
}

#[test]
fn what_of_a_cluster_cannot_be_used_is_told() {
    assert_eq!(
        wrong(cluster("insecure-skip-tls-verify: 'yes'")),
        "cluster c: insecure-skip-tls-verify: expected true or false"
    );
    assert!(
        wrong(cluster("certificate-authority-data: '*'"))
            .starts_with("cluster c: certificate-authority-data: Invalid")
    );
    assert!(
        wrong(cluster("proxy-url: 'socks5://h'"))
            .starts_with("cluster c: proxy-url: proxies of socks5 are not asked; expected http://HOST:PORT")
    );
    assert_eq!(wrong(cluster("tls-server-name: [a]")), "cluster c: tls-server-name: expected a text");
}

#[test]
fn what_of_a_user_cannot_be_used_is_told() {
    assert_eq!(
        wrong(user("auth-provider: {name: gcp}")),
        "user u: auth-provider: gcp is none that Kubernetes still knows; name a plugin with exec"
    );
    assert_eq!(wrong(user("client-key: k")), "user u has a client key without its certificate");
    let both = "user u has a password and a token: only one of them can be shown";
    assert_eq!(wrong(user("username: a, password: b, token: c")), both);
    assert_eq!(wrong(user("username: a, tokenFile: c")), both);
    assert_eq!(user("username: a").unwrap().basic, Some(("a".to_owned(), String::new())));
    assert_eq!(
        wrong(user("as-groups: [g]")),
        "user u: as: groups, uid or extra of another user, but not its name"
    );
    assert_eq!(wrong(user("as: a, as-groups: g")), "user u: as-groups: expected a list");
    assert_eq!(wrong(user("as: a, as-groups: [[]]")), "user u: as-groups: expected a list of texts");
    assert_eq!(wrong(user("as: \"a\\nb\"")), "user u: as: \"a\\nb\" can be in no header");
    assert_eq!(wrong(user("as: a, as-user-extra: {k: v}")), "user u: as-user-extra: k: expected a list");
}

#[test]
fn plugins_are_read() {
    let exec = |text: &str| user(&format!("exec: {{{text}}}")).map(|user| user.exec.unwrap());
    let v1 = "apiVersion: client.authentication.k8s.io/v1";
    let all = format!(
        "{v1}, command: ./bin/get, args: [token, 7], env: [{{name: A, value: b}}, {{name: C}}], installHint: |\n  no\n"
    );
    assert!(exec(&all).is_err(), "a block in a flow");
    let all = format!(
        "{v1}, command: ./bin/get, args: [token, 7], env: [{{name: A, value: b}}, {{name: C}}], installHint: h, \
         interactiveMode: IfAvailable"
    );
    let read = exec(&all).unwrap();
    assert_eq!(read.command, PathBuf::from("/home/me/.kube/./bin/get"));
    assert_eq!(read.arguments, ["token", "7"]);
    let wanted = [("A".to_owned(), "b".to_owned()), ("C".to_owned(), String::new())];
    assert_eq!((read.environment.as_slice(), read.hint.as_deref()), (wanted.as_slice(), Some("h")));
    assert!(read.cluster.is_none());
    let beta = exec("apiVersion: client.authentication.k8s.io/v1beta1, command: get").unwrap();
    assert_eq!(
        (beta.command, beta.version.as_str()),
        (PathBuf::from("get"), "client.authentication.k8s.io/v1beta1")
    );

    assert_eq!(wrong(exec(v1)), "user u: exec: command: it is missing");
    assert_eq!(
        wrong(exec("apiVersion: client.authentication.k8s.io/v1alpha1, command: x")),
        "user u: exec: apiVersion: \"client.authentication.k8s.io/v1alpha1\" is not known: expected \
         client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1"
    );
    let mode = |mode: &str| wrong(exec(&format!("{v1}, command: x{mode}")));
    assert_eq!(mode(""), "user u: exec: interactiveMode: expected Never or IfAvailable");
    assert_eq!(
        mode(", interactiveMode: Always"),
        "user u: exec: interactiveMode: Always, and there is nobody to ask here"
    );
    assert!(mode(", interactiveMode: Now").ends_with("\"Now\": expected Never or IfAvailable"));
    assert_eq!(mode(", interactiveMode: Never, env: [{value: x}]"), "user u: exec: env: name: it is missing");
}

#[test]
fn plugins_may_know_their_cluster() {
    let exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: Never, \
        provideClusterInfo: true}";
    let told = |cluster: &str| {
        let (_, user) = context(&format!("server: https://h{cluster}"), exec)?;
        Ok::<_, String>(user.exec.unwrap().cluster.unwrap())
    };
    assert_eq!(told("").unwrap(), json!({"server": "https://h"}));
    let all = ", tls-server-name: n, insecure-skip-tls-verify: true, certificate-authority-data: LS0=, \
        proxy-url: 'http://p:1', extensions: [{name: a, extension: 1}, {name: client.authentication.k8s.io/exec, \
        extension: {audience: x, count: 2}}]";
    let wanted = json!({"server": "https://h", "tls-server-name": "n", "insecure-skip-tls-verify": true,
        "certificate-authority-data": "LS0=", "proxy-url": "http://p:1", "config": {"audience": "x", "count": 2}});
    assert_eq!(told(all).unwrap(), wanted);
    let missing = told(", certificate-authority: /nowhere/ca").err().unwrap();
    assert!(missing.starts_with("cluster c: certificate-authority: /nowhere/ca: No such file"), "{missing}");
}

proptest! {
    /// Whatever a file says, it is read or refused; and what is read holds what was written.
    #[test]
    fn texts_come_back(server in "[!-~]{1,30}", token in "\\PC{1,30}", name in "\\PC{1,12}", as_json in any::<bool>()) {
        let file = json!({"current-context": name, "kind": "Config",
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "clusters": [{"name": name, "cluster": {"server": server}}],
            "users": [{"name": name, "user": {"token": token}}]});
        let text = if as_json { file.to_string() } else { serde_json::to_string_pretty(&file).unwrap() };
        let (cluster, user) = parse(&text).unwrap().context(None).unwrap();
        prop_assert_eq!((cluster.server, user.token), (server, Some(token)));
    }

    #[test]
    fn no_file_panics(at in 0..WHOLE.len(), with in "[a-z:\\-\\[\\]{}\"' \n]{0,6}", skip in 0usize..20) {
        let rest = WHOLE.get(at + skip..).unwrap_or_default();
        if let (Some(begin), Ok(file)) = (WHOLE.get(..at), parse(&format!("{}{with}{rest}", &WHOLE[..at]))) {
            prop_assert!(begin.len() <= WHOLE.len());
            let _ = file.usable();
        }
    }
}
