use std::time::Instant;

use super::*;
use crate::history::{Call, Held};
use crate::seeded::Seeded;
use crate::simulated::{Setting, history};

fn op(thread: usize, (start, end): (u64, u64), call: Call, answer: Answer) -> Operation {
    Operation { thread, start, end, call, answer, further_copies: 0 }
}

fn value(text: &str) -> String {
    text.to_owned()
}

fn set(text: &str, time: (u64, u64), index: u64) -> Operation {
    op(0, time, Call::Set { value: value(text) }, done(index))
}

fn get(text: &str, time: (u64, u64), modified_index: u64) -> Operation {
    op(1, time, Call::Get, Answer::Found { value: value(text), modified_index, etcd_index: modified_index })
}

fn swap(from: &str, to: &str, time: (u64, u64), answer: Answer) -> Operation {
    op(2, time, Call::SwapValue { previous: value(from), value: value(to) }, answer)
}

fn done(index: u64) -> Answer {
    Answer::Done { modified_index: Some(index) }
}

fn refused(code: u32, etcd_index: u64) -> Answer {
    Answer::Refused { code, etcd_index, held: None }
}

fn passes(operations: &[Operation]) {
    let result = check_key("/key", operations);
    result.unwrap_or_else(|violation| panic!("it is linearizable: {violation}"));
}

/// Gives the words.
fn fails(operations: &[Operation]) -> String {
    check_key("/key", operations).expect_err("it is not linearizable").to_string()
}

#[test]
fn what_one_thread_did_after_another_is_linearizable() {
    let delete = op(0, (60, 70), Call::Delete, done(8));
    let absent = op(1, (80, 90), Call::Get, refused(100, 9));
    passes(&[set("a", (0, 10), 5), get("a", (20, 30), 5), swap("a", "b", (40, 50), done(6)), delete, absent]);
}

#[test]
fn a_get_beside_a_set_may_see_the_old_or_the_new_value() {
    for (seen, index) in [("a", 5), ("b", 6)] {
        passes(&[set("a", (0, 10), 5), set("b", (20, 40), 6), get(seen, (25, 35), index)]);
    }
}

#[test]
fn a_stale_read_is_found() {
    let sets = [set("a", (0, 10), 5), set("b", (20, 30), 6)];
    fails(&[sets[0].clone(), sets[1].clone(), get("a", (40, 50), 5)]);
    let late = Answer::Found { value: value("a"), modified_index: 5, etcd_index: 6 };
    let words = fails(&[sets[0].clone(), sets[1].clone(), op(1, (40, 50), Call::Get, late)]);
    assert!(words.starts_with("/key: not linearizable: 2 of 3 answers explained"), "{words}");
    assert!(words.contains("the key holds b of 6"), "{words}");
    assert!(words.contains("get: a of index 5"), "{words}");
}

#[test]
fn two_gets_in_a_row_do_not_go_back_beside_a_running_set() {
    fails(&[set("a", (0, 10), 5), set("b", (20, 90), 6), get("b", (30, 40), 6), get("a", (50, 60), 5)]);
}

#[test]
fn a_lost_update_is_found() {
    let swaps = [swap("a", "b", (20, 40), done(6)), swap("a", "c", (25, 35), done(7))];
    fails(&[set("a", (0, 10), 5), swaps[0].clone(), swaps[1].clone()]);
    fails(&[set("a", (0, 10), 5), swaps[0].clone(), get("a", (50, 60), 5)]);
}

#[test]
fn a_false_refusal_after_a_duplicated_swap_is_found() {
    // The first copy was carried out, the second refused, and the caller heard of the second.
    let swapped = swap("a", "b", (20, 30), refused(101, 6));
    fails(&[set("a", (0, 10), 5), swapped.clone(), get("b", (40, 50), 6)]);
    let open = swap("a", "b", (15, 18), Answer::Maybe);
    passes(&[set("a", (0, 10), 5), open, swapped, get("b", (40, 50), 6)]);
}

