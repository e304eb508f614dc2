//! What is told about objects, as people read it.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;
use weir_e2e::cluster::{
    namespace::{Namespace, condition_of},
    resource::Resource,
};

/// Within which anything happens, on a machine that is busy, too.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A condition.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its type.
    pub condition: &'a str,
    /// `True` or `False`.
    pub status: &'a str,
    /// One word.
    pub reason: &'a str,
    /// A part of the message.
    pub message: &'a str,
}

/// A condition as people read it, with a part of its message.
pub const fn told<'a>(condition: &'a str, status: &'a str, reason: &'a str, message: &'a str) -> Told<'a> {
    Told {
        condition,
        status,
        reason,
        message,
    }
}

/// Everything is well.
pub const READY: Told<'_> = told("Ready", "True", "Ready", "");
/// As far as the API goes, everything is well; only that no proxy is there to serve it.
pub const NO_PROXIES: Told<'_> = told("Ready", "False", "NoProxies", "no proxy runs");

impl Told<'_> {
    /// An error that says what is told instead.
    pub fn check(&self, object: &Value) -> Result<()> {
        let found = condition_of(object, self.condition);
        let text = |field: &str| found[field].as_str().unwrap_or_default();
        ensure!(
            text("status") == self.status
                && text("reason") == self.reason
                && text("message").contains(self.message),
            "wanted {self:?}, its conditions: {:#}",
            object["status"]["conditions"]
        );
        ensure!(
            found["observedGeneration"] == object["metadata"]["generation"],
            "{} is about generation {}, the object has {}",
            self.condition,
            found["observedGeneration"],
            object["metadata"]["generation"]
        );
        Ok(())
    }
}

/// Waits until all of that is told about an object's present generation, and returns the object.
pub async fn await_told(
    namespace: &Namespace<'_>,
    resource: Resource,
    name: &str,
    wanted: &[Told<'_>],
) -> Result<Value> {
    namespace
        .await_object(resource, name, LIMIT, |object| {
            wanted.iter().try_for_each(|told| told.check(object))
        })
        .await
}
