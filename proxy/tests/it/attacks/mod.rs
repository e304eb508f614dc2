//! What clients send to be misunderstood, to wear the proxy out, or to pass for somebody else. Each case has the answer
//! that it gets and, where it passes, what the upstream is sent.

mod backends;
mod floods;
mod forwarded;
mod h1_framing;
mod h1_heads;
mod h2_frames;
mod loops;
mod paths;
mod slow;

use crate::support::{Documents, Fixture, Recorder};

/// A proxy, and what its upstream gets to see.
struct Scene {
    fixture: Fixture,
    upstream: Recorder,
}

/// Sent after everything else, on the same connection: whoever serves it has found the end of what came before.
const LAST: &str = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

impl Scene {
    async fn start() -> Self {
        let upstream = Recorder::start().await;
        let fixture = Fixture::start(&Documents::one(upstream.address())).await;
        Self { fixture, upstream }
    }

    /// Sends bytes, then [`LAST`]; the statuses of all answers until the connection ends.
    async fn statuses(&self, bytes: &[u8]) -> Vec<u16> {
        let mut client = self.fixture.client().await;
        client.send([bytes, LAST.as_bytes()].concat()).await;
        let mut statuses = Vec::new();
        while let Some(response) = client.try_response(true).await {
            statuses.push(response.status);
        }
        statuses
    }
}

/// How a request that is refused ends: with a status, and the end of the connection.
async fn refused(cases: &[(&str, &[u8], u16)]) {
    let scene = Scene::start().await;
    let mut wrong = Vec::new();
    for (name, bytes, status) in cases {
        let statuses = scene.statuses(bytes).await;
        if statuses != [*status] {
            wrong.push(format!("{name}: {statuses:?} instead of {status}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    let seen = scene.upstream.all();
    assert!(!seen.contains("/last"), "{seen}");
}

/// A request that passes: what its upstream is sent, without the headers that the proxy adds; and the next one on the
/// same connection passes as well, unless the connection ends.
async fn passed(name: &str, bytes: &[u8], goes_on: bool) -> String {
    let scene = Scene::start().await;
    let statuses = scene.statuses(bytes).await;
    let expected = if goes_on { &[200, 200][..] } else { &[200] };
    assert_eq!(statuses, expected, "{name}");
    let seen = scene.upstream.all();
    assert_eq!(
        seen.matches("/last").count(),
        usize::from(goes_on),
        "{name}: {seen}"
    );
    let own = |line: &&str| !line.starts_with("x-forwarded-") && !line.starts_with("x-real-ip");
    let end = seen.find("GET /last").unwrap_or(seen.len());
    seen[..end].split_inclusive("\r\n").filter(own).collect()
}
