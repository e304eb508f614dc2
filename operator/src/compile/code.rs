//! The catalogue of findings: every code with its number, reason and standing.
//!
//! Numbers are stable: one is never given to another finding, nor does a finding change its number.

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that was asked for does not happen.
    Error,
    /// It works, though likely not as meant.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// In lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What an error with some code turns false, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// `Accepted`: the object, or the route, as written is not served.
    Accepted,
    /// `ResolvedRefs`: a reference leads nowhere; the rest is served.
    ResolvedRefs,
    /// No condition of an object.
    None,
}

/// Of what is refused, whatever it is.
const REFUSED: &str = "What was accepted before keeps being served. Where nothing was, a route answers 503, and references to a TraefikService, or to Services with a ServersTransport, are passed over.";

/// Of a TraefikService that is refused.
const REFUSED_SERVICE: &str = "What was accepted before keeps being served. Where nothing was, references to it are passed over, and their siblings share its requests by their weights.";

/// Of a reference that leads nowhere.
const PASSED_OVER: &str = "The reference is passed over, and its siblings share its requests by their weights. Where nothing else is left, requests get 503 `no available server`. A mirror that is passed over gets no copies.";

macro_rules! catalogue {
    ($($number:literal $name:ident $severity:ident $standing:ident $summary:literal $effect:tt $remedy:literal),* $(,)?) => {
        /// What a finding is about. `{:?}` is the reason that conditions show.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $summary] $name,)*
        }

        impl Code {
            /// Every code, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number in `WEIR0003`.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// The reason that conditions and Events show: `CycleDetected`.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// How much it matters, unless the finding says otherwise.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// The condition that an error turns false.
            pub const fn standing(self) -> Standing {
                match self { $(Self::$name => Standing::$standing,)* }
            }

            /// One sentence about what it means.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)* }
            }

            /// What it does to traffic, in general; a finding says it of its own case.
            pub const fn effect(self) -> &'static str {
                match self { $(Self::$name => $effect,)* }
            }

            /// What to do about it, in general; a finding has more where it knows more.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

