//! Puts the page into the program, if it was built: `web/dist/page.js.gz`, as `make build` leaves it there.
//!
//! Without it, or with `PLIMSOLL_PAGE=none`, the plain pages are all there is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let dist = Path::new("../../web/dist");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PLIMSOLL_PAGE");
    // the folder is kept in the repository: a path that is not there would make every build a fresh one
    println!("cargo:rerun-if-changed={}", dist.display());
    let script = match env::var("PLIMSOLL_PAGE") {
        Ok(word) if word == "none" => None,
        _ => fs::read(dist.join("page.js.gz")).ok(),
    };
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    let out = Path::new(&out);
    let code = match script {
        Some(script) => {
            let mut hasher = DefaultHasher::new();
            script.hash(&mut hasher);
            fs::write(out.join("page.js.gz"), &script)?;
            format!(
                "Some(Script {{ gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/page.js.gz\")), version: \"{:016x}\" }})",
                hasher.finish()
            )
        }
        None => "None".to_owned(),
    };
    fs::write(out.join("script.rs"), code)
}
