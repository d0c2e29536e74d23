//! The page in a real browser: over the program with Docker's containers under load, and over one that is not there
//! for the states that a machine does not come into on demand (`web/test`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]
#![allow(unreachable_pub, missing_docs)]

mod common;

use std::process::Command;

use common::docker::{self, Docker};
use common::program::{self, Plimsoll};
use common::{Need, unique};

/// A container that runs these words until the test ends.
struct Busy<'a>(&'a Docker, String);

impl<'a> Busy<'a> {
    fn start(docker: &'a Docker, kind: &str, flags: &[&str], words: &[&str]) -> Self {
        let name = unique(kind);
        docker.run(&[&["run", "--detach", "--name", &name], flags, &[docker::IMAGE], words].concat());
        Self(docker, name)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.remove(&self.1);
    }
}

/// Runs a file of tests in `web/test`; they must pass.
#[allow(clippy::disallowed_methods)]
fn node(file: &str, environment: &[(&str, &str)]) {
    let web = common::repository().join("web");
    let mut command = Command::new("node");
    command.args(["--test", "--test-timeout=300000", "--test-reporter=spec", file]).current_dir(web);
    command.envs(environment.iter().copied());
    let done = program::run(&mut command, 420.0);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    for line in done.stdout.lines().filter(|line| line.starts_with('ℹ') && line.contains("ms")) {
        common::say(line);
    }
}

/// Whether the page and its tests were built: `make build` does it.
fn built(what: &str) -> bool {
    let web = common::repository().join("web");
    let there = web.join("dist/page.js").is_file() && web.join("node_modules/playwright-core").is_dir();
    if !there {
        common::say(&format!("SKIP {what}: built without the page"));
    }
    there
}

#[test]
fn the_page_over_containers_under_load() {
    require!(Need::Docker, Need::Program("node"), Need::Program("chromium"));
    if !built("the_page_over_containers_under_load") {
        return;
    }
    let docker = docker::shared();
    let program = Plimsoll::start(&[&docker.flag(), "--housekeeping_interval=1s"]);
    if program.get("/static/page.js").status == 404 {
        common::say("SKIP the_page_over_containers_under_load: this program was built without the page");
        return;
    }
    let burner = Busy::start(
        docker,
        "burner",
        &["--cpus=0.3", "--label=load=cpu"],
        &["sh", "-c", "while :; do :; done"],
    );
    let holder = Busy::start(docker, "holder", &["--memory=96m", "--label=load=memory"], &["sleep", "600"]);
    let hostile =
        Busy::start(docker, "hostile", &["--label=evil=\"><img src=x onerror=alert(1)>"], &["sleep", "600"]);
    let url = format!("http://{}", program.address);
    let names = [burner.1.as_str(), &holder.1, &hostile.1].join(" ");
    node("test/live.js", &[("PLIMSOLL_URL", &url), ("PLIMSOLL_TEST_NAMES", &names)]);
}

#[test]
fn the_page_in_its_states() {
    require!(Need::Program("node"), Need::Program("chromium"));
    if built("the_page_in_its_states") {
        node("test/page.test.js", &[]);
    }
}
