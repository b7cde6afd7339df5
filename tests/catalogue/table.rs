//! The table in README.md and the tests agree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files whose tests have no namesake in Go.
const OURS: [&str; 2] = ["table.rs", "untested_in_go.rs"];

/// A row: a test of Go's, and the test here that carries its name, if there can be one.
struct Row {
    section: String,
    go: String,
    ours: Option<(String, String)>,
    remark: String,
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/catalogue")
}

/// The name that a Go test has here: `TestV2KeysURLHelper` is `v2_keys_url_helper`.
fn snake_case(go: &str) -> String {
    let letters: Vec<char> = go.strip_prefix("Test").unwrap_or(go).chars().collect();
    let mut name = String::new();
    for (position, &letter) in letters.iter().enumerate() {
        let before = position.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(position + 1);
        let starts_word = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before != '_' && (!before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase))
            });
        if starts_word {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn rows() -> Vec<Row> {
    let table = fs::read_to_string(here().join("README.md")).expect("the table");
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in table.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_owned();
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [go, _cases, ours, remark] = cells[..] else { continue };
        let Some(go) = go.strip_prefix('`').and_then(|go| go.strip_suffix('`')) else { continue };
        let ours = ours.trim_matches('`').split_once("::").map(|(file, name)| (file.to_owned(), name.to_owned()));
        rows.push(Row { section: section.clone(), go: go.to_owned(), ours, remark: remark.to_owned() });
    }
    rows
}

/// The tests of each file, as file and function.
fn tests() -> BTreeSet<(String, String)> {
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(here()).expect("the directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let file = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let source = fs::read_to_string(&path).expect("a source file");
        for part in source.split("\n#[test]\n").skip(1) {
            let name = part.split_once("fn ").and_then(|(_, rest)| rest.split_once('(')).expect("a function").0;
            tests.insert((file.clone(), name.to_owned()));
        }
    }
    tests
}

#[test]
fn every_case_of_the_catalogue_has_a_test() {
    let tests = tests();
    for row in rows() {
        match &row.ours {
            Some(ours) => {
                let has_a_name_in_go = !OURS.contains(&ours.0.as_str());
                assert!(
                    !has_a_name_in_go || ours.1 == snake_case(&row.go),
                    "{} does not carry the name of {}",
                    ours.1,
                    row.go
                );
                assert!(tests.contains(ours), "{} names {}::{}, which does not exist", row.go, ours.0, ours.1);
            }
            None => assert!(row.remark.len() > 10, "{} has neither a test nor the reason why not", row.go),
        }
    }
}

#[test]
fn every_test_of_a_go_case_is_in_the_table() {
    let named: BTreeSet<_> = rows().into_iter().filter_map(|row| row.ours).collect();
    for test in tests().into_iter().filter(|(file, _)| !OURS.contains(&file.as_str())) {
        assert!(named.contains(&test), "{}::{} is not in the table", test.0, test.1);
    }
}

#[test]
fn every_section_has_as_many_rows_as_the_go_file_has_tests() {
    // A row that is taken out together with its test would not be missed otherwise.
    let rows = rows();
    let sections: BTreeSet<&str> = rows.iter().map(|row| row.section.as_str()).collect();
    assert!(sections.len() > 10, "{sections:?}");
    for section in sections {
        let names: Vec<&str> = rows.iter().filter(|row| row.section == section).map(|row| row.go.as_str()).collect();
        let told = section.rsplit_once(": ").and_then(|(_, count)| count.strip_suffix(" tests")?.parse().ok());
        assert_eq!(told, Some(names.len()), "the title '{section}' says how many tests the Go file has");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{section} names a test twice");
    }
}
