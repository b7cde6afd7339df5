//! Directories of a test's own.

use std::fs;
use std::path::Path;
use std::process::Command;

use etcd_test_support::PrivateDir;

/// Set in a child process, which then makes a directory and dies without removing it.
const ABANDON: &str = "SUPPORT_TEST_ABANDONS_A_DIRECTORY";

#[test]
fn a_private_directory_goes_away_with_all_that_it_holds() {
    let dir = PrivateDir::in_memory();
    let path = dir.path().to_owned();
    fs::create_dir_all(path.join("a/b")).unwrap();
    fs::write(path.join("a/b/c"), "data").unwrap();
    drop(dir);
    assert!(!path.exists());
}

#[test]
fn no_two_private_directories_are_the_same() {
    let (first, second) = (PrivateDir::on_disk(), PrivateDir::on_disk());
    assert_ne!(first.path(), second.path());
    assert!(first.path().is_dir() && second.path().is_dir());
}

#[test]
fn a_directory_that_a_dead_process_left_is_removed_by_the_next_one_and_a_living_one_is_not() {
    let this_test =
        "private_dir::a_directory_that_a_dead_process_left_is_removed_by_the_next_one_and_a_living_one_is_not";
    if std::env::var_os(ABANDON).is_some() {
        let dir = PrivateDir::in_memory();
        println!("DIR={}", dir.path().display());
        // Nothing is dropped on this way out.
        std::process::exit(0);
    }
    let mine = PrivateDir::in_memory();
    let abandon = || {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args(["--exact", this_test, "--nocapture"]).env(ABANDON, "1").output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find_map(|line| line.split_once("DIR=")).expect("the child made a directory").1.to_owned()
    };
    let (first, second) = (abandon(), abandon());
    assert_ne!(first, second);
    assert!(!Path::new(&first).exists(), "the second child has removed what the first one left");
    assert!(mine.path().is_dir(), "this process lives, and so does its directory");
    let _ = fs::remove_dir_all(second);
}
