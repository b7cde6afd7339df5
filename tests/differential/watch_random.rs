//! Watchers of a random history.

use crate::generator::{FAVOURITES, Generator};
use crate::operation::{Operation, SetOptions};
use crate::pair::Pair;
use crate::run::Run;

/// Fewer events than the server's history holds, which are 1000.
const OPERATIONS: usize = 300;

#[test]
fn watchers_of_a_random_history_see_the_same_events() {
    let Some(mut pair) = Pair::start() else { return };
    let mut run = Run::new();
    let mut generator = Generator::new(run.seed);
    for _ in 0..OPERATIONS {
        let answer = run.compare(&mut pair, generator.operation());
        generator.learn(&answer);
    }
    for key in FAVOURITES {
        let until = last_event_of(key, &mut pair, &mut run);
        for (recursive, stream) in [(false, false), (false, true), (true, false), (true, true)] {
            for after_index in [5, until / 2, until - 1] {
                let key = key.to_owned();
                run.compare(&mut pair, Operation::Watch { key, recursive, after_index, until, stream });
            }
        }
    }
}

/// Ends the key's history with an event that every watcher of it sees, and gives its index.
fn last_event_of(key: &str, pair: &mut Pair, run: &mut Run) -> u64 {
    let delete =
        |key: &str| Operation::Delete { key: key.into(), prev_value: None, prev_index: 0, recursive: true, dir: false };
    // A file on the way to it would be in the way.
    for (position, _) in key.match_indices('/').skip(1) {
        run.compare(pair, delete(&key[..position]));
    }
    run.compare(pair, delete(key));
    let set = Operation::Set { key: key.into(), value: "last".into(), options: SetOptions::default() };
    let answer = run.compare(pair, set);
    answer.response().and_then(|response| response.node.as_ref()).expect("set").modified_index
}
