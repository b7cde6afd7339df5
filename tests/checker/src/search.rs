//! The search for an order of the operations on one key that explains every answer: Wing and Gong's, with Lowe's memory
//! of the points that lead nowhere.

use std::collections::{HashMap, HashSet};

use crate::linearized::Linearized;
use crate::register::{Register, Reply, Request};

/// A search that has needed so many points more than there are operations counts as failed; histories of tests need a few.
const MOST_POINTS: usize = 300_000;

/// An operation with an answer, which has its place between start and end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) request: Request,
    pub(crate) reply: Reply,
}

/// A write that has its place somewhere after its start, or nowhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) start: u64,
    pub(crate) request: Request,
}

/// An operation that has got its place in the order: its number among the answered, or among the open ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placed {
    Answered(usize),
    Open(usize),
}

/// Where a search has got to.
#[derive(Debug, Clone)]
struct Point {
    state: State,
    /// The open writes that have their place.
    open: Linearized,
    /// How many of `Search::by_index` have their place.
    indexed: usize,
}

/// The answered operations that have their place, and what the key holds then.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    answered: Linearized,
    register: Register,
}

/// The points that were looked at, or wait for it.
#[derive(Default)]
struct Seen {
    open: HashMap<State, Vec<Linearized>>,
    count: usize,
}

impl Seen {
    /// Whether it is worth a look: a point that has used more open writes up leads nowhere that one with fewer does not.
    fn insert(&mut self, point: &Point) -> bool {
        let known = self.open.entry(point.state.clone()).or_default();
        if known.iter().any(|open| point.open.contains_all_of(open)) {
            return false;
        }
        known.push(point.open.clone());
        self.count += 1;
        true
    }
}

/// A step of the order and the one before it.
struct Trace {
    before: Option<usize>,
    placed: Placed,
}

/// What a search without success has got to.
#[derive(Debug)]
pub(crate) struct Stuck {
    pub(crate) longest: Vec<Placed>,
    pub(crate) register: Register,
    /// What may come next by real time.
    pub(crate) first: Vec<usize>,
    /// What comes next by etcd's index.
    pub(crate) by_index: Option<usize>,
    pub(crate) given_up: bool,
}

#[derive(Debug)]
pub(crate) struct Search {
    /// By their start.
    answered: Vec<Answered>,
    open: Vec<Open>,
    /// The answered ones whose place among the others etcd's index tells, in that order.
    by_index: Vec<usize>,
}

impl Search {
    /// Both must be sorted by their start.
    pub(crate) fn new(answered: Vec<Answered>, open: Vec<Open>) -> Search {
        let known = |number: &usize| answered[*number].reply.place();
        let mut by_index: Vec<_> = (0..answered.len()).filter(|number| known(number).is_some()).collect();
        by_index.sort_by_key(known);
        Search { answered, open, by_index }
    }

    /// How many points it looked at until it found an order.
    pub(crate) fn run(&self) -> Result<usize, Stuck> {
        let state = State { answered: Linearized::default(), register: Register::ABSENT };
        let start = Point { state, open: Linearized::default(), indexed: 0 };
        let (mut seen, mut trace) = (Seen::default(), Vec::<Trace>::new());
        let (mut longest, mut farthest) = ((0, None), start.clone());
        let mut stack = vec![(start, None, 0)];
        while let Some((point, last, depth)) = stack.pop() {
            if depth == self.answered.len() {
                return Ok(seen.count);
            }
            if depth > longest.0 {
                (longest, farthest) = ((depth, last), point.clone());
            }
            if seen.count > self.answered.len() + MOST_POINTS {
                return Err(self.stuck(&trace, longest.1, &farthest, true));
            }
            // The first one is to be looked at first, so it is put on the stack last.
            for steps in self.ways_on(&point).into_iter().rev() {
                let next = self.walk(&point, &steps);
                if seen.insert(&next) {
                    let last = steps.iter().fold(last, |before, placed| {
                        trace.push(Trace { before, placed: *placed });
                        Some(trace.len() - 1)
                    });
                    stack.push((next, last, depth + 1));
                }
            }
        }
        Err(self.stuck(&trace, longest.1, &farthest, false))
    }

