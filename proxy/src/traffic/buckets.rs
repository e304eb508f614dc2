//! The bounds of histograms.

use std::{str::FromStr, time::Duration};

/// Upper bounds of a histogram's buckets: ascending, without the last one, which has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets(Box<[Duration]>);

/// More of them than anybody draws, with each of which a series gets larger.
const MOST: usize = 64;

impl Default for Buckets {
    /// Traefik's.
    fn default() -> Self {
        Self([100, 300, 1_200, 5_000].map(Duration::from_millis).into())
    }
}

impl FromStr for Buckets {
    type Err = String;

    /// Seconds, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let bounds = text.split(',').map(|bound| {
            let seconds: f64 = bound
                .trim()
                .parse()
                .map_err(|_| format!("{bound} is no number"))?;
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|bound| !bound.is_zero())
                .ok_or_else(|| format!("{bound} is no time above zero"))
        });
        let bounds: Box<[_]> = bounds.collect::<Result<_, _>>()?;
        if !bounds.is_sorted_by(|a, b| a < b) {
            Err("the bounds must ascend".into())
        } else if bounds.len() > MOST {
            Err(format!("there may be {MOST} bounds"))
        } else {
            Ok(Self(bounds))
        }
    }
}

impl Buckets {
    /// How many there are, with the last one.
    pub(crate) fn count(&self) -> usize {
        self.0.len() + 1
    }

    /// The bucket of a time.
    pub(crate) fn place(&self, took: Duration) -> usize {
        // there are few, and most requests are in the first
        self.0
            .iter()
            .position(|bound| took <= *bound)
            .unwrap_or(self.0.len())
    }

    /// All bounds in seconds, the last one as well.
    pub(crate) fn bounds(&self) -> impl Iterator<Item = f64> {
        let bounds = self.0.iter().map(Duration::as_secs_f64);
        bounds.chain([f64::INFINITY])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_falls_into_the_first_bucket_that_holds_it() {
        let buckets = Buckets::default();
        let places = [0, 100, 101, 1_200, 5_000, 5_001].map(|ms| buckets.place(Duration::from_millis(ms)));
        assert_eq!(places, [0, 0, 1, 2, 3, 4]);
        assert_eq!(buckets.count(), 5);
        let bounds: Vec<_> = buckets.bounds().collect();
        assert_eq!(bounds, [0.1, 0.3, 1.2, 5.0, f64::INFINITY]);
    }

    #[test]
    fn bounds_are_numbers_that_ascend() {
        assert_eq!("0.1,0.3, 1.2,5".parse(), Ok(Buckets::default()));
        for wrong in ["", "a", "0", "-1", "1,1", "2,1", "NaN", "inf", "1,"] {
            assert!(wrong.parse::<Buckets>().is_err(), "{wrong}");
        }
        let many: Vec<_> = (1..=65).map(|bound| bound.to_string()).collect();
        assert!(many.join(",").parse::<Buckets>().is_err());
    }
}
