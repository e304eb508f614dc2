//! A watch: events as the API server sends them.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, bail};
use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{self, Instant};

use super::api::Api;

/// What happened to one object.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
pub enum Event {
    /// It is new, or new to the watch.
    Added(Value),
    /// It has changed.
    Modified(Value),
    /// Its last state.
    Deleted(Value),
    /// The watch is over, for this reason.
    Error(Value),
}

/// A running watch; it ends with this value.
#[derive(Debug)]
pub struct Watch {
    body: Incoming,
    /// What has come of the lines that are not read yet.
    buffer: BytesMut,
    /// The connection closes without it.
    _sender: SendRequest<Full<Bytes>>,
}

impl Watch {
    pub(super) fn new(sender: SendRequest<Full<Bytes>>, body: Incoming) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            _sender: sender,
        }
    }

    /// The next event; none when the server has ended the watch.
    pub async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end);
                self.buffer.advance(1);
                let event = serde_json::from_slice(&line);
                return event.with_context(|| String::from_utf8_lossy(&line).into_owned());
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => self.buffer.extend(frame?.into_data().ok()),
            }
        }
    }
}

impl Event {
    /// The object that it is about.
    pub fn object(&self) -> &Value {
        let (Self::Added(object) | Self::Modified(object) | Self::Deleted(object) | Self::Error(object)) =
            self;
        object
    }

    /// The object's name.
    pub fn name(&self) -> &str {
        self.object()["metadata"]["name"].as_str().unwrap_or_default()
    }
}

impl Watch {
    /// All events up to the first one that is waited for, which is the last of them.
    pub async fn until(&mut self, limit: Duration, is_last: impl Fn(&Event) -> bool) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let end = Instant::now() + limit;
        loop {
            let next = time::timeout_at(end, self.next()).await;
            let event = next.with_context(|| {
                format!("the event that is waited for is not among {events:#?} within {limit:?}")
            })??;
            events.push(event.context("the watch has ended")?);
            if events.last().is_some_and(&is_last) {
                return Ok(events);
            }
        }
    }
}

/// The objects of one collection, by name, kept as they are in the cluster.
#[derive(Debug)]
pub struct Cache {
    api: Api,
    path: String,
    /// As they were seen last.
    pub objects: BTreeMap<String, Value>,
    watch: Option<Watch>,
}

impl Cache {
    /// An empty one; the first [`Self::change`] fills it.
    pub fn new(api: Api, path: String) -> Self {
        Self {
            api,
            path,
            objects: BTreeMap::new(),
            watch: None,
        }
    }

    /// Waits for the next change, and returns what it may have changed: one object's name, or none for all of them.
    ///
    /// After an error the next call lists and watches anew. Can be dropped and called again without losing anything.
    pub async fn change(&mut self) -> Result<Option<String>> {
        let Some(watch) = &mut self.watch else {
            let list = self.api.get(&self.path).await?;
            let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
            self.watch = Some(self.api.watch(&self.path, version).await?);
            let items = list["items"].as_array().cloned().unwrap_or_default();
            self.objects = items.into_iter().map(|object| (name(&object), object)).collect();
            return Ok(None);
        };
        let event = match watch.next().await {
            Ok(Some(event)) => event,
            ended => {
                self.watch = None;
                return ended.and_then(|_| bail!("the watch of {} has ended", self.path));
            }
        };
        match event {
            Event::Added(object) | Event::Modified(object) => {
                let name = name(&object);
                self.objects.insert(name.clone(), object);
                Ok(Some(name))
            }
            Event::Deleted(object) => {
                let name = name(&object);
                self.objects.remove(&name);
                Ok(Some(name))
            }
            Event::Error(status) => {
                self.watch = None;
                bail!("the watch of {} has ended: {status}", self.path)
            }
        }
    }
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}
