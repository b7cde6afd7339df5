//! For lists of a few elements.

/// Stable. A tenth of the code that std's sort is compiled to for each kind of element, and quick where there are few of them or
/// nearly all stand where they belong.
pub fn sort_few<T>(list: &mut [T], is_before: impl Fn(&T, &T) -> bool) {
    for end in 1..list.len() {
        for at in (1..=end).rev() {
            let Some([left, right]) = list.get_mut(at - 1..=at) else { break };
            if !is_before(right, left) {
                break;
            }
            std::mem::swap(left, right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sorts_as_std_does_and_is_stable() {
        for round in 0..1000 {
            let mut list: Vec<(u32, usize)> = (0..round % 17).map(|at| (fastrand::u32(0..5), at)).collect();
            let mut expected = list.clone();
            expected.sort_by_key(|element| element.0);
            sort_few(&mut list, |left, right| left.0 < right.0);
            assert_eq!(list, expected);
        }
    }
}
