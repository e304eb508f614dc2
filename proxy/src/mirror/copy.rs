//! Sending a copy.

use std::{cell::Cell, rc::Rc};

use http::{HeaderMap, Version};
use http_body_util::BodyExt as _;
use tokio::{
    task::spawn_local,
    time::{Instant, timeout_at},
};

use super::{
    Kept,
    shadow::{Head, Main},
};
use crate::{
    balance::{Choice, CopyPick, Target, Visitor},
    error::Failure,
    http::{RequestBody, remove_framing},
    metrics::{MirrorDrop, MirrorLabels, class},
    state::Held as Snapshot,
    upstream::{Errand, Lease, Origin, Sent, send},
    worker::Worker,
};

/// What all copies of one request share.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) worker: Rc<Worker>,
    pub(super) snapshot: Rc<Snapshot>,
    pub(super) main: Main,
    /// How many more copies there may be.
    pub(super) left: Cell<u32>,
}

/// Starts copies, each in a task of its own, as far as limits allow. `body`: what was kept of it (none
/// was sent), or why it was not.
pub(super) fn start(
    request: &Rc<Request>,
    copies: Vec<CopyPick>,
    head: &Head,
    body: &Result<Option<Kept>, MirrorDrop>,
) {
    for copy in copies {
        let target = request.snapshot.forest().target(copy.target);
        match admit(request, target, body) {
            Ok((body, slot)) => {
                let (request, head) = (request.clone(), head.clone());
                spawn_local(async move {
                    run(&request, copy, head, body).await;
                    drop(slot);
                });
            }
            Err(reason) => request.worker.metrics.mirror_dropped[reason as usize].inc(),
        }
    }
}

/// What a copy's body is.
#[derive(Debug)]
enum CopyBody {
    /// As much as the original's: nothing.
    Bodyless,
    Kept(Kept),
    /// The original has one, the copy does not.
    Removed,
}

fn admit(
    request: &Rc<Request>,
    target: &Target,
    body: &Result<Option<Kept>, MirrorDrop>,
) -> Result<(CopyBody, Slot), MirrorDrop> {
    let most = target.mirror.max_body_size.unwrap_or(u64::MAX);
    let body = match body {
        _ if !target.mirror.mirror_body => CopyBody::Removed,
        Ok(None) => CopyBody::Bodyless,
        Ok(Some(kept)) if kept.len() <= most => CopyBody::Kept(kept.clone()),
        Ok(Some(_)) => return Err(MirrorDrop::BodySize),
        Err(reason) => return Err(*reason),
    };
    let left = request.left.get().checked_sub(1).ok_or(MirrorDrop::Fanout)?;
    request.left.set(left);
    let slot = Slot::take(&request.worker).ok_or(MirrorDrop::Copies)?;
    Ok((body, slot))
}

/// One of the copies that may be under way.
#[derive(Debug)]
struct Slot(Rc<Worker>);

impl Slot {
    fn take(worker: &Rc<Worker>) -> Option<Self> {
        let taken = worker.process.mirror_copies.take(1);
        taken.then(|| {
            worker.copies.set(worker.copies.get() + 1);
            Self(worker.clone())
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.copies.set(self.0.copies.get() - 1);
        self.0.process.mirror_copies.give(1);
    }
}

async fn run(request: &Rc<Request>, copy: CopyPick, head: Head, body: CopyBody) {
    let worker = &request.worker;
    let limits = &worker.process.limits;
    let target = request.snapshot.forest().target(copy.target);
    let started = Instant::now();
    let deadline = started + limits.mirror_timeout;
    let sent = send_copy(request, copy, head, body, deadline).await;
    let labels = MirrorLabels {
        mirror: target.mirror.label.clone(),
        target: target.label.clone(),
    };
    worker.metrics.count_mirrored(labels, |mirrored| match &sent {
        Ok(Sent { response, .. }) => {
            let class_of_copy = class(response.status().as_u16());
            mirrored.responses[class_of_copy] += 1;
            mirrored.mismatched += u64::from(class_of_copy != class(request.main.status));
            mirrored.copy += started.elapsed();
            mirrored.main += request.main.after;
        }
        Err(_) => mirrored.failed += 1,
    });
    if let Ok(Sent { mut lease, .. }) = sent {
        let discarding = discard(&mut lease, limits.mirror_max_response_bytes);
        if timeout_at(deadline, discarding).await.unwrap_or(false) && lease.is_sent() {
            lease.release();
        }
    }
}

/// Sends a copy to one of its target's endpoints, and starts the copies that mirrors on its way make of it.
async fn send_copy(
    request: &Rc<Request>,
    copy: CopyPick,
    mut head: Head,
    body: CopyBody,
    deadline: Instant,
) -> Result<Sent, Failure> {
    let forest = request.snapshot.forest();
    let mut copies = Vec::new();
    let way = Way {
        copies: &mut copies,
        headers: &head.headers,
    };
    let pick = forest
        .pick(forest.target(copy.target).node, copy.n, way)
        .ok_or(Failure::NoServer)?;
    if matches!(body, CopyBody::Removed) {
        remove_framing(&mut head.headers);
    }
    let kept = match body {
        CopyBody::Kept(kept) => Some(kept),
        CopyBody::Bodyless | CopyBody::Removed => None,
    };
    // what mirrors below this one copy: a request like this copy
    let below = (!copies.is_empty()).then(|| (head.clone(), kept.clone()));
    let mut outgoing = http::Request::new(kept.map_or(RequestBody::Empty, RequestBody::Kept));
    *outgoing.method_mut() = head.method;
    *outgoing.uri_mut() = head.uri;
    *outgoing.headers_mut() = head.headers;
    *outgoing.version_mut() = Version::HTTP_11;
    let mut outgoing = Some(outgoing);
    let errand = Errand {
        worker: &request.worker,
        snapshot: &request.snapshot,
        origin: Origin::Copy,
    };
    let sending = send(&errand, pick, &mut outgoing);
    let sent = timeout_at(deadline, sending).await;
    if let Some((head, kept)) = below {
        start(request, copies, &head, &Ok(kept));
    }
    sent.unwrap_or(Err(Failure::ResponseTimeout))
}

/// What a copy meets while it is picked. Its client's cookies count; it gets none.
struct Way<'a> {
    copies: &'a mut Vec<CopyPick>,
    headers: &'a HeaderMap,
}

impl Visitor for Way<'_> {
    fn copy(&mut self, copy: CopyPick) {
        self.copies.push(copy);
    }

    fn find(&mut self, choice: &Choice) -> Option<usize> {
        choice.places.find(self.headers).map(|found| found.place)
    }

    fn chosen(&mut self, _: &Choice, _: usize) {}
}

/// Reads a response that nobody wants, so that its connection can be used again. False: it is not worth it.
async fn discard(body: &mut Lease, most: u64) -> bool {
    let mut read = 0;
    loop {
        match body.frame().await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, |data| data.len() as u64),
        }
        if read > most {
            return false;
        }
    }
}
