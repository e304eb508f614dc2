//! How long requests take that come when they come, not when the one before is answered.

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{Http1, Target};

/// From when requests should have been sent to the ends of their answers, sorted.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// What so many of a thousand did not exceed.
    pub fn at(&self, per_mille: usize) -> Duration {
        let place = self.0.len() * per_mille / 1000;
        self.0
            .get(place.min(self.0.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// The runtime's timer is as coarse as a millisecond: the last of it is waited for awake, which looks at sockets each time.
async fn wait_until(due: Instant) {
    if let Some(early) = due.checked_sub(Duration::from_millis(2))
        && early > Instant::now()
    {
        sleep_until(early).await;
    }
    while Instant::now() < due {
        yield_now().await;
    }
}

/// Sends requests at a rate for some time, spread evenly over connections. A connection whose answer is late sends its next
/// request at once, and that one's time counts from when it was due.
pub async fn open(
    target: &Target,
    connections: &mut [Http1],
    per_second: f64,
    time: Duration,
) -> Result<Latencies> {
    let count = connections.len();
    let gap = Duration::from_secs_f64(count as f64 / per_second);
    let start = Instant::now() + Duration::from_millis(10);
    let runs = connections
        .iter_mut()
        .enumerate()
        .map(|(place, connection)| async move {
            let mut taken = Vec::new();
            let mut due = start + gap.mul_f64(place as f64 / count as f64);
            for request in target.requests.iter().cycle() {
                if due.duration_since(start) > time {
                    break;
                }
                wait_until(due).await;
                connection.exchange(request, target.cookies).await?;
                taken.push(due.elapsed());
                due += gap;
            }
            anyhow::Ok(taken)
        });
    let mut all = try_join_all(runs).await?.concat();
    all.sort_unstable();
    Ok(Latencies(all))
}
