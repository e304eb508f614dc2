//! The end of a proxy, in stages.

use tokio::sync::watch;

/// How far the end has come. Stages only go forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Serving.
    #[default]
    Serving,
    /// Not ready any more, still accepting: who sends traffic here has time to notice.
    Announced,
    /// No new connections; those that are there end with their request.
    Draining,
    /// Whoever is left is cut off.
    Over,
}

/// Sees the stages come.
#[derive(Clone, Debug)]
pub(crate) struct Drain(watch::Receiver<Stage>);

/// Moves to the next stages.
#[derive(Debug)]
pub(crate) struct Drainer(watch::Sender<Stage>);

pub(crate) fn new() -> (Drainer, Drain) {
    let (sender, receiver) = watch::channel(Stage::Serving);
    (Drainer(sender), Drain(receiver))
}

impl Drainer {
    /// Moves on; a stage that was passed already stays passed.
    pub(crate) fn advance(&self, stage: Stage) {
        self.0.send_if_modified(|now| {
            let moves = stage > *now;
            if moves {
                *now = stage;
            }
            moves
        });
    }
}

impl Drain {
    /// The stage now.
    pub(crate) fn stage(&self) -> Stage {
        *self.0.borrow()
    }

    /// Waits until `stage` or a later one has come. A proxy that was dropped is over.
    pub(crate) async fn reached(&mut self, stage: Stage) {
        let _ = self.0.wait_for(|now| *now >= stage).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stages_only_go_forward() {
        let (drainer, mut drain) = new();
        assert_eq!(drain.stage(), Stage::Serving);
        drainer.advance(Stage::Draining);
        drainer.advance(Stage::Announced);
        drain.reached(Stage::Announced).await;
        assert_eq!(drain.stage(), Stage::Draining);
    }

    #[tokio::test]
    async fn a_dropped_proxy_is_over() {
        let (drainer, mut drain) = new();
        drop(drainer);
        drain.reached(Stage::Over).await;
    }
}
