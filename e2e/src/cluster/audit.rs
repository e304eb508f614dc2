//! The API server's audit log: who asked to change what, and what came of it.

use std::{
    fmt, fs,
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{
    api::{Api, Refusal},
    resource::CONFIG_MAP,
    wait::eventually,
};

/// From an answer to its line in the log.
const LIMIT: Duration = Duration::from_secs(10);

/// The log of a control plane of our own. It has the requests of all verbs that can change something, once answered.
#[derive(Clone, Debug)]
pub struct Audit {
    api: Api,
    log: PathBuf,
}

/// A moment, on the API server's clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(String);

/// A request, and the answer to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// Who asked.
    pub user: String,
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// As in a path, with the subresource if there is one: `traefikservices/status`.
    pub resource: String,
    /// Empty for what is in no namespace.
    pub namespace: String,
    /// Empty when the API server is to find one.
    pub name: String,
    /// HTTP's status code.
    pub code: u16,
    /// When it was asked, as text that sorts.
    received: String,
}

impl Write {
    /// Whether something was changed.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code)
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user,
            verb,
            resource,
            namespace,
            name,
            code,
            received,
        } = self;
        write!(
            f,
            "{received} {user}: {verb} {resource} {namespace}/{name}: {code}"
        )
    }
}

impl Audit {
    pub(super) fn new(api: Api, log: PathBuf) -> Self {
        Self { api, log }
    }

    /// Now. The API server has to be there.
    pub async fn mark(&self) -> Result<Mark> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // changes nothing, but is in the log: what was answered before is, too
        let name = format!("mark-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        match self.api.delete(&CONFIG_MAP.object("default", &name)).await {
            Err(error) if Refusal::status_of(&error) == Some(404) => {}
            result => result?,
        }
        let what = format!("{name} is in the audit log");
        eventually(&what, LIMIT, async || {
            let found = self.all()?.into_iter().find(|write| write.name == name);
            Ok(Mark(found.context("it is not")?.received))
        })
        .await
    }

    /// What was asked since then.
    pub async fn since(&self, mark: &Mark) -> Result<Vec<Write>> {
        self.mark().await?;
        let mut writes = self.all()?;
        writes.retain(|write| write.received > mark.0);
        Ok(writes)
    }

    /// What a user has asked since then.
    pub async fn of(&self, user: &str, mark: &Mark) -> Result<Vec<Write>> {
        let mut writes = self.since(mark).await?;
        writes.retain(|write| write.user == user);
        Ok(writes)
    }

    fn all(&self) -> Result<Vec<Write>> {
        let text = fs::read_to_string(&self.log).with_context(|| self.log.display().to_string())?;
        parse(&text)
    }
}

fn parse(log: &str) -> Result<Vec<Write>> {
    // the last line may be under way
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(read).collect()
}

fn read(line: &str) -> Result<Write> {
    let line: Line = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let Object {
        mut resource,
        subresource,
        namespace,
        name,
    } = line.object_ref;
    if !subresource.is_empty() {
        resource = format!("{resource}/{subresource}");
    }
    Ok(Write {
        user: line.user.username,
        verb: line.verb,
        resource,
        namespace,
        name,
        code: line.response_status.code,
        received: line.request_received_timestamp,
    })
}

/// `audit.k8s.io/v1` `Event`, as far as it is of use here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    response_status: Status,
    request_received_timestamp: String,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Debug, Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_a_request_and_its_answer() {
        let line = json!({
            "kind": "Event",
            "stage": "ResponseComplete",
            "verb": "update",
            "user": {"username": "a", "groups": ["system:authenticated"]},
            "objectRef": {"resource": "traefikservices", "namespace": "apps", "name": "wrr1", "subresource": "status"},
            "responseStatus": {"metadata": {}, "code": 409},
            "requestReceivedTimestamp": "2026-01-01T00:00:00.000000Z",
            "stageTimestamp": "2026-01-01T00:00:00.000001Z",
        });
        let half = &line.to_string()[..30];
        let writes = parse(&format!("{line}\n{half}")).unwrap();
        assert_eq!(writes.len(), 1);
        assert!(!writes[0].succeeded());
        assert_eq!(
            writes[0].to_string(),
            "2026-01-01T00:00:00.000000Z a: update traefikservices/status apps/wrr1: 409"
        );
    }
}
