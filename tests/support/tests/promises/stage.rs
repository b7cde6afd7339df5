//! From a C source to the output of the program, with a stand-in for the library.

use std::fs;
use std::panic::{UnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use etcd_test_support::PrivateDir;
use etcd_test_support::stage::{self, Stage, run};

const LIMIT: Duration = Duration::from_secs(30);

/// A directory with a header and a library that has one function and, perhaps, a name for the loader.
fn stand_in(soname: Option<&str>) -> (PrivateDir, Stage) {
    let dir = PrivateDir::on_disk();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("etcd_client.h"), "int etcd_answer(void);\n").unwrap();
    fs::write(path("library.c"), "int etcd_answer(void) { return 42; }\n").unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).arg(path("libetcd_client.so")).arg(path("library.c"));
    compiler.args(soname.map(|soname| format!("-Wl,-soname,{soname}")));
    assert!(compiler.status().unwrap().success());
    let stage = Stage::of(dir.path(), path("libetcd_client.so"));
    (dir, stage)
}

fn source(dir: &PrivateDir, main: &str) -> PathBuf {
    let path = dir.path().join("program.c");
    let includes = "#include <etcd_client.h>\n#include <stdio.h>\n#include <stdlib.h>\n";
    fs::write(&path, format!("{includes}int main(int argc, char **argv) {{ (void)argc; (void)argv; {main} }}\n"))
        .unwrap();
    path
}

fn panic_message(action: impl FnOnce() + UnwindSafe) -> String {
    *catch_unwind(action).expect_err("it panics").downcast::<String>().unwrap()
}

#[test]
fn a_program_runs_against_the_library_with_its_arguments_and_variables() {
    for soname in [None, Some("libetcd_client.so"), Some("libetcd_client.so.0")] {
        let (dir, stage) = stand_in(soname);
        let main = r#"printf("%d %s %s %d\n", etcd_answer(), argv[1], getenv("STAGE_WORD"), EXTRA); return argc;"#;
        let program = stage.compile_c(source(&dir, main), &["-DEXTRA=7"]);
        let output = run(&program, &["one"], &[("STAGE_WORD", "two")], LIMIT);
        assert_eq!(output.stdout, b"42 one two 7\n", "{}", stage::text_of(&output));
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_warning_fails_the_compilation_with_the_compilers_words() {
    let (dir, stage) = stand_in(None);
    let source = source(&dir, "int unused; return 0;");
    let message = panic_message(move || drop(stage.compile_c(source, &[])));
    assert!(message.contains("unused"), "{message}");
}

#[test]
fn a_program_that_takes_too_long_is_killed_with_its_children_and_its_output_is_shown() {
    let start = Instant::now();
    let script = "echo begun; echo trouble >&2; sleep 1000 & sleep 1000";
    let message = panic_message(move || drop(run("/bin/sh", &["-c", script], &[], Duration::from_millis(300))));
    assert!(message.contains("begun") && message.contains("trouble"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn a_program_that_ends_with_children_alive_does_not_hang() {
    let start = Instant::now();
    let output = run("/bin/sh", &["-c", "sleep 1000 & echo done"], &[], LIMIT);
    assert_eq!((output.stdout.as_slice(), output.status.success()), (&b"done\n"[..], true));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn much_output_does_not_block_a_program() {
    let output = run("/bin/sh", &["-c", "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2"], &[], LIMIT);
    assert_eq!((output.stdout.len(), output.stderr.len()), (3_000_000, 2_000_000));
}

#[test]
fn a_death_by_a_signal_is_reported() {
    use std::os::unix::process::ExitStatusExt;
    let output = run("/bin/sh", &["-c", "kill -SEGV $$"], &[], LIMIT);
    assert_eq!(output.status.signal(), Some(11));
}

#[test]
fn the_directories_are_those_of_this_build() {
    assert!(stage::repository().join("tests/support/Cargo.toml").is_file());
    assert_eq!(stage::include_dir(), stage::repository().join("include"));
    assert!(std::env::current_exe().unwrap().starts_with(stage::profile_dir().join("deps")));
}
