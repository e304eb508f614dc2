//! Which replica writes.
//!
//! All replicas watch and compile; one of them, the leader, writes. It holds a Lease of
//! `coordination.k8s.io` for ten seconds and renews that every three. A claim is not a flag that somebody
//! has to take back in time but a moment until which it holds, on a clock that only goes forward; every
//! write asks [`Leadership::fence`] whether the claim outlasts the request's own time limit. A leader that
//! hangs, is paused or loses its connection so stops writing by itself before another one starts. What slips
//! through nevertheless (a process that is paused just after it asked) carries the version of the object
//! that it has read, and is refused if a new leader has written since.

mod election;

use std::{future::Future, time::Duration};

use k8s_openapi::{
    api::coordination::v1::Lease,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use self::election::{Action, Election, Timing};
use super::write::{FIELD_MANAGER, Reason};

/// For one request; two of them fit into what is left of a claim when its renewal is due.
const LIMIT: Duration = Duration::from_secs(3);

/// Longer than any process runs; tokio's clock cannot tell of much later moments.
const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 30);

/// What a process needs to know to stand for election.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Where the Lease is.
    pub namespace: String,
    /// The Lease's name.
    pub lease: String,
    /// No other process may ever have the same, not even this one's successor in the same pod.
    pub identity: String,
    /// With which the Lease goes.
    pub owner: Option<OwnerReference>,
}

/// Whether this process leads, and until when. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Leadership {
    claim: watch::Receiver<Option<Instant>>,
}

/// That a request may be sent now.
#[derive(Debug)]
#[must_use = "it is good for one request that is sent at once"]
pub struct Permit {
    limit: Duration,
}

impl Permit {
    /// When to give the request up.
    pub fn limit(self) -> Duration {
        self.limit
    }
}

impl Leadership {
    /// A process that leads until the sender says otherwise.
    #[cfg(test)]
    pub(super) fn until(end: Option<Instant>) -> (watch::Sender<Option<Instant>>, Self) {
        let (sender, claim) = watch::channel(end);
        (sender, Self { claim })
    }

    /// A process that is the only one, and leads without asking anybody, as long as the sender is kept.
    pub(super) fn always() -> (watch::Sender<Option<Instant>>, Self) {
        let (sender, claim) = watch::channel(Some(Instant::now() + FOR_EVER));
        (sender, Self { claim })
    }

    /// Whether this process leads.
    pub fn holds(&self) -> bool {
        self.fence(Duration::ZERO).is_some()
    }

    /// Permits a request that takes no longer than `limit`, if this process leads for so long.
    pub fn fence(&self, limit: Duration) -> Option<Permit> {
        let until = *self.claim.borrow();
        until
            .is_some_and(|until| until > Instant::now() + limit)
            .then_some(Permit { limit })
    }

    /// Waits until this process leads, or no longer does, unlike `leading`; what is the case then.
    pub async fn changed_from(&mut self, leading: bool) -> bool {
        let ended = self
            .claim
            .wait_for(|claim| claim.is_some() != leading)
            .await
            .is_err();
        if ended && !leading {
            // without an election nobody leads
            std::future::pending::<()>().await;
        }
        !leading
    }
}

/// Takes part in the election, until told to stop.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    name: String,
    identity: String,
    election: Election,
    claim: watch::Sender<Option<Instant>>,
    /// What failed last, so that it is told once.
    failure: Option<String>,
}

impl Elector {
    /// Nobody is asked before [`Elector::run`].
    pub fn new(client: Client, candidate: Candidate) -> (Self, Leadership) {
        let Candidate {
            namespace,
            lease: name,
            identity,
            owner,
        } = candidate;
        let metadata = ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace.clone()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        };
        let blank = Lease { metadata, spec: None };
        let (sender, claim) = watch::channel(None);
        let elector = Self {
            api: Api::namespaced(client, &namespace),
            name,
            election: Election::new(identity.clone(), blank, Timing::DEFAULT, Instant::now()),
            identity,
            claim: sender,
            failure: None,
        };
        (elector, Leadership { claim })
    }

    /// Takes part until `stop`, then gives the Lease back, so that the next one need not wait. By then
    /// nothing must be written any longer.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let wake = match self.election.held_until() {
                Some(end) if self.claim.borrow().is_some() => self.election.next().min(end),
                _ => self.election.next(),
            };
            tokio::select! {
                () = &mut stop => return self.release().await,
                () = sleep_until(wake) => {}
            }
            if self.election.next() <= Instant::now() {
                tokio::select! {
                    () = &mut stop => return self.release().await,
                    () = self.act() => {}
                }
            }
            self.tell();
        }
    }

    async fn act(&mut self) {
        let sent = Instant::now();
        match self.election.act(sent, Timestamp::now()) {
            Action::Read => match timeout(LIMIT, self.api.get_opt(&self.name)).await {
                Ok(Ok(lease)) => {
                    self.works();
                    self.election.read(lease, Instant::now());
                }
                Ok(Err(error)) => self.fails(Reason(&error).to_string()),
                Err(_) => self.fails(no_answer()),
            },
            Action::Write(lease) => match timeout(LIMIT, self.put(&lease)).await {
                Ok(Ok(lease)) => {
                    self.works();
                    self.election.written(lease, sent);
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 409 || status.code == 404 => {
                    self.election.refused(Instant::now());
                }
                Ok(Err(error)) => self.fails(Reason(&error).to_string()),
                Err(_) => self.fails(no_answer()),
            },
        }
    }

    async fn put(&self, lease: &Lease) -> kube::Result<Lease> {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        if lease.metadata.resource_version.is_some() {
            self.api.replace(&self.name, &params, lease).await
        } else {
            self.api.create(&params, lease).await
        }
    }

    fn works(&mut self) {
        self.failure = None;
    }

    fn fails(&mut self, failure: String) {
        self.election.failed(Instant::now());
        if self.failure.as_ref() != Some(&failure) {
            tracing::warn!(
                lease = self.name,
                "cannot take part in the election of a leader: {failure}"
            );
            self.failure = Some(failure);
        }
    }

    /// Tells the others what holds now.
    fn tell(&self) {
        let now = Instant::now();
        let until = self.election.held_until().filter(|until| *until > now);
        let before = self.claim.send_replace(until);
        match (before, until) {
            (None, Some(_)) => tracing::info!(identity = self.identity, "leading: this replica writes"),
            (Some(_), None) => {
                tracing::warn!(
                    identity = self.identity,
                    "no longer leading: this replica does not write"
                );
            }
            _ => {}
        }
    }

    async fn release(mut self) {
        self.claim.send_replace(None);
        let Some(lease) = self.election.release(Timestamp::now()) else {
            return;
        };
        match timeout(LIMIT, self.put(&lease)).await {
            Ok(Ok(_)) => tracing::info!("gave the lease back"),
            // others wait until it has expired
            Ok(Err(error)) => tracing::warn!("cannot give the lease back: {}", Reason(&error)),
            Err(_) => tracing::warn!("cannot give the lease back: {}", no_answer()),
        }
    }
}

fn no_answer() -> String {
    format!("the API server does not answer within {LIMIT:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_leads_always_goes_on_to() {
        let (_claim, mut leadership) = Leadership::always();
        assert!(leadership.changed_from(false).await);
        let other = timeout(Duration::from_hours(1000), leadership.changed_from(true)).await;
        assert!(other.is_err());
        assert!(leadership.fence(Duration::from_hours(1)).is_some());
    }
}
