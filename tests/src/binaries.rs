//! The programs under test: beside the test's own executable, built once where they are missing.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;

/// The path of one of our programs.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let executable = std::env::current_exe().expect("a test knows its own path");
    let profile = executable.parent().and_then(|deps| deps.parent()).expect("target/<profile>/deps").to_owned();
    BUILT.call_once(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        // With the whole workspace, as `./dev` builds: other features would build everything once more.
        build.args(["build", "-q", "--workspace", "--bins"]);
        build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        // What cargo tells a test of itself makes build scripts think that everything has changed.
        let told = std::env::vars_os().map(|(name, _)| name);
        for name in told.filter(|name| name.to_string_lossy().starts_with("CARGO_")) {
            build.env_remove(name);
        }
        assert!(build.status().is_ok_and(|status| status.success()), "the programs under test do not build");
    });
    profile.join(name)
}