#[test]
fn a_duplicated_swap_is_found() {
    let back = set("a", (40, 50), 7);
    let again = get("b", (60, 70), 8);
    fails(&[set("a", (0, 10), 5), swap("a", "b", (20, 30), done(6)), back, again]);
}

#[test]
fn a_write_that_is_carried_out_again_over_a_newer_one_is_found_unless_its_answer_warned() {
    let mut first = set("a", (0, 10), 5);
    let rest = [set("b", (20, 30), 6), get("a", (40, 50), 7)];
    fails(&[&[first.clone()][..], &rest].concat());
    first.further_copies = 1;
    passes(&[&[first.clone()][..], &rest].concat());
    // Once, and no more.
    let once_more = [set("c", (60, 70), 8), get("a", (80, 90), 9)];
    fails(&[&[first][..], &rest, &once_more].concat());
}

#[test]
fn an_open_write_takes_effect_at_any_time_once_or_never() {
    let start = set("a", (0, 10), 5);
    let open = op(3, (20, 30), Call::Update { value: value("m") }, Answer::Maybe);
    let before = [start.clone(), open.clone(), get("a", (40, 50), 5)];
    passes(&before);
    let late = [get("m", (60, 70), 6), set("b", (80, 90), 7)];
    passes(&[&before[..], &late].concat());
    fails(&[&before[..], &late, &[get("m", (100, 110), 8)]].concat());
    fails(&[start.clone(), get("m", (11, 12), 6), open.clone()]);
    let not_applied = Operation { answer: Answer::NotApplied, ..open };
    fails(&[start, not_applied, get("m", (60, 70), 6)]);
}

#[test]
fn open_writes_can_build_on_each_other() {
    let open = [swap("a", "b", (20, 30), Answer::Maybe), swap("b", "c", (20, 30), Answer::Maybe)];
    passes(&[set("a", (0, 10), 5), open[0].clone(), open[1].clone(), get("c", (40, 50), 7)]);
    // Two writes take two indexes.
    fails(&[set("a", (0, 10), 5), open[0].clone(), open[1].clone(), get("c", (40, 50), 6)]);
    fails(&[set("a", (0, 10), 5), open[1].clone(), get("c", (40, 50), 7)]);
}

#[test]
fn an_open_delete_explains_an_absent_key_and_a_create() {
    let create = |time, answer| op(4, time, Call::Create { value: value("n") }, answer);
    let open = op(3, (20, 30), Call::Delete, Answer::Maybe);
    let absent = op(1, (40, 50), Call::Get, refused(100, 6));
    passes(&[set("a", (0, 10), 5), open.clone(), absent.clone(), create((60, 70), done(7))]);
    passes(&[set("a", (0, 10), 5), open, create((60, 70), refused(105, 6))]);
    fails(&[set("a", (0, 10), 5), absent]);
    fails(&[set("a", (0, 10), 5), create((60, 70), done(7))]);
}

#[test]
fn etcds_index_orders_what_real_time_does_not() {
    passes(&[set("a", (0, 50), 5), set("b", (0, 50), 6), get("b", (60, 70), 6)]);
    fails(&[set("a", (0, 50), 5), set("b", (0, 50), 6), get("a", (60, 70), 5)]);
    fails(&[set("a", (0, 10), 6), set("b", (20, 30), 5)]);
    fails(&[set("a", (0, 10), 5), get("a", (20, 30), 4)]);
}

#[test]
fn a_write_that_happened_without_a_readable_answer_has_its_place_all_the_same() {
    let blind = op(3, (20, 30), Call::Set { value: value("m") }, Answer::Done { modified_index: None });
    passes(&[set("a", (0, 10), 5), blind.clone(), get("m", (40, 50), 7)]);
    fails(&[set("a", (0, 10), 5), blind, get("a", (40, 50), 5)]);
}

#[test]
fn what_a_refusal_says_about_the_key_must_be_true() {
    let said = |text: &str| Answer::Refused { code: 101, etcd_index: 5, held: Some(Held::Value(value(text))) };
    passes(&[set("a", (0, 10), 5), swap("x", "b", (20, 30), said("a"))]);
    fails(&[set("a", (0, 10), 5), swap("x", "b", (20, 30), said("y"))]);
}

