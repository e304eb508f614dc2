//! What an operator needs to be allowed, in parts.

use weir_e2e::cluster::user::Rule;

const fn core(resource: &'static str, verbs: &'static [&'static str]) -> Rule {
    rule("", resource, verbs)
}

const fn traefik(resource: &'static str, verbs: &'static [&'static str]) -> Rule {
    rule("traefik.io", resource, verbs)
}

const fn rule(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rule {
    Rule {
        group,
        resource,
        verbs,
    }
}

const WATCH: &[&str] = &["list", "watch"];

/// To know all that is configured.
pub const READ: [Rule; 9] = [
    core("configmaps", WATCH),
    core("configmaps", &["get"]),
    core("secrets", WATCH),
    core("secrets", &["get"]),
    core("services", WATCH),
    rule("discovery.k8s.io", "endpointslices", WATCH),
    traefik("ingressroutes", WATCH),
    traefik("serverstransports", WATCH),
    traefik("traefikservices", WATCH),
];
/// To make the owner of what is published.
pub const OWN: Rule = core("configmaps", &["create"]);
/// To become the leader and stay it.
pub const LEAD: Rule = rule("coordination.k8s.io", "leases", &["get", "create", "update"]);
/// To publish.
pub const STORE: [Rule; 2] = [
    core("configmaps", &["create", "patch", "delete"]),
    core("secrets", &["create", "patch", "delete"]),
];
/// To know the proxies.
pub const FOLLOW: Rule = core("pods", WATCH);
/// To make kubelet hurry.
pub const TOUCH: Rule = core("pods", &["patch"]);
/// To tell Events.
pub const TELL: Rule = core("events", &["create"]);
/// To write statuses, and to read what was written by others meanwhile.
pub const REPORT: [Rule; 6] = [
    traefik("ingressroutes/status", &["update"]),
    traefik("serverstransports/status", &["update"]),
    traefik("traefikservices/status", &["update"]),
    traefik("ingressroutes", &["get"]),
    traefik("serverstransports", &["get"]),
    traefik("traefikservices", &["get"]),
];
