//! How long requests take that come when they come, not when the one before is answered.

use std::time::Duration;

use anyhow::Result;
use futures::future::try_join_all;
use tokio::{
    task::yield_now,
    time::{Instant, sleep_until},
};

use super::{Http1, Target};

/// When requests should have been sent, and the time from then to the ends of their answers; sorted by that time.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<(Duration, Instant)>);

impl Latencies {
    /// What so many of a thousand did not exceed.
    pub fn at(&self, per_mille: usize) -> Duration {
        let place = self.0.len() * per_mille / 1000;
        let taken = self.0.get(place.min(self.0.len().saturating_sub(1)));
        taken.map(|(taken, _)| *taken).unwrap_or_default()
    }

    /// Of the requests that were due in a time.
    pub fn between(&self, from: Instant, to: Instant) -> Self {
        let due = self.0.iter().filter(|(_, due)| (from..to).contains(due));
        Self(due.copied().collect())
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
                if connection.exchange(request, target.cookies).await.is_err() {
                    // a proxy may close connections that wait, which costs a client another one
                    *connection = Http1::connect(target).await?;
                    connection.exchange(request, target.cookies).await?;
                }
                taken.push((due.elapsed(), due));
                due += gap;
            }
            anyhow::Ok(taken)
        });
    let mut all = try_join_all(runs).await?.concat();
    all.sort_unstable();
    Ok(Latencies(all))
}
