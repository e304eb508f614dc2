//! One watch, from its first list until the end.

use futures::{Stream, StreamExt as _, stream::BoxStream};
use kube::{
    Api, Client,
    api::{DynamicObject, ObjectMeta, PartialObjectMeta},
    runtime::watcher::{self, Event, watcher},
};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use super::{
    api_resource,
    course::{Course, Step},
    health::{Reporter, failure},
    kinds::{Kinds, Served},
    resource::is_custom,
};
use crate::{
    cluster::{
        change::{Change, Observed},
        connect::watching,
        scope::Source,
        store::Wanted,
    },
    compile::finding::Kind,
};

/// One watch.
pub(super) struct Task {
    pub client: Client,
    pub changes: mpsc::Sender<Change>,
    pub kinds: Kinds,
    pub wanted: watch::Receiver<Wanted>,
    pub reporter: Reporter,
    pub source: Source,
}

/// Nobody takes what the watch brings any longer.
struct Closed;

impl Task {
    pub async fn run(mut self) {
        // the receivers are gone: the process ends
        let (Ok(()) | Err(Closed)) = self.watch().await;
    }

    async fn watch(&mut self) -> Result<(), Closed> {
        let mut course = Course::default();
        loop {
            self.until_wanted().await?;
            self.until_served().await?;
            let mut events = self.events();
            while let Some(step) = course.next(&mut events).await {
                let error = match step {
                    Step::Event(event) => {
                        self.tell(event).await?;
                        None
                    }
                    Step::Silence => None,
                    Step::Failed(error) => Some(error),
                };
                let Some(error) = error else {
                    if course.is_back() {
                        self.reporter.watching(&self.source);
                    }
                    continue;
                };
                let (code, reason) = failure(&error);
                let delay = course.failed();
                let custom = is_custom(self.source.kind);
                if custom {
                    // a changed definition cuts watches off
                    self.kinds.recheck();
                }
                let gone = custom && code == Some(404);
                if gone {
                    self.tell_empty().await?;
                } else if code != Some(410) || course.failures() > 1 {
                    self.reporter.failing(&self.source, &reason);
                }
                if code == Some(403) && (self.source == Source::NODES || self.source.kind == Kind::Secret) {
                    // users' objects ask for Nodes; of Secrets some may be readable by their names only, and each
                    // attempt reads those again: neither may stop everything
                    self.tell_empty().await?;
                }
                sleep(delay).await;
                if gone || course.starts_over(code) {
                    break;
                }
            }
        }
    }

    async fn until_wanted(&mut self) -> Result<(), Closed> {
        if self.source == Source::NODES {
            self.wanted
                .wait_for(|wanted| wanted.nodes)
                .await
                .map_err(|_| Closed)?;
        }
        Ok(())
    }

    /// Waits until the cluster has the kind. As long as it has not, there are no objects.
    async fn until_served(&self) -> Result<(), Closed> {
        let kind = self.source.kind;
        if !is_custom(kind) {
            return Ok(());
        }
        let mut served = self.kinds.served();
        let has = |served: &Option<Served>| served.as_ref().is_some_and(|served| served.has(kind));
        served.wait_for(Option::is_some).await.map_err(|_| Closed)?;
        if !has(&served.borrow()) {
            self.tell_empty().await?;
            self.reporter.absent(&self.source);
            served.wait_for(has).await.map_err(|_| Closed)?;
        }
        Ok(())
    }

    async fn tell(&self, event: Event<Observed>) -> Result<(), Closed> {
        let change = Change::Watched(self.source.clone(), event);
        self.changes.send(change).await.map_err(|_| Closed)
    }

    async fn tell_empty(&self) -> Result<(), Closed> {
        self.tell(Event::Init).await?;
        self.tell(Event::InitDone).await
    }

    fn events(&self) -> BoxStream<'static, watcher::Result<Event<Observed>>> {
        let kind = self.source.kind;
        if matches!(kind, Kind::Secret | Kind::ConfigMap) {
            let api: Api<PartialObjectMeta<DynamicObject>> = self.api();
            observed(watcher(api, watching()), move |object| {
                Observed::read(kind, &json!({ "metadata": trimmed(object.metadata) }))
            })
            .boxed()
        } else {
            let api: Api<DynamicObject> = self.api();
            observed(watcher(api, watching()), move |object| {
                Observed::read(kind, &whole(object))
            })
            .boxed()
        }
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = kube::api::ApiResource, Scope = kube::core::DynamicResourceScope>,
    {
        let resource = api_resource(self.source.kind);
        match &self.source.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }
}

/// Converts objects as they arrive, so that nothing else of them is kept.
fn observed<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    convert: impl Fn(K) -> Observed,
) -> impl Stream<Item = watcher::Result<Event<Observed>>> {
    events.map(move |event| {
        event.map(|event| match event {
            Event::Apply(object) => Event::Apply(convert(object)),
            Event::Delete(object) => Event::Delete(convert(object)),
            Event::Init => Event::Init,
            Event::InitApply(object) => Event::InitApply(convert(object)),
            Event::InitDone => Event::InitDone,
        })
    })
}

/// An object in one piece.
pub(in crate::cluster) fn whole(object: DynamicObject) -> Value {
    let DynamicObject {
        types: _,
        metadata,
        mut data,
    } = object;
    if let Value::Object(fields) = &mut data {
        fields.insert("metadata".to_owned(), trimmed(metadata));
    }
    data
}

/// Without the longest part, which nobody reads.
fn trimmed(mut metadata: ObjectMeta) -> Value {
    metadata.managed_fields = None;
    // it is made of texts, numbers and maps with texts as keys: JSON can hold all of them
    serde_json::to_value(metadata).unwrap_or_default()
}
