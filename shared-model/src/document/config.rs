//! `config.json`: routes, services, transports. Changes when people edit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{NodeId, RouteId, SecretId, TransportId, leaf::Leaf, transport::Transport};
use crate::{
    rule::Matcher,
    weight::{Percent, Weight},
};

/// The flattened service graph. Every TraefikService, every Service reference and every route over
/// several services is one node, once; references are by id. See [`super::validate`] for what holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// The nodes.
    pub nodes: BTreeMap<NodeId, Node>,
    /// Counts up by one whenever anything else in this document changes.
    pub revision: u64,
    /// The routes.
    pub routes: BTreeMap<RouteId, Route>,
    /// The form of this document: [`super::SCHEMA`].
    pub schema: u32,
    /// The transports that leaves name.
    pub transports: BTreeMap<TransportId, Transport>,
}

/// Where an entry comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// `metadata.generation` of the form that is served.
    pub generation: i64,
    /// The object's kind.
    pub kind: SourceKind,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`; empty offline.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// Kinds of objects that entries come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SourceKind {
    /// `IngressRoute`.
    IngressRoute,
    /// `ServersTransport`.
    ServersTransport,
    /// `TraefikService`.
    TraefikService,
}

/// One node of the service graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// Traefik's name (`apps-svc1-80@kubernetescrd`), for metric labels.
    pub label: String,
    /// The config's revision that brought this form of the node.
    pub revision: u64,
    /// The object that the node belongs to.
    pub source: Source,
    /// What the node does.
    pub spec: NodeSpec,
}

/// What a node does with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NodeSpec {
    /// Sends it to one of its endpoints.
    Leaf(Box<Leaf>),
    /// Sends it to one service and copies to others.
    Mirror(Mirror),
    /// Nothing: the TraefikService that was named is not there or may not be used. Parents pass it over.
    Missing(Missing),
    /// Sends it to one of several services by their weights.
    Weighted(Weighted),
}

/// A TraefikService that leads nowhere; its node belongs to the one that refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Missing {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// Exact weighted round robin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Weighted {
    /// In the order of the manifest.
    pub children: Vec<Child>,
    /// Keeps a client at its child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<StickyCookie>,
}

/// A weighted child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Child {
    /// What sticky cookies hash to name this child; distinct among its siblings.
    pub identity: String,
    /// The child.
    pub node: NodeId,
    /// Its share; 0: only for clients whose cookie names it.
    pub weight: Weight,
}

/// A main service and copies to others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mirror {
    /// Answers the requests.
    pub main: NodeId,
    /// Bytes of a request body up to which it is copied; absent: no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_body_size: Option<u64>,
    /// Whether copies carry the request's body.
    pub mirror_body: bool,
    /// Who gets copies.
    pub mirrors: Vec<MirrorTarget>,
}

/// Who gets copies, and how many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MirrorTarget {
    /// The service that gets the copies.
    pub node: NodeId,
    /// Of main's requests.
    pub percent: Percent,
}

/// A cookie that keeps a client at one child or endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StickyCookie {
    /// `Domain=`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `HttpOnly`.
    pub http_only: bool,
    /// Seconds; 0: until the browser closes, negative: expires at once.
    pub max_age: i64,
    /// The cookie's name, of token characters only.
    pub name: String,
    /// `Path=`; absent: the attribute is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `SameSite=`; absent: the attribute is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
    /// `Secure`.
    pub secure: bool,
}

/// Values of a cookie's `SameSite`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SameSite {
    /// `Lax`.
    Lax,
    /// `None`.
    None,
    /// `Strict`.
    Strict,
}

/// A rule and who answers the requests that match it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// `metadata.creationTimestamp` of the IngressRoute (RFC 3339, UTC); empty offline.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub created: String,
    /// Names of the entry points that serve it, sorted.
    pub entry_points: Vec<String>,
    /// Traefik's router name, for metric labels.
    pub label: String,
    /// Which requests it takes.
    pub matcher: Matcher,
    /// Its place among the routes of its IngressRoute.
    pub position: u32,
    /// Higher wins; see [`Route::precedence`] for ties.
    pub priority: i64,
    /// The config's revision that brought this form of the route.
    pub revision: u64,
    /// Bytes of the rule as written.
    pub rule_length: u32,
    /// The IngressRoute.
    pub source: Source,
    /// Who answers.
    pub target: Target,
    /// TLS entry points only, with this certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<RouteTls>,
}

/// Who answers a route's requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// This node.
    Node(NodeId),
    /// Nobody: 503, for this reason (a finding's reason, such as `UnsupportedFeature`).
    Unavailable(String),
}

/// TLS of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTls {
    /// The certificate; absent: the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<SecretId>,
    /// The Secret that the manifest names, in the IngressRoute's namespace, whether or not it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A route's place in the order of matching; the smallest that matches wins.
pub type Precedence<'a> = (
    std::cmp::Reverse<i64>,
    std::cmp::Reverse<u32>,
    (bool, &'a str),
    &'a str,
    &'a str,
    u32,
    &'a RouteId,
);

impl Route {
    /// Higher priority first, then the longer rule, then the older object (one without a time comes
    /// last), then namespace and name, then position.
    pub fn precedence<'a>(&'a self, id: &'a RouteId) -> Precedence<'a> {
        (
            std::cmp::Reverse(self.priority),
            std::cmp::Reverse(self.rule_length),
            (self.created.is_empty(), &self.created),
            &self.source.namespace,
            &self.source.name,
            self.position,
            id,
        )
    }
}

impl Default for Config {
    /// What is served before anything was published: nothing.
    fn default() -> Self {
        Self {
            nodes: BTreeMap::new(),
            revision: 0,
            routes: BTreeMap::new(),
            schema: super::SCHEMA,
            transports: BTreeMap::new(),
        }
    }
}
