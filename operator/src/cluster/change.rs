//! What the watches tell.

use kube::runtime::watcher::Event;
use serde_json::Value;

use super::{records::Record, scope::Source};
use crate::compile::{
    finding::{Kind, ObjectId},
    input::{Object, id_of},
};

/// Something that was learnt from the API server.
#[derive(Debug)]
pub enum Change {
    /// By a watch. Objects of a kind that the cluster lacks are an empty list.
    Watched(Source, Event<Observed>),
    /// By reading an object that was asked for.
    Fetched(Fetched),
}

/// What is kept of an object that a watch brought; everything else is dropped on arrival.
#[derive(Clone, Debug)]
pub enum Observed {
    /// All that the compiler and the writers read of it.
    Object(Box<Object>, Option<Record>),
    /// That it exists in this version. Its content is read only when something refers to it.
    Version(ObjectId, String),
}

impl Observed {
    /// Of an object as it is, of a kind that need not stand in it.
    pub fn read(kind: Kind, object: &Value) -> Self {
        let record = || Record::read(object);
        match kind {
            Kind::Secret | Kind::ConfigMap => Self::Version(id_of(kind, object), version(object)),
            Kind::IngressRoute | Kind::ServersTransport | Kind::TraefikService => {
                Self::Object(Box::new(Object::convert(kind, object)), Some(record()))
            }
            Kind::EndpointSlice | Kind::Node | Kind::Service => {
                Self::Object(Box::new(Object::convert(kind, object)), None)
            }
        }
    }

    /// Which object it is.
    pub fn id(&self) -> &ObjectId {
        match self {
            Self::Object(object, _) => &object.id,
            Self::Version(id, _) => id,
        }
    }
}

/// The answer to a [`super::Wanted`] object.
#[derive(Debug)]
pub struct Fetched {
    /// The object that was asked for.
    pub id: ObjectId,
    /// The number of the request.
    pub ticket: u64,
    /// What came of it.
    pub answer: Answer,
}

/// What came of reading an object.
#[derive(Debug)]
pub enum Answer {
    /// It is there: its version and what is read of it.
    Found(String, Box<Object>),
    /// It is not there, or must not be read.
    Absent,
    /// Nobody knows, after several attempts. What was known of it stays; a later answer may follow.
    Unknown,
}

impl Answer {
    /// An object that is there.
    pub fn found(kind: Kind, object: &Value) -> Self {
        Self::Found(version(object), Box::new(Object::convert(kind, object)))
    }
}

fn version(object: &Value) -> String {
    let version = object
        .pointer("/metadata/resourceVersion")
        .and_then(Value::as_str);
    version.unwrap_or_default().to_owned()
}
