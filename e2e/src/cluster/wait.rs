//! Waiting for what will be, never for a time.

use std::time::Duration;

use anyhow::{Error, Result};
use tokio::time::{self, Instant};

const POLL: Duration = Duration::from_millis(20);

/// Asks again and again until the answer is good, and returns it. After `limit` the last refusal is the error's cause.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    let end = Instant::now() + limit;
    let mut last = Error::msg("no answer yet");
    loop {
        match time::timeout_at(end, ask()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(refusal)) => last = refusal,
            // the question itself hangs; the refusal before it says more
            Err(_) => {}
        }
        if Instant::now() + POLL > end {
            return Err(last.context(format!("{what}: not within {limit:?}")));
        }
        time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use anyhow::bail;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_good_answer_is_returned() {
        let mut asked = 0;
        let answer = eventually("it is there", Duration::from_secs(1), async || {
            asked += 1;
            if asked < 3 {
                bail!("asked {asked} times");
            }
            Ok(asked)
        });
        assert_eq!(answer.await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_is_named_with_the_last_refusal() {
        let mut asked = 0;
        let error = eventually("it is there", Duration::from_secs(1), async || {
            asked += 1;
            match asked {
                1 => bail!("the first refusal"),
                2 => bail!("the last refusal"),
                _ => future::pending::<Result<()>>().await,
            }
        });
        let error = format!("{:#}", error.await.unwrap_err());
        assert_eq!(error, "it is there: not within 1s: the last refusal");
    }
}
