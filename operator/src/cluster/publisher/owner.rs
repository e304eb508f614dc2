//! The object that owns what is published.

use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{Api, Client, Resource as _, api::PostParams};
use serde_json::Value;

use super::stored::text;
use crate::cluster::write::FIELD_MANAGER;

/// The reference to the ConfigMap that owns all published objects: it belongs to the release, holds
/// nothing and changes never, so that uninstalling the release removes them and restarting a Deployment
/// does not. Made if it is not there. Without `managed-by` in its labels, it is none of the objects that
/// are published.
pub async fn owner(client: &Client, namespace: &str, name: &str) -> kube::Result<OwnerReference> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let object = match api.get_opt(name).await? {
        Some(object) => object,
        None => make(&api, name).await?,
    };
    Ok(OwnerReference {
        api_version: ConfigMap::api_version(&()).into_owned(),
        kind: ConfigMap::kind(&()).into_owned(),
        name: name.to_owned(),
        uid: object.metadata.uid.unwrap_or_default(),
        ..OwnerReference::default()
    })
}

async fn make(api: &Api<ConfigMap>, name: &str) -> kube::Result<ConfigMap> {
    let object = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    };
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    match api.create(&params, &object).await {
        // another replica was faster
        Err(kube::Error::Api(status)) if status.is_already_exists() => api.get(name).await,
        result => result,
    }
}

/// Whether an owner is still there, given as an entry of `ownerReferences`.
pub(super) async fn exists(client: &Client, namespace: &str, owner: &Value) -> kube::Result<bool> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let object = api.get_metadata_opt(text(owner, "/name")).await?;
    Ok(object.is_some_and(|object| {
        object.metadata.uid.as_deref() == Some(text(owner, "/uid"))
            && object.metadata.deletion_timestamp.is_none()
    }))
}