    /// All that can come next: one answered operation, with open ones before it only where its answer needs them. To look
    /// at no more is enough: an open write that the next answer does not need can as well come later, or never.
    fn ways_on(&self, point: &Point) -> Vec<Vec<Placed>> {
        let (next, limit) = self.next(point);
        let after = |number: usize| {
            let Answered { request, reply, .. } = self.answered[number];
            point.state.register.after(request, reply)
        };
        let (fitting, others): (Vec<_>, Vec<_>) = next.into_iter().partition(|number| after(*number).is_some());
        // What leaves the key as it was can be taken at once: no other order explains more.
        if let Some(read) =
            fitting.iter().find(|number| after(**number).is_some_and(|to| to.held == point.state.register.held))
        {
            return vec![vec![Placed::Answered(*read)]];
        }
        let mut ways: Vec<_> = fitting.into_iter().map(|number| vec![Placed::Answered(number)]).collect();
        for number in others {
            let Answered { request, reply, .. } = self.answered[number];
            let wanted = |register: Register| register.after(request, reply).is_some();
            self.explain(point, limit, &[&wanted], &mut vec![Placed::Answered(number)], &mut ways);
        }
        // An open write's index is checked against what follows only here.
        ways.retain(|steps| self.can_walk(point, steps));
        ways
    }

    /// The answered operations that may come next by real time and by etcd's index, and the limit of [`Search::first`].
    fn next(&self, point: &Point) -> (Vec<usize>, u64) {
        let place = self.next_by_index(point).and_then(|number| self.answered[number].reply.place());
        let (mut next, limit) = self.first(point);
        next.retain(|number| self.answered[*number].reply.place().is_none_or(|own| Some(own) == place));
        (next, limit)
    }

    fn next_by_index(&self, point: &Point) -> Option<usize> {
        self.by_index.get(point.indexed).copied()
    }

    /// The answered operations without a place before which no other must come by real time, and the first end among them:
    /// an open write that started later cannot come next.
    fn first(&self, point: &Point) -> (Vec<usize>, u64) {
        let (mut first, mut limit) = (Vec::new(), u64::MAX);
        for number in point.state.answered.first_missing()..self.answered.len() {
            if self.answered[number].start > limit {
                break;
            }
            if !point.state.answered.contains(number) {
                limit = limit.min(self.answered[number].end);
                first.push(number);
            }
        }
        (first, limit)
    }

    /// Adds to `ways` each row of open writes, none longer than needed, that makes the register as the last of `wanted` wants
    /// it. `steps` is what comes after such a row, the last step first, and each was wanted by the one of `wanted` beside it.
    fn explain(
        &self,
        point: &Point,
        limit: u64,
        wanted: &[&dyn Fn(Register) -> bool],
        steps: &mut Vec<Placed>,
        ways: &mut Vec<Vec<Placed>>,
    ) {
        let mut tried = HashSet::new();
        for (number, open) in self.open.iter().enumerate().take_while(|(_, open)| open.start <= limit) {
            let left = point.state.register.with_open(open.request);
            let (last, later) = wanted.split_last().expect("something is wanted");
            // What would do for a later step makes those before that one needless.
            let helps = last(left) && !later.iter().any(|wanted| wanted(left));
            let free = !point.open.contains(number) && !steps.contains(&Placed::Open(number));
            // Of writes that do the same one is as good as another.
            if !helps || !free || !tried.insert(open.request) {
                continue;
            }
            steps.push(Placed::Open(number));
            if point.state.register.carries_out(open.request) {
                ways.push(steps.iter().rev().copied().collect());
            } else {
                let enabling = |register: Register| register.carries_out(open.request);
                let wanted = [wanted, &[&enabling]].concat();
                self.explain(point, limit, &wanted, steps, ways);
            }
            steps.pop();
        }
    }

    fn step(&self, register: Register, placed: Placed) -> Option<Register> {
        match placed {
            Placed::Open(number) => register.after_open(self.open[number].request),
            Placed::Answered(number) => register.after(self.answered[number].request, self.answered[number].reply),
        }
    }

    fn can_walk(&self, point: &Point, steps: &[Placed]) -> bool {
        steps.iter().try_fold(point.state.register, |register, placed| self.step(register, *placed)).is_some()
    }

    fn walk(&self, point: &Point, steps: &[Placed]) -> Point {
        let mut next = point.clone();
        for placed in steps {
            next.state.register = self.step(next.state.register, *placed).expect("a step that was tried before");
            match placed {
                Placed::Open(number) => next.open.insert(*number),
                Placed::Answered(number) => next.state.answered.insert(*number),
            }
        }
        while self.by_index.get(next.indexed).is_some_and(|number| next.state.answered.contains(*number)) {
            next.indexed += 1;
        }
        next
    }

    fn stuck(&self, trace: &[Trace], mut last: Option<usize>, farthest: &Point, given_up: bool) -> Stuck {
        let mut longest = Vec::new();
        while let Some(number) = last {
            longest.push(trace[number].placed);
            last = trace[number].before;
        }
        longest.reverse();
        let (first, by_index) = (self.first(farthest).0, self.next_by_index(farthest));
        Stuck { longest, register: farthest.state.register, first, by_index, given_up }
    }
}

#[cfg(test)]
mod tests;
