//! The deliberate differences from the Go client: all of them, each with its reason, and each as narrow as it is.
//!
//! A difference turns what Go did into what ours must do; the comparison that follows then checks the difference itself
//! too. One that nothing shows any more must leave the tables: a test counts them.

mod in_the_answer;
mod on_the_wire;
mod refused;

use crate::answer::Answer;
use crate::operation::Operation;
use crate::wire::Wire;
use in_the_answer::IN_THE_ANSWER;
use on_the_wire::ON_THE_WIRE;
use refused::REFUSED;
pub(crate) use refused::Refused;

/// How often each difference took part.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    on_the_wire: [usize; ON_THE_WIRE.len()],
    in_the_answer: [usize; IN_THE_ANSWER.len()],
    refused: [usize; REFUSED.len()],
}

impl Counts {
    /// What ours must have sent, when Go sent these.
    pub(crate) fn our_wires(&mut self, operation: &Operation, mut wires: Vec<Wire>) -> Vec<Wire> {
        for (difference, count) in ON_THE_WIRE.iter().zip(&mut self.on_the_wire) {
            *count += usize::from((difference.as_ours)(operation, &mut wires));
        }
        wires
    }

    /// What ours must have answered, when Go answered `answer`.
    pub(crate) fn our_answer(&mut self, operation: &Operation, mut answer: Answer) -> Answer {
        for (difference, count) in IN_THE_ANSWER.iter().zip(&mut self.in_the_answer) {
            *count += usize::from((difference.as_ours)(operation, &mut answer));
        }
        answer
    }

    /// The difference by which ours must refuse the operation.
    pub(crate) fn our_refusal(&mut self, operation: &Operation) -> Option<&'static Refused> {
        let position = REFUSED.iter().position(|difference| (difference.refuses)(operation))?;
        self.refused[position] += 1;
        Some(&REFUSED[position])
    }

    /// The differences that never took part, each with its reason.
    pub(crate) fn unseen(&self) -> Vec<(&'static str, &'static str)> {
        let wire = ON_THE_WIRE.iter().map(|difference| (difference.name, difference.reason)).zip(self.on_the_wire);
        let answer =
            IN_THE_ANSWER.iter().map(|difference| (difference.name, difference.reason)).zip(self.in_the_answer);
        let refused = REFUSED.iter().map(|difference| (difference.name, difference.reason)).zip(self.refused);
        wire.chain(answer).chain(refused).filter(|(_, count)| *count == 0).map(|(difference, _)| difference).collect()
    }
}