// Number, reason, severity, what it turns false; what it means, what it does to traffic, what to do. docs/conditions.md and
// `weir-operator explain` print the texts: `make gen` after a change.
catalogue! {
    1 InvalidSpec Error Accepted
        "A field has a type or value that the resource does not allow, or one that it needs is missing."
        REFUSED
        "Correct the field that the message names. A value that YAML reads as another type needs quotes, or has to lose them: `port: \"80\"` is a name, `port: 80` a number.",
    2 InvalidName Error Accepted
        "A name contains `@` or is otherwise no name of a Kubernetes object."
        REFUSED
        "Write the plain name of the object. Traefik's providers (`name@provider`) do not exist here.",
    3 CycleDetected Error Accepted
        "The TraefikService reaches itself through its references."
        REFUSED_SERVICE
        "Remove one of the references of the path that the message shows. Every member of the cycle has this finding, each with its own part of the path; mending one mends all.",
    4 NoServiceType Error Accepted
        "A TraefikService sets none of `weighted`, `mirroring`, `highestRandomWeight`, `failover`."
        REFUSED_SERVICE
        "Set `weighted` or `mirroring`. A common cause is indentation: they belong directly below `spec`.",
    5 AmbiguousServiceType Error Accepted
        "A TraefikService sets several of `weighted`, `mirroring`, `highestRandomWeight`, `failover`."
        REFUSED_SERVICE
        "Make a TraefikService of each, and let one refer to the other by name.",
    6 InvalidWeight Error Accepted
        "A weight is outside 0 to 2147483647."
        REFUSED
        "Weights are shares of their sum: write 1 and 9, or 10 and 90.",
    7 InvalidPercent Error Accepted
        "A mirror's percent is outside 0 to 100."
        REFUSED_SERVICE
        "Write how many of 100 requests shall be copied.",
    8 InvalidDuration Error Accepted
        "A duration is neither a Go duration nor a number, or is outside its range."
        REFUSED
        "Write a Go duration such as `500ms` or `1m30s`. A bare number is seconds; for `flushInterval` it is milliseconds.",
    9 InvalidScheme Error Accepted
        "A scheme is none of `http`, `https`, `h2c`."
        REFUSED
        "Write one of the three, or leave it out: then `https` is used for port 443 and for ports with `https` in their name, and `http` for all others.",
    10 InvalidSticky Error Accepted
        "A sticky cookie cannot be made from what is written."
        REFUSED
        "Correct the attribute that the message names.",
    11 InvalidHealthCheck Error Accepted
        "A health check cannot be made from what is written."
        REFUSED
        "Correct the field that the message names. `path` is a path alone; scheme, port and hostname are fields of their own.",
    12 InvalidKind Error Accepted
        "The kind of a reference is neither `Service` nor `TraefikService`, or a route's is not `Rule`."
        REFUSED
        "Correct the kind. Without one, a reference is to a Service and a route is a `Rule`.",
    13 InvalidPort Error Accepted
        "A port is outside 1 to 65535 or is no port's name."
        REFUSED
        "Write the number or the name of a port of the Service, not of its pods.",
    14 InvalidRule Error Accepted
        "A match rule cannot be read."
        "The route keeps its last accepted form. Without one it is not served at all, and its requests may reach other routes or get 404."
        "The message points at the place in the rule. Arguments stand in backquotes, and matchers have the names of Traefik v3: ``Host(`example.com`) && PathPrefix(`/foo`)``.",
    15 GraphTooLarge Error Accepted
        "A TraefikService has too many levels or too many nodes below it."
        REFUSED_SERVICE
        "Split the service up, or raise the limits: `graph.maxDepth` and `graph.maxNodes` of the chart, `--max-depth` and `--max-nodes` of the operator.",
    16 UnsupportedFeature Error Accepted
        "Something that decides about security or routing is asked for, and weir does not have it."
        "As an error it refuses the object or the route, since without the feature requests would be let through or go elsewhere: the last accepted form keeps being served; without one a route answers 503 and references to a TraefikService are passed over. As a warning it changes only how endpoints take turns."
        "Remove the field if requests may do without it, or use what the help names instead.",
    20 BackendNotFound Error ResolvedRefs
        "A Service or TraefikService that is referred to does not exist, or cannot be read."
        PASSED_OVER
        "Create it, or correct the name or the namespace. Where the help says so, `kind` is what is wrong: a Service and a TraefikService may have the same name.",
    21 ServicePortNotFound Error ResolvedRefs
        "The Service has no such port."
        PASSED_OVER
        "Write one of the ports that the help lists. A port in quotes is a name.",
    22 RefNotPermitted Error ResolvedRefs
        "A reference into another namespace is not allowed."
        PASSED_OVER
        "Move the objects into one namespace, or turn such references on: `allowCrossNamespace: true` in the chart's values, `--allow-cross-namespace` of the operator. Then anyone who may write routes may send requests to any namespace.",
    23 ExternalNameNotAllowed Error ResolvedRefs
        "References to Services of type ExternalName are not allowed."
        PASSED_OVER
        "Turn them on: `allowExternalName: true` in the chart's values, `--allow-external-name` of the operator. Then anyone who may write Services may send requests to any host that the proxies reach.",
    24 DependencyInvalid Error ResolvedRefs
        "What is referred to is not accepted, and no earlier form of it is served."
        PASSED_OVER
        "Nothing is wrong with this reference: mend what it names. `kubectl describe` of that object says what is wrong there.",
    25 ServersTransportNotFound Error ResolvedRefs
        "The ServersTransport that a reference names does not exist."
        "The reference is passed over and its siblings share its requests by their weights: without its transport a connection could reach the wrong peer. Where nothing else is left, requests get 503."
        "Create it in the namespace of the Service, or correct the name.",
    26 SecretNotFound Error ResolvedRefs
        "A Secret or ConfigMap that is referred to does not exist."
        "References that use a ServersTransport with it are passed over. Routes whose certificate it is are served with the default one, which clients do not trust."
        "Create it in the namespace of the object that names it. With `rbac.secrets.mode: Named` it has to be in `rbac.secrets.names`, too; one that exists and cannot be read is named in the operator's log.",
    27 InvalidSecret Error ResolvedRefs
        "A Secret or ConfigMap does not hold what it is referred to for."
        "References that use a ServersTransport with it are passed over. Routes whose certificate it is are served with the default one, which clients do not trust."
        "A certificate is PEM in `tls.crt` with its key in `tls.key`, as `kubectl create secret tls` makes it; authorities are PEM in `tls.ca` or `ca.crt`.",
    28 AddressNotFound Error ResolvedRefs
        "The Service has no cluster IP, no nodes or no usable external name, though it is to be reached there."
        PASSED_OVER
        "Remove `nativeLB` or `nodePortLB`, so that its endpoints are used, or correct the `externalName`.",
    29 EntryPointNotFound Error ResolvedRefs
        "A route names an entry point that is not configured, or that cannot serve it."
        "The routes are not served at that entry point; where no other is left, they are served nowhere."
        "Correct the name in `spec.entryPoints`, or add the entry point to `entryPoints` of the chart's values. Routes with `spec.tls` need one with TLS.",
    41 NoUsableWeight Warning None
        "No child has a weight above 0."
        "Nothing new is served here: requests get 503 `no available server`, or go to a parent's other children."
        "Give at least one service a weight above 0.",
    42 ImplicitWeight Info None
        "A weight is left out beside weights that are written; it counts as 1."
        "The service without a weight gets a share as if 1 were written, not none."
        "Write `weight: 0` or `weight: 1`, whichever is meant.",
    43 StickyGap Warning None
        "Children are sticky and their parent is not, so that clients still change between the children."
        "A client may get another child with each request, and loses its endpoint with it."
        "Set `sticky` on the parent too.",
    44 StickyAmbiguous Info None
        "Two children have the same Traefik name; the second one's cookie differs from Traefik's."
        "Clients that come from Traefik with a cookie of that name reach the first of the two."
        "Nothing has to be done, unless the sessions of the second child have to outlive a move from Traefik.",
    45 UnknownField Warning None
        "The resource has no such field."
        "The field has no effect; everything else is served as written."
        "Correct its name or its indentation, or remove it.",
    46 IgnoredField Warning None
        "weir does not use this field; traffic flows without it."
        "Traffic flows as if the field were not there."
        "Remove it where that is as good; the message says what weir does instead.",
    47 UnboundedMirrorBody Info None
        "Copies of request bodies have no limit of their own."
        "Only the proxy's own limit for all copies together decides which bodies are copied."
        "Set `maxBodySize` to what the mirrors need, in bytes.",
    48 Orphaned Info None
        "No route reaches the TraefikService."
        "It gets no requests. It is compiled and published nevertheless, so that a route to it takes effect at once."
        "Refer to it from an IngressRoute of weir's class or from another TraefikService, or delete it.",
    49 NoEndpoints Warning None
        "What is referred to has no endpoint that could serve."
        "It is passed over as long as that is so, and its siblings share its requests by their weights; it is back as soon as it has an endpoint. Where nothing else is left, requests get 503 `no available server`."
        "Look at its pods and at the selector and ports of its Service: `kubectl get endpointslices -l kubernetes.io/service-name=NAME`. At 0 replicas it is as it should be.",
    50 Conflicted Warning None
        "Another route has the same rule and priority and wins."
        "No request reaches this route at the entry points that both have."
        "Give one of them another `priority`, or remove it. The older object wins.",
    51 DefaultInterval Info None
        "A health check has no interval and uses the configured default."
        "Each endpoint gets a probe after each default interval."
        "Write an `interval`, or set `healthCheck.interval` in the chart's values.",
    52 RuleNeverMatches Warning None
        "A part of a match rule never matches."
        "No request matches this part of the rule; its alternatives match as they should."
        "Correct what the message points at, such as a path without its leading slash.",
    53 BrokenDocument Error None
        "A document of a manifest cannot be read."
        "Nothing in this document takes effect. Other documents of the same file do."
        "Correct the YAML or JSON where the message points. Found by `weir-operator lint` and `compile` only: the API server takes no such document.",
    54 DuplicateObject Error None
        "Two documents define the same object."
        "The later one is used."
        "Remove one of them. Found by `weir-operator lint` and `compile` only: in a cluster the one that is applied last counts.",
    55 UnknownKind Warning None
        "An object of Traefik's group has a kind or version that weir does not read."
        "The object is passed over."
        "Write `apiVersion: traefik.io/v1alpha1` and one of TraefikService, IngressRoute, ServersTransport. Found by `weir-operator lint` and `compile` only.",
    56 OnlyRedirected Warning None
        "Every entry point of the routes sends its requests to another one."
        "No request reaches the routes: clients are sent on, and find them there only if they are served there as well."
        "Name an entry point in `spec.entryPoints` that serves, as a rule the one that the others redirect to, or mark it as a default.",
}

impl Code {
    /// The stable code: `WEIR0003`.
    pub fn id(self) -> String {
        format!("WEIR{:04}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_distinct_and_ascending() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| pair[0].number() < pair[1].number())
        );
    }

    #[test]
    fn only_errors_turn_a_condition_false() {
        for code in Code::ALL {
            assert!(
                code.standing() == Standing::None || code.severity() == Severity::Error,
                "{code:?}"
            );
        }
    }
}
