//! A stored config of another version of the operator, as after a rollback.
//!
//! It holds what was accepted of objects that are refused now. Writing over it would lose that, and their
//! requests with it. So nothing is published until that version runs again or somebody deletes the config.

use super::Publisher;
use crate::publish::ReadError;

impl Publisher {
    /// From now on nothing may be published, as long as this config is stored.
    pub(super) fn block(&self, config: &str, error: &ReadError) {
        let why = format!(
            "another version of the operator wrote what is published ({error}): run that version, or delete ConfigMap {}/{config}, with which the last accepted state of objects that are refused now is lost",
            self.settings.namespace
        );
        let news = self.blocked.send_if_modified(|blocked| {
            let news = blocked.as_ref() != Some(&why);
            *blocked = Some(why.clone());
            news
        });
        if news {
            tracing::error!("nothing is published: {why}");
        }
    }

    /// What is stored can be built upon.
    pub(super) fn unblock(&self) {
        if self.blocked.send_if_modified(|blocked| blocked.take().is_some()) {
            tracing::info!("what is published can be read again");
        }
    }

    /// Lets others see what was compiled, though nothing comes of it: its objects are told so.
    pub(super) async fn plan_in_vain(&mut self) {
        let compiled = self.compiled.borrow_and_update().clone();
        if let Some(compiled) = compiled
            && let Err(error) = self.plan(compiled).await
        {
            self.failed(&error).await;
        }
    }

    /// Whether nothing may be published; if so, others get to know why.
    pub(super) fn is_blocked(&self) -> bool {
        let Some(why) = self.blocked.borrow().clone() else {
            return false;
        };
        self.metrics.publisher.failed("another_version");
        self.state.send_if_modified(|state| state.fail(&why));
        true
    }
}
