//! Clients with connections that they keep: outside and inside of the cluster, busy ones and ones that are mostly idle.

use std::time::Duration;

use anyhow::Result;
use weir_e2e::load::{Answers, Load};

use super::Scene;

/// Between the requests of a busy connection.
const PAUSE: Duration = Duration::from_millis(5);
/// Longer than a proxy that ends keeps a connection that is not used.
const LONG_PAUSE: Duration = Duration::from_millis(1500);
/// Kinds of clients, and how many connections each has.
const KINDS: [(&str, usize); 3] = [("outside", 6), ("inside", 6), ("mostly idle", 4)];

/// All of them.
#[derive(Debug)]
pub(crate) struct Clients {
    outside: Load,
    inside: Load,
    idle: Load,
}

impl Clients {
    pub(crate) async fn connect(scene: &Scene<'_>) -> Result<Self> {
        let [(_, outside), (_, inside), (_, idle)] = KINDS;
        let mut clients = Self {
            outside: scene.load(outside).await?,
            inside: scene.load_inside(inside).await?,
            idle: scene.load(idle).await?,
        };
        for load in [&mut clients.outside, &mut clients.inside] {
            load.set_pause(PAUSE);
        }
        clients.idle.set_pause(LONG_PAUSE);
        for load in [&mut clients.outside, &mut clients.inside, &mut clients.idle] {
            load.reconnect();
        }
        Ok(clients)
    }

    /// What they all saw while `work` was done: every request answered, and enough of them for that to mean something.
    pub(crate) async fn unharmed_by<T>(&mut self, what: &str, work: impl Future<Output = Result<T>>) -> T {
        // boxed, since each holds the one within
        let inner = Box::pin(self.outside.send_during("outside", work));
        let inner = Box::pin(self.inside.send_during("inside", inner));
        let (((done, outside), inside), idle) = self.idle.send_during("idle", inner).await;
        let answers = [outside, inside, idle];
        for ((kind, _), answers) in KINDS.iter().zip(&answers) {
            let Answers {
                failed, ended, left, ..
            } = answers;
            println!(
                "{what}, clients {kind}: {} requests, {failed} failed; {ended} connections ended, {left} left",
                answers.good() + failed,
            );
        }
        let done = done.unwrap_or_else(|error| panic!("{what}: {error:#}; {answers:?}"));
        for ((kind, _), answers) in KINDS.iter().zip(&answers) {
            assert_eq!(
                answers.failed, 0,
                "{what}, clients {kind}: {:#?}",
                answers.failures
            );
        }
        for busy in &answers[..2] {
            assert!(busy.good() > 300, "{what}: {busy:?}");
        }
        done
    }
}
