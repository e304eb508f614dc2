//! The bounds on everything that clients, upstreams and mirrors can make the proxy hold or wait for.

use std::time::Duration;

use clap::Args;
use weir_model::duration::GoDuration;

/// For as many headers hyper has room on the stack, as long as it is not told how many there may be.
const HEADERS_WITHOUT_ALLOCATION: usize = 100;

/// Limits, each a flag. Those on numbers and bytes mean the whole process, not a thread.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Client connections at a time; further ones wait in the kernel's queue.
    #[arg(long, value_name = "N", default_value = "65536", value_parser = at_least_one)]
    pub max_connections: usize,
    /// Bytes of a request's or response's head (with its first line); larger requests are answered 431,
    /// as are those with more headers than --max-headers.
    #[arg(long, value_name = "BYTES", default_value = "65536", value_parser = buffer_size)]
    pub max_header_bytes: usize,
    /// Headers of a request or response. Above 100, reading a head costs memory allocations.
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    pub max_headers: usize,
    /// Requests that a client may have under way at a time on an HTTP/2 connection.
    #[arg(long, value_name = "N", default_value = "250", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_concurrent_streams: u32,
    /// How long a client may take to send a request's head, and before that for the handshake of TLS.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub head_timeout: Duration,
    /// How long a client may be silent inside a request's body.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub body_timeout: Duration,
    /// Bytes a second that a request's body has to bring, over each --body-timeout and until the answer begins, as long
    /// as the client is what is waited for; 0: any. So that nobody holds a connection with a byte now and then.
    #[arg(long, value_name = "BYTES", default_value = "240")]
    pub min_body_rate: u32,
    /// How long a client may take nothing of a response that waits for it.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    pub write_timeout: Duration,
    /// How long a client's connection may be unused.
    #[arg(long, value_name = "DURATION", default_value = "180s", value_parser = duration)]
    pub idle_timeout: Duration,
    /// After how long an unused client connection gives its buffers back.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    pub park_after: Duration,
    /// Unused connections kept for each endpoint, where its transport does not say.
    #[arg(long, value_name = "N", default_value = "200")]
    pub max_idle_upstream: usize,
    /// Probes of health checks that start in a second; beyond, intervals stretch.
    #[arg(long, value_name = "N", default_value = "500", value_parser = at_least_one)]
    pub health_max_probes_per_second: usize,
    /// Probes of health checks under way at a time; beyond, intervals stretch.
    #[arg(long, value_name = "N", default_value = "1024", value_parser = at_least_one)]
    pub health_max_probes: usize,
    /// Mirrored copies under way at a time; further ones are dropped.
    #[arg(long, value_name = "N", default_value = "1024")]
    pub mirror_max_copies: usize,
    /// Bytes of request bodies held for mirrored copies; copies beyond are dropped.
    #[arg(long, value_name = "BYTES", default_value = "67108864")]
    pub mirror_max_bytes: usize,
    /// For a mirrored copy, from its start to the end of its response.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub mirror_timeout: Duration,
    /// Bytes of a mirror's response that are read (and thrown away) to keep its connection.
    #[arg(long, value_name = "BYTES", default_value = "1048576")]
    pub mirror_max_response_bytes: u64,
}

impl Default for Limits {
    /// The flags' defaults.
    fn default() -> Self {
        Self {
            max_connections: 65_536,
            max_header_bytes: 64 << 10,
            max_headers: HEADERS_WITHOUT_ALLOCATION,
            max_concurrent_streams: 250,
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_mins(1),
            min_body_rate: 240,
            write_timeout: Duration::from_mins(1),
            idle_timeout: Duration::from_mins(3),
            park_after: Duration::from_secs(1),
            max_idle_upstream: 200,
            health_max_probes_per_second: 500,
            health_max_probes: 1024,
            mirror_max_copies: 1024,
            mirror_max_bytes: 64 << 20,
            mirror_timeout: Duration::from_secs(30),
            mirror_max_response_bytes: 1 << 20,
        }
    }
}

impl Limits {
    /// How many headers to tell hyper; none: what it allows anyway.
    pub(crate) fn own_max_headers(&self) -> Option<usize> {
        (self.max_headers != HEADERS_WITHOUT_ALLOCATION).then_some(self.max_headers)
    }

    /// Bytes that a request's body has to bring within the timeout for its silence.
    pub(crate) fn least_of_body(&self) -> u32 {
        let least = self.body_timeout.as_millis() * u128::from(self.min_body_rate) / 1_000;
        u32::try_from(least).unwrap_or(u32::MAX)
    }

    /// How often to look for what is overdue: often enough for the shortest of the timeouts, at most
    /// twice a second.
    pub(crate) fn tick(&self) -> Duration {
        let timeouts = [
            self.head_timeout,
            self.body_timeout,
            self.write_timeout,
            self.idle_timeout,
            self.park_after,
        ];
        let shortest = timeouts.into_iter().min().unwrap_or(self.park_after);
        (shortest / 4).clamp(Duration::from_millis(10), Duration::from_millis(500))
    }
}

/// A duration above zero, in Go's syntax.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration = duration_or_zero(text)?;
    if duration.is_zero() {
        Err("must be above zero".into())
    } else {
        Ok(duration)
    }
}

/// A duration of zero or more, in Go's syntax.
pub(crate) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    let duration: GoDuration = text.parse().map_err(|error| format!("{error}"))?;
    duration.to_std().ok_or_else(|| "must not be negative".into())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    at_least(text, 1)
}

/// hyper wants at least this much room for a head.
fn buffer_size(text: &str) -> Result<usize, String> {
    at_least(text, 8192)
}

fn at_least(text: &str, least: usize) -> Result<usize, String> {
    let number: usize = text.parse().map_err(|error| format!("{error}"))?;
    if number < least {
        Err(format!("must be at least {least}"))
    } else {
        Ok(number)
    }
}

/// A worker's part of a number that means the whole process. The parts sum up to the number.
pub(crate) fn share(total: usize, workers: usize, index: usize) -> usize {
    total / workers + usize::from(index < total % workers)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn flags_and_code_have_the_same_defaults() {
        assert_eq!(Flags::parse_from(["flags"]).limits, Limits::default());
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for flag in [
            "--max-connections=0",
            "--max-header-bytes=100",
            "--idle-timeout=0s",
            "--head-timeout=-1s",
            "--health-max-probes-per-second=0",
            "--health-max-probes=0",
            "--park-after=5",
        ] {
            assert!(Flags::try_parse_from(["flags", flag]).is_err(), "{flag}");
        }
    }

    #[test]
    fn shares_sum_up_to_the_total() {
        for total in [0, 1, 3, 200] {
            assert_eq!((0..4).map(|index| share(total, 4, index)).sum::<usize>(), total);
        }
    }
}
