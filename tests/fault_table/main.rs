//! Fault by fault: the calls and events that our client loses, and the time that it takes to recover.
//!
//! By itself it runs a short form with our client alone. With `ETCD_FAULT_TABLE=1` each fault lasts 15 seconds, the real
//! Go client runs beside ours, and docs/faults.md is written: `make faults`. `ETCD_FAULT_ONLY` is a part of the names of
//! the faults that are wanted.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod course;
mod faulty_proxy;
mod go_client;
mod judgement;
mod ours;
mod record;
mod scenarios;
mod subject;
mod table;
mod writer;

use std::io::Write;
use std::time::{Duration, Instant};
use std::{env, fs};

use etcd_test_support::stage::repository;
use etcd_test_support::{EtcdServer, Laboratory};

use course::{Lasts, Stage};
use go_client::GoProgram;
use judgement::Judgement;
use scenarios::{SCENARIOS, Scenario};
use subject::Subject;
use table::{Row, Versions, document, table};

/// In the table; some watches need 10 seconds.
const LENGTH: Duration = Duration::from_secs(15);
const LONGEST_SHORT: Duration = Duration::from_secs(12);
/// One deadline.
const CALLS_RECOVER: Duration = Duration::from_secs(5);
/// The deadline of an undecided call and the call after it, on a busy machine.
const ALL_RECOVER: Duration = Duration::from_secs(7);
const WATCHES_RECOVER: Duration = Duration::from_secs(11);

#[test]
fn nothing_is_lost_and_everything_recovers_in_time() {
    let writes_table = env::var_os("ETCD_FAULT_TABLE").is_some();
    let lasts = if writes_table { Lasts::For(LENGTH) } else { Lasts::UntilRecovered(LONGEST_SHORT) };
    let (subjects, go) = subjects(writes_table);
    let stage = Stage::new(Laboratory::start_with(3, EtcdServer::builder().plain()));
    let only = env::var("ETCD_FAULT_ONLY").unwrap_or_default();
    let wanted =
        SCENARIOS.iter().enumerate().filter(|(_, scenario)| scenario.is_short || writes_table || !only.is_empty());
    let wanted = wanted.filter(|(_, scenario)| scenario.name.contains(&only));
    let rows: Vec<_> = wanted.map(|(number, scenario)| row(&stage, number, scenario, &subjects, lasts)).collect();
    println!("{}", table(&rows));
    if writes_table {
        say(&table(&rows));
    }
    if writes_table && only.is_empty() {
        let etcd = stage.laboratory().member(0).oracle().get("/version").json()["etcdserver"].to_string();
        let versions = Versions { etcd: etcd.replace('"', ""), ours: subjects[0].version(), go };
        write_document(&document(&rows, &versions, LENGTH));
    }
    let complaints: Vec<_> = rows.iter().flat_map(complaints).collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Our client, and Go's where it is wanted and can be had; and the version of that, or why it is not there.
fn subjects(with_go: bool) -> (Vec<Subject>, Result<String, String>) {
    if !with_go {
        return (vec![Subject::Ours], Err("only the table compares".into()));
    }
    match GoProgram::build().map(Subject::Go) {
        Ok(go) => {
            let version = go.version();
            (vec![Subject::Ours, go], Ok(version))
        }
        Err(why) => {
            say(&format!("\nNOT RUN: the Go client is not in the table: {why}\n"));
            (vec![Subject::Ours], Err(why))
        }
    }
}

fn row(stage: &Stage, number: usize, scenario: &Scenario, subjects: &[Subject], lasts: Lasts) -> Row {
    let started = Instant::now();
    let outcome = stage.run(number, scenario, subjects, lasts).map_err(|skipped| skipped.reason().to_owned());
    println!("{} took {:?}", scenario.name, started.elapsed());
    for (subject, judged) in subjects.iter().zip(outcome.iter().flatten()) {
        println!(
            "{}: {} calls, lost {:#?}, undecided {:#?}",
            subject.version(),
            judged.calls,
            judged.lost,
            judged.undecided
        );
        println!("watch failures: {:#?}", judged.watch_failures);
    }
    Row { name: scenario.name, outcome }
}

/// What our client did not keep under one fault.
fn complaints(row: &Row) -> Vec<String> {
    let Ok(judgements) = &row.outcome else { return Vec::new() };
    let Judgement { lost, recovered, others_recovered, events_lost, latest_event, .. } = &judgements[0];
    let late = |micros: u64, limit: Duration| Duration::from_micros(micros) > limit;
    let mut complaints = Vec::new();
    let mut complain = |is_broken: bool, what: String| {
        if is_broken {
            complaints.push(format!("{}: {what}", row.name));
        }
    };
    complain(!lost.is_empty(), format!("calls lost: {lost:#?}"));
    complain(
        recovered.is_none_or(|micros| late(micros, ALL_RECOVER))
            || others_recovered.is_some_and(|micros| late(micros, CALLS_RECOVER)),
        format!("recovered in {recovered:?} us, without undecided calls in {others_recovered:?} us"),
    );
    complain(!events_lost.is_empty(), format!("events lost: {events_lost:?}"));
    complain(late(*latest_event, WATCHES_RECOVER), format!("the latest event came after {latest_event} us"));
    complaints
}

fn write_document(document: &str) {
    let path = repository().join("docs/faults.md");
    fs::create_dir_all(path.parent().expect("a directory")).expect("make the directory");
    fs::write(&path, document).expect("write docs/faults.md");
}

/// Past the capture of the tests' output: somebody has to see it.
fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).expect("write to the terminal");
}
