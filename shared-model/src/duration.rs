//! Durations as Go writes them.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A signed duration of whole nanoseconds, read and written in Go's syntax (`1m30s`, `100ms`, `-1ns`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GoDuration(i64);

/// Units by descending length in nanoseconds; the ASCII `us` is what Go calls `µs`.
const UNITS: [(&str, i64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DurationError {
    /// Nothing, or a sign alone.
    #[error("the duration is empty")]
    Empty,
    /// A number without a unit, an unknown unit, or no number.
    #[error(
        "{0:?} is no duration: write numbers with units, such as 100ms, 5s or 1m30s (units: ns, us, ms, s, m, h)"
    )]
    Syntax(String),
    /// More than about 292 years.
    #[error("{0:?} is too long a duration")]
    Overflow(String),
}

impl GoDuration {
    /// Of whole milliseconds.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms.saturating_mul(1_000_000))
    }

    /// Of whole seconds.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Whole nanoseconds.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// As the standard type; nothing when negative.
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }
}

impl FromStr for GoDuration {
    type Err = DurationError;

    /// Go's `time.ParseDuration`: an optional sign, then decimal numbers each with a unit, or `0`.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let syntax = || DurationError::Syntax(text.to_owned());
        let overflow = || DurationError::Overflow(text.to_owned());
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest.is_empty() {
            return Err(DurationError::Empty);
        }
        if rest == "0" {
            return Ok(Self(0));
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let digits_end = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or_else(syntax)?;
            let (number, after) = rest.split_at(digits_end);
            let unit_end = after
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(after.len());
            let (unit, after) = after.split_at(unit_end);
            let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(syntax)?;
            total += scaled(number, *scale).ok_or_else(syntax)?;
            if total > i128::from(i64::MAX) {
                return Err(overflow());
            }
            rest = after;
        }
        let signed = if negative { -total } else { total };
        i64::try_from(signed).map(Self).map_err(|_| overflow())
    }
}

/// A decimal number times a unit, rounded down to nanoseconds. Digits past what an `i64` of
/// nanoseconds can tell apart are dropped.
fn scaled(number: &str, scale: i64) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    // only digits are left, so a failure means too large, which the caller finds in the total
    let whole = if whole.is_empty() {
        0
    } else {
        i128::from(whole.parse::<u64>().unwrap_or(u64::MAX))
    };
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let part = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<i128>().ok()? * i128::from(scale) / 10_i128.pow(u32::try_from(fraction.len()).ok()?)
    };
    Some(whole * i128::from(scale) + part)
}

impl fmt::Display for GoDuration {
    /// As Go prints it: `1h2m3.5s`, below a second in the largest fitting unit (`1.5ms`), `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let ns = self.0.unsigned_abs();
        let decimal = |f: &mut fmt::Formatter<'_>, ns: u64, scale: u64, unit: &str| {
            let (whole, rest) = (ns / scale, ns % scale);
            write!(f, "{whole}")?;
            if rest > 0 {
                let width = scale.ilog10() as usize;
                write!(f, ".{}", format!("{rest:0width$}").trim_end_matches('0'))?;
            }
            f.write_str(unit)
        };
        match ns {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{ns}ns"),
            1_000..1_000_000 => decimal(f, ns, 1_000, "µs"),
            1_000_000..1_000_000_000 => decimal(f, ns, 1_000_000, "ms"),
            _ => {
                let (hours, minutes) = (ns / 3_600_000_000_000, ns / 60_000_000_000 % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                decimal(f, ns % 60_000_000_000, 1_000_000_000, "s")
            }
        }
    }
}

impl TryFrom<String> for GoDuration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, DurationError> {
        text.parse()
    }
}

impl From<GoDuration> for String {
    fn from(duration: GoDuration) -> Self {
        duration.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<i64, DurationError> {
        text.parse().map(GoDuration::nanos)
    }

    #[test]
    fn reads_what_go_reads() {
        assert_eq!(parsed("100ms"), Ok(100_000_000));
        assert_eq!(parsed("1m30s"), Ok(90_000_000_000));
        assert_eq!(parsed("-1.5h"), Ok(-5_400_000_000_000));
        assert_eq!(parsed("0"), Ok(0));
        assert_eq!(parsed(".5s"), Ok(500_000_000));
        assert_eq!(parsed("1µs"), Ok(1_000));
    }

    #[test]
    fn refuses_what_go_refuses() {
        assert_eq!(parsed(""), Err(DurationError::Empty));
        assert_eq!(parsed("-"), Err(DurationError::Empty));
        for text in ["5", "5m30", "5x", "s", "1..5s", ".s", "5 s", "abc"] {
            assert_eq!(parsed(text), Err(DurationError::Syntax(text.into())), "{text}");
        }
        for text in ["9223372036854775808ns", "99999999999999999999999999h", "3000000h"] {
            assert!(matches!(parsed(text), Err(DurationError::Overflow(_))), "{text}");
        }
    }

    #[test]
    fn prints_as_go_does() {
        for text in ["0s", "1ns", "1.5µs", "100ms", "1s", "1m0s", "1h0m0.5s", "-1m30s"] {
            assert_eq!(text.parse::<GoDuration>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn printing_and_reading_agree(ns: i64) {
            prop_assume!(ns != i64::MIN);
            prop_assert_eq!(GoDuration(ns).to_string().parse(), Ok(GoDuration(ns)));
        }

        #[test]
        fn any_text_is_answered(text in "[-+0-9.hmsnuµ]{0,40}") {
            let _ = text.parse::<GoDuration>();
        }
    }
}
