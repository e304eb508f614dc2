//! Where objects of a kind are found in the API.

use kube::api::ApiResource;
use weir_model::crd;

use crate::compile::finding::Kind;

/// The resource of a kind.
pub fn api_resource(kind: Kind) -> ApiResource {
    let api_version = match kind {
        Kind::IngressRoute | Kind::ServersTransport | Kind::TraefikService => crd::API_VERSION,
        Kind::EndpointSlice => "discovery.k8s.io/v1",
        Kind::ConfigMap | Kind::Node | Kind::Secret | Kind::Service => "v1",
    };
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: api_version.to_owned(),
        kind: kind.as_str().to_owned(),
        plural: format!("{}s", kind.as_str().to_ascii_lowercase()),
    }
}

/// Whether a cluster may lack it.
pub(super) fn is_custom(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::IngressRoute | Kind::ServersTransport | Kind::TraefikService
    )
}
