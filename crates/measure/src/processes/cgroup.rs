//! `/proc/<pid>/cgroup`: which of its groups names the container.

/// The path in the v2 tree on a v2 host; else that of the memory controller, else of cpu, else in the v2 tree that
/// stands beside v1 ones; `/` without any. Lines are `id:controllers:path`.
pub(crate) fn choose(text: &str) -> &str {
    let lines = || text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let of = |name: &str| {
        lines().find(|(controllers, _)| controllers.split(',').any(|c| c == name)).map(|(_, path)| path)
    };
    let unified = || lines().find(|(controllers, _)| controllers.is_empty()).map(|(_, path)| path);
    let path = if text.starts_with("0::") { unified() } else { None };
    path.or_else(|| of("memory"))
        .or_else(|| of("cpu"))
        .or_else(|| of("cpuacct"))
        .or_else(unified)
        .unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_memory_names_the_container() {
        let f = |text, path| assert_eq!(choose(text), path, "{text}");
        f("0::/system.slice/docker-1.scope\n", "/system.slice/docker-1.scope");
        f("5:memory:/m\n4:cpu,cpuacct:/c\n0::/u\n", "/m");
        // also when it is the last one, or has a neighbour
        f("4:cpu,cpuacct:/c\n2:memory:/m\n", "/m");
        f("4:cpuset,memory:/m\n", "/m");
        f("4:cpu,cpuacct:/c\n0::/u\n", "/c");
        f("4:cpuset:/s\n3:cpuacct:/a\n", "/a");
        f("1:name=systemd:/s\n0::/u\n", "/u");
        f("4:memory:/with:colon\n", "/with:colon");
        f("", "/");
    }
}
