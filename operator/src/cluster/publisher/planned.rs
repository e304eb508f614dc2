//! How far the leader has come with a compilation.

use std::sync::Arc;

use super::{Publisher, write::RoundError};
use crate::{
    cluster::engine::Compiled,
    compile::{Compilation, Snapshot},
    publish::{Plan, plan},
    status::Published,
};

/// A compilation as it is published, which may be less than was compiled.
#[derive(Debug)]
pub struct Planned {
    /// What was compiled, without what is held back for its size.
    pub compilation: Compilation,
    /// The objects that it was made from.
    pub snapshot: Arc<Snapshot>,
    /// What is to be stored; nothing when the compiler made something that does not hold.
    pub plan: Option<Plan>,
    /// What it was made from.
    pub(super) compiled: Arc<Compiled>,
}

/// How far the leader has come; nothing on other replicas.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What is to be published.
    pub planned: Option<Arc<Planned>>,
    /// What is.
    pub published: Published,
}

impl State {
    /// Before anything is known to be stored as planned, the config is, in this revision.
    pub(super) fn begin(&mut self, revision: u64) -> bool {
        let begins = self.published.digests.is_empty() && self.published.revision != revision;
        if begins {
            self.published.revision = revision;
        }
        begins
    }

    /// Whether it failed otherwise before.
    pub(super) fn fail(&mut self, failure: &str) -> bool {
        let news = self.published.failure.as_deref() != Some(failure);
        self.published.failure = Some(failure.to_owned());
        news
    }
}

impl Publisher {
    /// Plans a compilation, unless it is planned already, and lets others see it.
    pub(super) async fn plan(&self, compiled: Arc<Compiled>) -> Result<Arc<Planned>, RoundError> {
        let planned = self.state.borrow().planned.clone();
        if let Some(planned) = planned
            && Arc::ptr_eq(&planned.compiled, &compiled)
        {
            return Ok(planned);
        }
        let settings = self.settings.clone();
        // packing a large config takes some time
        let planned = tokio::task::spawn_blocking(move || {
            let mut compilation = compiled.compilation.clone();
            let plan = plan(
                &mut compilation,
                &compiled.previous,
                &compiled.snapshot,
                &settings,
            )?;
            Ok(Arc::new(Planned {
                compilation,
                snapshot: compiled.snapshot.clone(),
                plan,
                compiled,
            }))
        });
        let planned = planned
            .await
            .map_err(RoundError::Panicked)?
            .map_err(RoundError::Text)?;
        if planned.plan.is_none() && planned.compiled.compilation.violations.is_empty() {
            // only without what is held back: what the compiler made was counted then
            self.metrics.compiler.failed();
        }
        self.state
            .send_modify(|state| state.planned = Some(planned.clone()));
        Ok(planned)
    }
}
