//! Reads the Secrets and ConfigMaps that are wanted, one by one.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use kube::{Api, Client, api::DynamicObject};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::{api_resource, backoff::Backoff, health::Reason, source::whole};
use crate::{
    cluster::{
        change::{Answer, Change, Fetched},
        store::Wanted,
    },
    compile::finding::ObjectId,
};

/// Requests at the same time.
const PARALLEL: usize = 16;

/// For one request.
const LIMIT: Duration = Duration::from_secs(5);

/// Failures after which nobody waits for an answer any longer (some seconds); attempts go on.
const PATIENCE: u32 = 5;

/// A request that is to be answered.
#[derive(Debug)]
struct Job {
    id: ObjectId,
    ticket: u64,
    backoff: Backoff,
}

pub(super) async fn run(client: Client, mut wanted: watch::Receiver<Wanted>, changes: mpsc::Sender<Change>) {
    // by id, the last ticket that there was a job for; and jobs that wait for their turn
    let mut known: BTreeMap<ObjectId, u64> = BTreeMap::new();
    let mut queue: Vec<Job> = Vec::new();
    let (mut attempts, mut delays) = (FuturesUnordered::new(), FuturesUnordered::new());
    loop {
        while attempts.len() < PARALLEL
            && let Some(job) = queue.pop()
        {
            attempts.push(attempt(&client, job));
        }
        tokio::select! {
            Some((mut job, answer)) = attempts.next() => {
                let (id, ticket) = (job.id.clone(), job.ticket);
                let answer = answer.or_else(|reason| {
                    let delay = job.backoff.failed();
                    let given_up = job.backoff.failures() == PATIENCE;
                    if given_up {
                        tracing::warn!("cannot read {id}, going on without: {reason}");
                    }
                    delays.push(async move {
                        sleep(delay).await;
                        job
                    });
                    if given_up { Ok(Answer::Unknown) } else { Err(()) }
                });
                if let Ok(answer) = answer
                    && changes.send(Change::Fetched(Fetched { id, ticket, answer })).await.is_err()
                {
                    return;
                }
            }
            // one that was replaced by a newer request, or is no longer wanted, ends here
            Some(job) = delays.next() => if known.get(&job.id) == Some(&job.ticket) {
                queue.push(job);
            },
            news = wanted.changed() => {
                if news.is_err() {
                    return;
                }
                let objects = wanted.borrow_and_update().objects.clone();
                for (id, ticket) in &objects {
                    if known.get(id) != Some(ticket) {
                        queue.push(Job { id: id.clone(), ticket: *ticket, backoff: Backoff::default() });
                    }
                }
                known = objects;
            }
        }
    }
}

async fn attempt(client: &Client, job: Job) -> (Job, Result<Answer, String>) {
    let resource = api_resource(job.id.kind);
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &job.id.name.namespace, &resource);
    let answer = match timeout(LIMIT, api.get_opt(&job.id.name.name)).await {
        Ok(Ok(Some(object))) => Ok(Answer::found(job.id.kind, &whole(object))),
        Ok(Ok(None)) => Ok(Answer::Absent),
        Ok(Err(error)) => Err(Reason(&error).to_string()),
        Err(_) => Err("the API server does not answer".to_owned()),
    };
    (job, answer)
}
