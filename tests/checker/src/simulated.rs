//! Histories of a simulated etcd: many threads, each call carried out at some moment between its start and its end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::history::{Answer, Call, Held, Operation};
use crate::seeded::Seeded;

/// How the histories are to look.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) threads: usize,
    pub(crate) operations: usize,
    /// Of a thousand calls, how many are given up; half of these are carried out, at once or later.
    pub(crate) open_per_mille: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Start,
    /// The operation of that number is carried out,
    Effect(usize),
    /// and answered.
    End(usize),
}

struct Simulated {
    random: Seeded,
    setting: Setting,
    index: u64,
    held: Option<(String, u64)>,
    operations: Vec<Operation>,
    /// Whether the caller will not hear of the operation of that number.
    given_up: Vec<bool>,
    events: BinaryHeap<Reverse<(u64, usize, Moment)>>,
}

/// The operations on one key.
pub(crate) fn history(seed: u64, setting: Setting) -> Vec<Operation> {
    let events = (0..setting.threads).map(|thread| Reverse((thread as u64, thread, Moment::Start))).collect();
    let mut simulated = Simulated {
        random: Seeded::new(seed),
        setting,
        index: 4,
        held: None,
        operations: Vec::new(),
        given_up: Vec::new(),
        events,
    };
    while let Some(Reverse((now, thread, moment))) = simulated.events.pop() {
        match moment {
            Moment::Start => simulated.start(now, thread),
            Moment::Effect(number) => simulated.carry_out(number),
            Moment::End(number) => simulated.end(now, thread, number),
        }
    }
    simulated.operations
}

impl Simulated {
    fn start(&mut self, now: u64, thread: usize) {
        if self.operations.len() >= self.setting.operations {
            return;
        }
        let number = self.operations.len();
        let call = self.call(number);
        let (effect, end) = (now + 1 + self.random.below(40), now + 50 + self.random.below(60));
        let is_open = self.random.below(1000) < self.setting.open_per_mille;
        let operation = Operation { thread, start: now, end, call, answer: Answer::Maybe, further_copies: 0 };
        self.operations.push(operation);
        self.given_up.push(is_open);
        match self.random.below(4) {
            0 | 1 if is_open => {}
            2 if is_open => {
                let late = now + self.random.below(2000);
                self.at(late, thread, Moment::Effect(number));
            }
            _ => self.at(effect, thread, Moment::Effect(number)),
        }
        self.at(if is_open { end + 300 } else { end }, thread, Moment::End(number));
    }

    fn at(&mut self, time: u64, thread: usize, moment: Moment) {
        self.events.push(Reverse((time, thread, moment)));
    }

    fn call(&mut self, number: usize) -> Call {
        let value = number.to_string();
        let (held, previous) = self.held.clone().unwrap_or(("none".into(), 1));
        match self.random.below(20) {
            0..8 => Call::Get,
            8..10 => Call::Set { value },
            10..12 => Call::Create { value },
            12 => Call::Update { value },
            13..15 => Call::SwapValue { previous: held, value },
            15..17 => Call::SwapIndex { previous, value },
            17 => Call::Delete,
            18 => Call::DeleteValue { previous: held },
            _ => Call::DeleteIndex { previous },
        }
    }

    fn carry_out(&mut self, number: usize) {
        // Other keys move the store's index too.
        self.index += self.random.below(3);
        let answer = self.answer(&self.operations[number].call.clone());
        if !self.given_up[number] {
            self.operations[number].answer = answer;
        }
    }

    fn answer(&mut self, call: &Call) -> Answer {
        let refused = |code, held| Answer::Refused { code, etcd_index: self.index, held };
        let Some((held, modified)) = self.held.clone() else {
            return match call {
                Call::Set { value } | Call::Create { value } => self.write(Some(value)),
                _ => refused(100, None),
            };
        };
        match call {
            Call::Get => Answer::Found { value: held, modified_index: modified, etcd_index: self.index },
            Call::Create { .. } => refused(105, None),
            Call::SwapValue { previous, .. } | Call::DeleteValue { previous } if *previous != held => {
                refused(101, Some(Held::Value(held)))
            }
            Call::SwapIndex { previous, .. } | Call::DeleteIndex { previous } if *previous != modified => {
                refused(101, Some(Held::Index(modified)))
            }
            Call::Set { value } | Call::Update { value } => self.write(Some(value)),
            Call::SwapValue { value, .. } | Call::SwapIndex { value, .. } => self.write(Some(value)),
            Call::Delete | Call::DeleteValue { .. } | Call::DeleteIndex { .. } => self.write(None),
        }
    }

    fn write(&mut self, value: Option<&String>) -> Answer {
        self.index += 1;
        self.held = value.map(|value| (value.clone(), self.index));
        Answer::Done { modified_index: Some(self.index) }
    }

    fn end(&mut self, now: u64, thread: usize, number: usize) {
        self.operations[number].end = now;
        let pause = self.random.below(30);
        self.at(now + 1 + pause, thread, Moment::Start);
    }
}
