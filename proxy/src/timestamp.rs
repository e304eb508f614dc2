//! Times as text.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const DAY: u64 = 86_400;

/// `2026-11-24T05:35:00Z`; a time before 1970 is 1970.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    Utc::from(time).to_string()
}

/// A time of day and its date in UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Utc {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    nanos: u32,
}

impl From<SystemTime> for Utc {
    /// A time before 1970 is 1970.
    fn from(time: SystemTime) -> Self {
        let since: Duration = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs();
        let (year, month, day) = date(seconds / DAY);
        Self {
            year,
            month,
            day,
            hour: seconds % DAY / 3600,
            minute: seconds % 3600 / 60,
            second: seconds % 60,
            nanos: since.subsec_nanos(),
        }
    }
}

impl fmt::Display for Utc {
    /// As RFC 3339 has it; `{:.9}` with nanoseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
            nanos,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if f.precision() == Some(9) {
            write!(f, ".{nanos:09}")?;
        }
        f.write_str("Z")
    }
}

/// Their names in logs.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A time as the Common Log Format has it: `24/Nov/2026:05:35:00 +0000`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common(pub(crate) Utc);

impl fmt::Display for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Utc {
            year,
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = self.0;
        let month = MONTHS[(month as usize - 1) % 12];
        write!(
            f,
            "{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000"
        )
    }
}

/// The date that many days after 1970-01-01. Years are counted from March, so that the leap day
/// is a year's last; 400 of them, an era, have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    // 719,468 days from 0000-03-01 to 1970-01-01
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // months of 31, 30, 31, 30, 31 days repeat: 153 days each five
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_are_written_as_known() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_795_497_300, "2026-11-24T05:15:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn logs_have_forms_of_their_own() {
        let time = Utc::from(UNIX_EPOCH + Duration::new(1_795_497_300, 45_000));
        assert_eq!(format!("{time:.9}"), "2026-11-24T05:15:00.000045000Z");
        assert_eq!(Common(time).to_string(), "24/Nov/2026:05:15:00 +0000");
    }

    #[test]
    fn days_follow_one_another() {
        let mut last = date(0);
        for day in 1..200_000 {
            let date = date(day);
            let (year, month, dom) = last;
            let next = [(year, month, dom + 1), (year, month + 1, 1), (year + 1, 1, 1)];
            assert!(next.contains(&date), "{last:?} then {date:?}");
            last = date;
        }
    }
}