const SMALL: Setting = Setting { threads: 5, operations: 60, open_per_mille: 60 };

#[test]
fn histories_of_a_simulated_register_are_linearizable() {
    for seed in 0..400 {
        let result = check_key("/key", &history(seed, SMALL));
        result.unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}

#[test]
fn the_same_histories_without_their_indexes_are_linearizable() {
    for seed in 0..100 {
        let mut operations = history(seed, SMALL);
        for operation in &mut operations {
            if let Answer::Done { modified_index } = &mut operation.answer {
                *modified_index = None;
            }
        }
        let result = check_key("/key", &operations);
        result.unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
    }
}

/// Gives two gets of different states each other's answers; None where the history has no two that do not overlap.
fn with_swapped_gets(operations: &[Operation], random: &mut Seeded) -> Option<Vec<Operation>> {
    let modified = |operation: &Operation| match operation.answer {
        Answer::Found { modified_index, .. } => Some(modified_index),
        _ => None,
    };
    let gets: Vec<_> = (0..operations.len()).filter(|number| modified(&operations[*number]).is_some()).collect();
    let differ = |(one, other): &(usize, usize)| {
        modified(&operations[*one]) < modified(&operations[*other]) && operations[*one].end < operations[*other].start
    };
    let pairs: Vec<_> =
        gets.iter().flat_map(|one| gets.iter().map(move |other| (*one, *other))).filter(differ).collect();
    let (one, other) = *pairs.get(random.below(pairs.len().max(1) as u64) as usize)?;
    let mut mutated = operations.to_vec();
    (mutated[one].answer, mutated[other].answer) = (operations[other].answer.clone(), operations[one].answer.clone());
    Some(mutated)
}

#[test]
fn swapped_answers_of_two_gets_are_found() {
    let (mut random, mut mutated) = (Seeded::new(7), 0);
    for seed in 0..400 {
        if let Some(operations) = with_swapped_gets(&history(seed, SMALL), &mut random) {
            mutated += 1;
            check_key("/key", &operations).expect_err(&format!("seed {seed}: two answers were swapped"));
        }
    }
    assert!(mutated > 300, "only {mutated} histories had two gets to swap");
}

#[test]
fn a_write_that_was_carried_out_and_is_recorded_as_not_applied_is_found_where_it_was_seen() {
    let mut found = 0;
    for seed in 0..200 {
        let operations = history(seed, SMALL);
        let seen = |text: &str| {
            operations.iter().any(|other| matches!(&other.answer, Answer::Found { value, .. } if value == text))
        };
        let is_seen = |operation: &Operation| operation.call.value().is_some_and(&seen);
        let mut broken = operations.clone();
        let open = broken.iter_mut().filter(|operation| operation.answer == Answer::Maybe && is_seen(operation));
        let count = open.map(|operation| operation.answer = Answer::NotApplied).count();
        if count > 0 {
            found += 1;
            check_key("/key", &broken).expect_err(&format!("seed {seed}: somebody saw it"));
        }
    }
    assert!(found > 20, "only {found} histories had an open write that was seen");
}

#[test]
fn thousands_of_operations_with_dozens_of_open_ones_take_seconds_at_most() {
    for (seed, open_per_mille) in [(0, 12), (1, 12), (2, 50), (3, 50)] {
        let operations = history(seed, Setting { threads: 8, operations: 6000, open_per_mille });
        let mutated = with_swapped_gets(&operations, &mut Seeded::new(seed)).expect("two gets");
        let started = Instant::now();
        let judged = check_key("/key", &operations).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
        println!("seed {seed}: {judged:?} in {:?}", started.elapsed());
        let started = Instant::now();
        let violation = check_key("/key", &mutated).expect_err("two answers were swapped");
        println!("seed {seed}: {} in {:?}", violation.what, started.elapsed());
    }
}
