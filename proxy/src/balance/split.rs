//! One split: where a weighted choice between two sides is made.

/// Divides its requests between a left and a right side by their weights.
///
/// With weights l and r and W = l + r, floor(n·l/W) of the first n requests go left. So the n-th
/// one goes left exactly when that number grows with it, and either way the number of requests that
/// went there before is its index on that side: both sides count 0, 1, 2, … without a gap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Split {
    left: u32,
    right: u32,
    left_weight: u64,
    /// W; l and W have no common divisor, which changes no result and keeps most products small.
    total: u64,
}

impl Split {
    /// Of two steps. Both weights must be above zero and their sum at most `u64::MAX`.
    pub(super) fn new(left: (u32, u64), right: (u32, u64)) -> Self {
        let ((left, left_weight), (right, right_weight)) = (left, right);
        let total = left_weight + right_weight;
        let divisor = gcd(left_weight, total);
        Self {
            left,
            right,
            left_weight: left_weight / divisor,
            total: total / divisor,
        }
    }

    /// The step that takes request `n`, and the request's index there.
    #[inline]
    pub(super) fn hand_down(&self, n: u64) -> (u32, u64) {
        let (rounds, rest) = (n / self.total, n % self.total);
        let (lefts, remainder) = if u32::try_from(self.total).is_ok() {
            let product = rest * self.left_weight;
            (product / self.total, product % self.total)
        } else {
            let (product, total) = (
                u128::from(rest) * u128::from(self.left_weight),
                u128::from(self.total),
            );
            // the quotient is at most `rest`, the remainder less than `total`
            ((product / total) as u64, (product % total) as u64)
        };
        let lefts = rounds * self.left_weight + lefts;
        // floor((n+1)·l/W) > floor(n·l/W), without computing the first
        if remainder >= self.total - self.left_weight {
            (self.left, lefts)
        } else {
            (self.right, n - lefts)
        }
    }

    /// The side that is not this one.
    pub(super) fn other(&self, side: u32) -> u32 {
        if side == self.left { self.right } else { self.left }
    }

    /// Both sides: left, right.
    #[cfg(test)]
    pub(super) fn sides(&self) -> [u32; 2] {
        [self.left, self.right]
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, in numbers that cannot overflow.
    fn by_definition(n: u64, left_weight: u64, total: u64) -> (u32, u64) {
        let lefts = |n: u128| n * u128::from(left_weight) / u128::from(total);
        let (before, after) = (lefts(u128::from(n)), lefts(u128::from(n) + 1));
        if after > before {
            (0, before as u64)
        } else {
            (1, n - before as u64)
        }
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..10_000_u64,
            any::<u64>(),
            (u64::MAX - 10_000)..=u64::MAX,
            (1 << 32) - 10..(1_u64 << 32) + 10
        ]
    }

    fn weight() -> impl Strategy<Value = u64> {
        prop_oneof![
            1..20_u64,
            1..=u64::from(i32::MAX.unsigned_abs()),
            1..(1_u64 << 51)
        ]
    }

    proptest! {
        #[test]
        fn a_split_does_what_its_definition_says(n in number(), left in weight(), right in weight()) {
            let split = Split::new((0, left), (1, right));
            prop_assert_eq!(split.hand_down(n), by_definition(n, left, left + right));
        }

        #[test]
        fn both_sides_count_without_a_gap(start in number(), left in weight(), right in weight()) {
            let split = Split::new((0, left), (1, right));
            let start = start.min(u64::MAX - 200);
            let mut last = [None::<u64>; 2];
            for n in start..start + 200 {
                let (side, index) = split.hand_down(n);
                let last = &mut last[side as usize];
                prop_assert!(last.is_none_or(|last| index == last + 1));
                *last = Some(index);
            }
        }
    }
}
