//! What machined keeps of a machine in `/run/systemd/machines/<name>`: `KEY=value` lines.

/// What is taken of it; what is missing is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The name.
    pub name: String,
    /// The unit that it runs in: `machine-web.scope`.
    pub unit: String,
    /// Who registered it: `systemd-nspawn`, `libvirt-qemu`, `libvirt-lxc`.
    pub service: String,
    /// `container` or `vm`.
    pub class: String,
    /// Its root directory; a virtual machine has none.
    pub root: String,
    /// Its first process as the host counts, or the virtual machine's own process.
    pub leader: Option<u32>,
}

/// Reads a file; other keys, and lines that are none, are passed over.
pub fn parse(text: &str) -> Machine {
    let mut machine = Machine::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = plain(value);
        match key {
            "NAME" => machine.name = value,
            // systemd 257 says UNIT too
            "SCOPE" | "UNIT" => machine.unit = value,
            "SERVICE" => machine.service = value,
            "CLASS" => machine.class = value,
            "ROOT" => machine.root = value,
            "LEADER" => machine.leader = value.parse().ok().filter(|pid| *pid > 0),
            _ => {}
        }
    }
    machine
}

/// A value without quotes around it, and with what a backslash protects.
fn plain(value: &str) -> String {
    let value = value.trim();
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        // the last one protects nothing
        out.push(if char == '\\' { chars.next().unwrap_or(char) } else { char });
    }
    out
}

impl Machine {
    /// Its names, the one that a user knows first: libvirt calls the domain `web` `qemu-1-web` here.
    pub fn aliases(&self) -> Vec<String> {
        let libvirt = self.service.is_empty() || self.service.starts_with("libvirt");
        let domain = domain(&self.name).filter(|_| libvirt);
        domain
            .into_iter()
            .chain([self.name.as_str()])
            .filter(|alias| !alias.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// `web` of `qemu-1-web`.
fn domain(name: &str) -> Option<&str> {
    let (driver, rest) = name.split_once('-')?;
    let (number, domain) = rest.split_once('-')?;
    let known = matches!(driver, "qemu" | "lxc" | "xen");
    (known && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `systemd-nspawn` under systemd 252.
    const WEB: &str = include_str!("testdata/252/machine-web");

    #[test]
    fn a_container_is_read() {
        let machine = parse(WEB);
        assert_eq!((machine.name.as_str(), machine.unit.as_str()), ("web-1", r"machine-web\x2d1.scope"));
        assert_eq!((machine.service.as_str(), machine.class.as_str()), ("systemd-nspawn", "container"));
        assert_eq!(machine.root, "/tmp/machine root");
        assert!(machine.leader.is_some_and(|leader| leader > 1));
        assert_eq!(machine.aliases(), ["web-1"]);
    }

    #[test]
    fn a_domain_of_libvirt_has_the_name_that_its_user_gave() {
        let named = |name: &str, service: &str| {
            Machine { name: name.into(), service: service.into(), ..Machine::default() }.aliases()
        };
        assert_eq!(named("qemu-1-web-2", "libvirt-qemu"), ["web-2", "qemu-1-web-2"]);
        assert_eq!(named("lxc-12-web", "libvirt-lxc"), ["web", "lxc-12-web"]);
        assert_eq!(named("qemu-1-web", ""), ["web", "qemu-1-web"]);
        assert_eq!(named("qemu-1-web", "systemd-nspawn"), ["qemu-1-web"]);
        assert_eq!(named("qemu-x-web", "libvirt-qemu"), ["qemu-x-web"]);
        assert_eq!(named("", ""), [""; 0]);
    }

    #[test]
    fn odd_values_are_as_good_as_absent() {
        let machine = parse("LEADER=-3\nROOT=\"/a b\"\nNAME\n=\nUNIT=x\\\n");
        assert_eq!((machine.leader, machine.root.as_str()), (None, "/a b"));
        assert_eq!((machine.name.as_str(), machine.unit.as_str()), ("", "x\\"));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(text in "\\PC*", name in "[a-z\\\\ -]{1,20}x", leader in 1u32..) {
            let _ = parse(&text).aliases();
            let machine = parse(&format!("NAME={}\nLEADER={leader}\n", name.replace('\\', r"\\")));
            proptest::prop_assert_eq!(machine.name, name.trim_start());
            proptest::prop_assert_eq!(machine.leader, Some(leader));
        }
    }
}
