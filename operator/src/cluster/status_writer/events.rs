//! Events as Kubernetes objects.

use k8s_openapi::{
    api::core::v1::{Event, EventSource, ObjectReference},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
    jiff::Timestamp,
};
use weir_model::crd::API_VERSION;

use crate::{cluster::write::FIELD_MANAGER, status::DesiredEvent};

/// The object for an Event that happens now, told by this process.
pub(super) fn event(desired: &DesiredEvent, instance: &str, now: Timestamp) -> Event {
    let DesiredEvent {
        name,
        object,
        uid,
        event_type,
        reason,
        message,
    } = desired;
    let namespace = Some(object.name.namespace.clone());
    Event {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(object.kind.as_str().to_owned()),
            name: Some(object.name.name.clone()),
            namespace,
            uid: Some(uid.clone()),
            ..ObjectReference::default()
        },
        type_: Some(event_type.as_str().to_owned()),
        reason: Some((*reason).to_owned()),
        message: Some(message.clone()),
        count: Some(1),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        source: Some(EventSource {
            component: Some(FIELD_MANAGER.to_owned()),
            host: None,
        }),
        reporting_component: Some(FIELD_MANAGER.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        ..Event::default()
    }
}
