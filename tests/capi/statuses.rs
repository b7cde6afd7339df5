//! The names and texts of the statuses.

use std::collections::BTreeSet;

use etcd_test_harness::capi::status::{etcd_status_name, etcd_status_text};
use etcd_test_support::stage;

use crate::raw::text;

/// Every status that the header defines.
fn statuses() -> Vec<(String, i32)> {
    let header = std::fs::read_to_string(stage::include_dir().join("etcd_client.h")).expect("the header");
    let defined = header.lines().filter_map(|line| line.strip_prefix("#define ")).filter_map(|line| {
        let (name, number) = line.split_once(' ')?;
        let is_status = name == "ETCD_OK" || name.starts_with("ETCD_ERR_");
        Some((name.to_owned(), number.parse().ok()?)).filter(|_| is_status)
    });
    defined.collect()
}

#[test]
fn every_status_of_the_header_has_its_name_and_a_text_of_its_own() {
    let statuses = statuses();
    assert!(statuses.len() > 30, "the header was read: {statuses:?}");
    let mut texts = BTreeSet::new();
    for (name, number) in &statuses {
        assert_eq!(text(etcd_status_name(*number)).as_deref(), Some(name.as_str()));
        let words = text(etcd_status_text(*number)).expect("a text");
        assert!(!words.is_empty() && !words.contains("ETCD_"), "{name}: {words}");
        assert!(texts.insert(words.clone()), "two statuses mean '{words}'");
    }
}

#[test]
fn a_number_that_is_no_status_is_unknown() {
    let known: BTreeSet<i32> = statuses().into_iter().map(|(_, number)| number).collect();
    for number in (-10..1100).chain([i32::MIN, i32::MAX]).filter(|number| !known.contains(number)) {
        assert_eq!(text(etcd_status_name(number)).as_deref(), Some("ETCD_ERR_UNKNOWN"), "{number}");
        assert_eq!(text(etcd_status_text(number)).as_deref(), Some("unknown status"), "{number}");
    }
}
