//! Which requests a mirror copies.

use std::sync::Arc;

use weir_model::weight::Percent;

use super::NodeIndex;

/// What all targets of one mirror have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Traefik's name of the mirroring service, for metrics.
    pub label: Arc<str>,
    /// Bytes of a request body up to which it is copied; none: no limit but the process's.
    pub max_body_size: Option<u64>,
    /// Whether copies carry the request's body.
    pub mirror_body: bool,
}

/// A service that gets copies of a mirror's requests.
#[derive(Clone, Debug)]
pub struct Target {
    /// Traefik's name of the service, for metrics.
    pub label: Arc<str>,
    /// The mirror that it belongs to.
    pub mirror: Arc<Mirror>,
    /// Where copies are picked.
    pub node: NodeIndex,
    /// Of the mirror's requests.
    pub percent: Percent,
}

/// The index among the copies of the one that request `m` is copied to; none when it is not copied.
/// Of the first n requests exactly ceil(n·percent/100) are.
#[inline]
pub(super) fn copy_index(m: u64, percent: Percent) -> Option<u64> {
    let percent = u64::from(percent.get());
    let (hundreds, rest) = (m / 100, m % 100);
    let copies = |requests: u64| (requests * percent).div_ceil(100);
    (copies(rest + 1) > copies(rest)).then(|| hundreds * percent + copies(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_percentage_rounded_up_is_copied() {
        for percent in 0..=100_u8 {
            let typed = Percent::try_from(i64::from(percent)).unwrap();
            let mut copied = 0;
            for n in 0..1_000 {
                if let Some(index) = copy_index(n, typed) {
                    assert_eq!(index, copied, "percent {percent}, request {n}");
                    copied += 1;
                }
                assert_eq!(
                    copied,
                    ((n + 1) * u64::from(percent)).div_ceil(100),
                    "percent {percent}, request {n}"
                );
            }
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let all = Percent::try_from(100).unwrap();
        assert_eq!(copy_index(u64::MAX, all), Some(u64::MAX));
    }
}
