//! Objects that look like ones that weir reads and are none: an old version, a misspelt kind, or a kind of
//! Traefik's that weir does not have. Everything else is passed over in silence.

use weir_model::{
    crd::{API_VERSION, ResourceKind},
    path::FieldPath,
};

use crate::{
    compile::finding::{Severity, did_you_mean},
    manifest::ManifestObject,
};

/// What is to be said about such an object.
#[derive(Debug)]
pub(super) struct Stranger {
    /// The manifest's index.
    pub manifest: usize,
    /// The field that makes it one.
    pub field: FieldPath,
    pub severity: Severity,
    pub message: String,
    pub help: Option<String>,
}

/// Traefik's own group, now and before its version 3.
const GROUPS: [&str; 2] = ["traefik.io", "traefik.containo.us"];

/// Kinds of Traefik's that weir does not read.
const OTHER_KINDS: [&str; 7] = [
    "IngressRouteTCP",
    "IngressRouteUDP",
    "Middleware",
    "MiddlewareTCP",
    "ServersTransportTCP",
    "TLSOption",
    "TLSStore",
];

/// Says whether an object that the compiler passed over is one.
pub(super) fn look(manifest: usize, object: &ManifestObject) -> Option<Stranger> {
    let (version, kind) = (object.api_version(), object.kind());
    let (group, _) = version.split_once('/').unwrap_or(("", version));
    if !GROUPS.contains(&group) {
        return None;
    }
    let stranger = |field: &str, severity, message, help| Stranger {
        manifest,
        field: FieldPath::root().key(field),
        severity,
        message,
        help,
    };
    if OTHER_KINDS.contains(&kind) {
        let message = format!("weir does not read the kind {kind}");
        return Some(stranger("kind", Severity::Info, message, None));
    }
    if ResourceKind::from_name(kind).is_some() {
        let message = format!("weir reads {kind} of {API_VERSION}, not of {version}");
        let help = format!("write `apiVersion: {API_VERSION}`; the fields are the same");
        return Some(stranger("apiVersion", Severity::Warning, message, Some(help)));
    }
    let names = || {
        ResourceKind::ALL
            .iter()
            .map(|kind| kind.name())
            .chain(OTHER_KINDS)
    };
    let meant = names()
        .find(|name| name.eq_ignore_ascii_case(kind))
        .or_else(|| did_you_mean(kind, names()));
    let message = format!("{version} has no kind {kind:?}");
    let help = meant.map(|name| format!("did you mean {name:?}?"));
    Some(stranger("kind", Severity::Warning, message, help))
}
