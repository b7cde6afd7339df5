//! Programs in Go that tests drive, such as those around the real Go client.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::stage::{profile_dir, repository, text_of};

/// Fetches what the program in a directory of the repository needs and builds it under that name; the error says why
/// there can be none here.
pub fn build(directory: &str, name: &str) -> Result<PathBuf, String> {
    let go = go_command().ok_or("Go is not installed (not in PATH, nor in /usr/local/go/bin, nor by GO)")?;
    let fetched = run_go(&go, directory, &["mod", "download"]);
    if !fetched.status.success() {
        return Err(format!("Go modules cannot be fetched: {}", text_of(&fetched).replace('\n', " ")));
    }
    let program = profile_dir().join(name);
    let path = program.to_str().expect("a path that is text");
    let built = run_go(&go, directory, &["build", "-buildvcs=false", "-mod=readonly", "-o", path, "."]);
    assert!(built.status.success(), "{directory} does not build: {}", text_of(&built));
    Ok(program)
}

fn run_go(go: &Path, directory: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(go);
    command.args(arguments).current_dir(repository().join(directory)).stdin(Stdio::null());
    command.output().expect("run go")
}

fn go_command() -> Option<PathBuf> {
    let usual = || vec!["go".into(), "/usr/local/go/bin/go".into()];
    let candidates = std::env::var_os("GO").map_or_else(usual, |go| vec![PathBuf::from(go)]);
    candidates.into_iter().find(|go| Command::new(go).arg("version").output().is_ok_and(|said| said.status.success()))
}
