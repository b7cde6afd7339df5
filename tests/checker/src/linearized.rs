//! A set of operations, small when almost all up to some number are in it.

/// Words of 64 bits; those at the beginning that are full are only counted, so that equal sets are equal values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Linearized {
    full: usize,
    words: Vec<u64>,
}

impl Linearized {
    pub(crate) fn contains(&self, number: usize) -> bool {
        let word = number / 64;
        word < self.full || self.words.get(word - self.full).is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }

    pub(crate) fn insert(&mut self, number: usize) {
        let word = number / 64;
        if word < self.full {
            return;
        }
        let place = word - self.full;
        if self.words.len() <= place {
            self.words.resize(place + 1, 0);
        }
        self.words[place] |= 1 << (number % 64);
        let full = self.words.iter().take_while(|bits| **bits == u64::MAX).count();
        self.words.drain(..full);
        self.full += full;
    }

    pub(crate) fn contains_all_of(&self, other: &Linearized) -> bool {
        let word = |set: &Linearized, number: usize| match number.checked_sub(set.full) {
            None => u64::MAX,
            Some(place) => set.words.get(place).copied().unwrap_or(0),
        };
        (0..other.full + other.words.len()).all(|number| word(other, number) & !word(self, number) == 0)
    }

    /// The lowest number that is not in it.
    pub(crate) fn first_missing(&self) -> usize {
        self.full * 64 + self.words.first().map_or(0, |bits| bits.trailing_ones() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_in_any_order_make_the_same_set() {
        let of = |numbers: &mut dyn Iterator<Item = usize>| {
            let mut set = Linearized::default();
            numbers.for_each(|number| set.insert(number));
            set
        };
        let set = of(&mut (0..200).filter(|number| *number != 150));
        assert_eq!(set, of(&mut (0..200).rev().filter(|number| *number != 150)));
        assert_eq!(
            (set.first_missing(), set.contains(149), set.contains(150), set.contains(200)),
            (150, true, false, false)
        );
        assert_eq!(of(&mut (0..64)).first_missing(), 64);
        assert!(of(&mut (0..200)).contains_all_of(&set) && !set.contains_all_of(&of(&mut (0..151))));
    }
}
