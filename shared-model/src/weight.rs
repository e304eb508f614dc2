//! Numbers with a range, checked once when they are parsed.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A child's share among its siblings: 0 to 2³¹−1. 0 means no new traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u32")]
pub struct Weight(u32);

impl Weight {
    /// The largest weight.
    pub const MAX: u32 = i32::MAX.unsigned_abs();

    /// As a number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    /// 1, as in Traefik.
    fn default() -> Self {
        Self(1)
    }
}

/// A weight outside its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("weight {0} is outside 0 to {max}", max = Weight::MAX)]
pub struct WeightError(i64);

impl TryFrom<i64> for Weight {
    type Error = WeightError;

    fn try_from(value: i64) -> Result<Self, WeightError> {
        u32::try_from(value)
            .ok()
            .filter(|w| *w <= Self::MAX)
            .map(Self)
            .ok_or(WeightError(value))
    }
}

impl From<Weight> for u32 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

/// The part of the requests that a mirror gets a copy of: 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u8")]
pub struct Percent(u8);

impl Percent {
    /// As a number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// A percentage outside its range.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("percent {0} is outside 0 to 100")]
pub struct PercentError(i64);

impl TryFrom<i64> for Percent {
    type Error = PercentError;

    fn try_from(value: i64) -> Result<Self, PercentError> {
        u8::try_from(value)
            .ok()
            .filter(|p| *p <= 100)
            .map(Self)
            .ok_or(PercentError(value))
    }
}

impl From<Percent> for u8 {
    fn from(percent: Percent) -> Self {
        percent.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_at_their_ends() {
        assert_eq!(Weight::try_from(0).map(Weight::get), Ok(0));
        assert_eq!(
            Weight::try_from(2_147_483_647).map(Weight::get),
            Ok(2_147_483_647)
        );
        assert_eq!(Weight::try_from(2_147_483_648), Err(WeightError(2_147_483_648)));
        assert_eq!(Weight::try_from(-1), Err(WeightError(-1)));
        assert_eq!(Percent::try_from(100).map(Percent::get), Ok(100));
        assert_eq!(Percent::try_from(101), Err(PercentError(101)));
        assert_eq!(Percent::try_from(-1), Err(PercentError(-1)));
    }

    #[test]
    fn documents_cannot_hold_a_bad_number() {
        assert!(serde_json::from_str::<Percent>("150").is_err());
        assert!(serde_json::from_str::<Weight>("-1").is_err());
        assert_eq!(serde_json::to_string(&Weight::default()).unwrap(), "1");
    }
}
