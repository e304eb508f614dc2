//! Requests that change something: only by the leader, and not for ever.

use std::{future::Future, time::Duration};

use thiserror::Error;
use tokio::time::timeout;

pub(super) use super::watch::Reason;
use super::{lease::Leadership, permission::Missing};

/// Who we are in `metadata.managedFields`.
pub const FIELD_MANAGER: &str = "weir-operator";

/// For one request; well below the lease's duration less the time between renewals.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// Why something is not written, as far as anyone knows.
#[derive(Debug, Error)]
pub(super) enum WriteError {
    /// Another replica does it, or will.
    #[error("this replica does not lead")]
    NotLeading,
    /// It may have been written or not.
    #[error("the API server does not answer within {LIMIT:?}")]
    NoAnswer,
    /// It was not written, or the answer got lost.
    #[error("{}", Reason(.0))]
    Request(#[from] kube::Error),
}

impl WriteError {
    /// Whether the object has changed since it was read (or came into being).
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// The HTTP status of the answer.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Request(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }

    /// Whether another attempt would end in the same way: it must not be written, or not like this.
    pub fn is_refusal(&self) -> bool {
        self.code()
            .is_some_and(|code| (400..500).contains(&code) && ![401, 404, 409, 429].contains(&code))
    }

    /// Whether it must not be written by us; a namespace that is on its way out takes nothing from anybody.
    pub fn lacks_permission(&self) -> bool {
        match self {
            Self::Request(kube::Error::Api(status)) => {
                status.code == 403 && Missing::read(&status.message).is_some()
            }
            _ => false,
        }
    }

    /// As a metric label.
    pub fn label(&self) -> &'static str {
        match (self, self.code()) {
            (Self::NotLeading, _) => "not_leading",
            (Self::NoAnswer, _) => "timeout",
            (_, Some(403)) => "forbidden",
            (_, Some(404)) => "not_found",
            (_, Some(409)) => "conflict",
            (_, Some(_)) => "refused",
            (_, None) => "unreachable",
        }
    }
}

/// Sends a request if this process leads for longer than it may take.
pub(super) async fn fenced<T>(
    leadership: &Leadership,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, WriteError> {
    let permit = leadership.fence(LIMIT).ok_or(WriteError::NotLeading)?;
    match timeout(permit.limit(), request).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(WriteError::NoAnswer),
    }
}
