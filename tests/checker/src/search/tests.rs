use super::*;
use crate::encoded::Encoded;
use crate::history::{Answer, Operation};
use crate::seeded::Seeded;
use crate::simulated::{Setting, history};

const TINY: Setting = Setting { threads: 4, operations: 9, open_per_mille: 350 };

/// Tries every order, with open writes anywhere in it: what the search may leave out, this does not.
fn has_an_order(search: &Search, placed: &[Placed], register: Register, index: (u64, bool)) -> bool {
    let missing: Vec<_> =
        (0..search.answered.len()).filter(|number| !placed.contains(&Placed::Answered(*number))).collect();
    let Some(limit) = missing.iter().map(|number| search.answered[*number].end).min() else { return true };
    let next = missing.into_iter().filter(|number| search.answered[*number].start <= limit).map(Placed::Answered);
    let free = (0..search.open.len()).filter(|number| search.open[*number].start <= limit).map(Placed::Open);
    next.chain(free).filter(|step| !placed.contains(step)).any(|step| {
        let place = match step {
            Placed::Answered(number) => search.answered[number].reply.place().unwrap_or(index),
            Placed::Open(_) => index,
        };
        let after = search.step(register, step).filter(|_| place >= index);
        after.is_some_and(|register| has_an_order(search, &[placed, &[step]].concat(), register, place))
    })
}

/// Exchanges two answers, or turns one write that happened into one that did not.
fn mutate(operations: &mut [Operation], random: &mut Seeded) {
    let one = random.below(operations.len() as u64) as usize;
    let other = random.below(operations.len() as u64) as usize;
    let answer = operations[one].answer.clone();
    match random.below(3) {
        0 => operations[one].answer = Answer::NotApplied,
        1 if answer != Answer::Maybe => operations[one].further_copies = 1,
        _ => operations[one].answer = std::mem::replace(&mut operations[other].answer, answer),
    }
}

#[test]
fn what_the_search_leaves_out_finds_no_order_either() {
    let (mut random, mut with_order) = (Seeded::new(1), 0);
    for seed in 0..3000 {
        let mut operations = history(seed, TINY);
        for _ in 0..random.below(4) {
            mutate(&mut operations, &mut random);
        }
        let (_, search) = Encoded::new(&operations);
        let expected = has_an_order(&search, &[], Register::ABSENT, (0, false));
        with_order += usize::from(expected);
        assert_eq!(search.run().is_ok(), expected, "seed {seed}: {operations:#?}");
    }
    assert!((500..2500).contains(&with_order), "{with_order} of 3000 have an order");
}
