//! What the header declares is what the library exports, with documentation.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use etcd_test_support::stage::{include_dir, library_path};

fn header() -> String {
    fs::read_to_string(include_dir().join("etcd_client.h")).expect("the header")
}

/// The functions that the header declares, each with the comment in front of it.
fn declared() -> Vec<(String, String)> {
    let header = header();
    let mut functions = Vec::new();
    for (position, _) in header.match_indices("\nETCD_API") {
        let before = &header[..position];
        let comment =
            before.trim_end().ends_with("*/").then(|| before[before.rfind("/**").expect("a comment")..].to_owned());
        let declaration = &header[position + 1..];
        let declaration = &declaration[..declaration.find(';').expect("an end")];
        let name = declaration[..declaration.find('(').expect("parameters")].trim_end();
        let name = name.rsplit([' ', '*']).next().expect("a name");
        functions.push((name.to_owned(), comment.unwrap_or_default()));
    }
    functions
}

fn exported() -> BTreeSet<String> {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library_path()).output().expect("nm");
    assert!(output.status.success(), "nm: {}", String::from_utf8_lossy(&output.stderr));
    let listing = String::from_utf8(output.stdout).expect("UTF-8");
    listing.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect()
}

#[test]
fn the_committed_header_is_the_generated_one() {
    let generated = fs::read_to_string(etcd_client::GENERATED_HEADER).expect("the generated header");
    assert!(header() == generated, "include/etcd_client.h has drifted from src/capi; run `make header` and commit it");
}

#[test]
fn the_library_exports_what_the_header_declares_and_nothing_else() {
    let declared: BTreeSet<String> = declared().into_iter().map(|(name, _)| name).collect();
    assert!(declared.len() > 80, "only {} functions found in the header", declared.len());
    assert_eq!(declared, exported());
}

#[test]
fn every_name_has_the_prefix() {
    assert!(declared().iter().all(|(name, _)| name.starts_with("etcd_")));
    let header = header();
    let macros = header.lines().filter_map(|line| line.strip_prefix("#define "));
    for name in macros.filter_map(|line| line.split([' ', '(']).next()) {
        assert!(name.starts_with("ETCD_"), "{name}");
    }
}

#[test]
fn every_function_is_documented_for_c_readers() {
    for (name, comment) in declared() {
        assert!(comment.len() > 30, "{name} has no documentation");
        for rust in ["# Safety", "`Option`", "`None`", "[`", "&str"] {
            assert!(!comment.contains(rust), "{name}: {rust} is no word for C readers");
        }
    }
}

#[test]
fn every_function_that_can_fail_names_a_status() {
    let header = header();
    for (name, comment) in declared() {
        let returns_status =
            header.contains(&format!("etcd_status {name}(")) || header.contains(&format!("\netcd_status {name}("));
        let is_accessor = ["etcd_error_status", "etcd_error_api_code"].contains(&name.as_str());
        if returns_status && !is_accessor {
            assert!(comment.contains("ETCD_ERR_") || comment.contains("Statuses as for"), "{name} names no status");
        }
    }
}
