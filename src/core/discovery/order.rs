//! The order in which RFC 2782 wants the targets of SRV records to be tried.

use super::message::Record;
use crate::core::{chance, few};

/// By priority; within one, at random, in proportion to the weights. Targets that say "not available" are left out.
pub(super) fn ordered(mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| !record.target.is_empty());
    // Records of weight 0 come first within a priority, so that they have their small chance.
    few::sort_few(&mut records, |left, right| (left.priority, left.weight) < (right.priority, right.weight));
    let mut result = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let group = records.iter().take_while(|record| record.priority == priority);
        let total: u32 = group.map(|record| u32::from(record.weight)).sum();
        let drawn = chance::generator().u32(0..=total);
        let mut sum = 0_u32;
        let is_drawn = |record: &Record| {
            sum = sum.saturating_add(u32::from(record.weight));
            sum >= drawn
        };
        let position = records.iter().position(is_drawn).unwrap_or(0);
        result.push(records.remove(position));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, target: &str) -> Record {
        Record { priority, weight, port: 2379, target: target.into() }
    }

    #[test]
    fn lower_priorities_come_first_and_a_dot_means_not_available() {
        for _ in 0..100 {
            let records = vec![record(20, 1, "c"), record(10, 5, "a"), record(10, 0, "b"), record(0, 1, "")];
            let order: Vec<String> = ordered(records).into_iter().map(|record| record.target).collect();
            assert!(order == ["a", "b", "c"] || order == ["b", "a", "c"], "{order:?}");
        }
    }

    #[test]
    fn the_first_is_drawn_in_proportion_to_the_weights() {
        let mut heavy = 0_i32;
        for _ in 0..4000 {
            let order = ordered(vec![record(1, 1, "light"), record(1, 3, "heavy")]);
            heavy += i32::from(order.first().is_some_and(|record| record.target == "heavy"));
        }
        // RFC 2782 draws from 0 to the sum, both included: 0 and 1 of the five numbers are the light one's.
        assert!((heavy - 2400).abs() < 250, "{heavy} of 4000");
    }

    #[test]
    fn records_without_weight_are_not_starved() {
        let first = |_| ordered(vec![record(1, 9, "heavy"), record(1, 0, "none")]).remove(0).target;
        assert!((0..2000).map(first).any(|target| target == "none"));
    }
}
