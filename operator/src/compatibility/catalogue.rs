//! The entries, in the order of the page.

use super::{Class, Field, Part};

macro_rules! fields {
    ($($part:ident { $($name:literal $class:ident $meaning:literal $difference:literal;)* })*) => {
        /// Every field, once.
        pub(super) const FIELDS: &[Field] = &[$($(Field {
            part: Part::$part,
            name: $name,
            class: Class::$class,
            meaning: $meaning,
            difference: $difference,
        },)*)*];
    };
}

// Name, class; what it does in weir, what Traefik does (empty: the same). An entry that is ignored or refused stands for all
// fields below it, too. `make gen` after a change.
fields! {
    IngressRoute {
        "entryPoints" Implemented
            "The routes listen there; without any, at the default entry points. One that is not configured is [EntryPointNotFound](conditions.md#entrypointnotfound), and the others serve."
            "An unknown one is a warning in the log.";
        "ingressClassName" Implemented
            "The class, before the annotation `kubernetes.io/ingress.class`. Served are those of weir's class and, unless `requireIngressClass` is set, those without one."
            "Those without one are served where no class is configured.";
        "parentRefs" Refused
            "There are no routes below other routes; every route of the object answers 503. Write the parent's rule into each rule, joined by `&&`."
            "The routes are placed below those of the parents.";
        "routes" Implemented
            "Each is served by itself: one that is wrong keeps its last accepted form or answers 503, and the others serve."
            "A wrong one is gone: its requests get 404, or reach a route that was not meant for them.";
        "routes[].match" Implemented
            "All matchers of the v3 syntax, with `&&`, `\\|\\|`, `!` and parentheses: see [rules](#rules)."
            "";
        "routes[].kind" Implemented
            "`Rule`, or left out."
            "";
        "routes[].priority" Implemented
            "The highest wins; 0 or none is the length of the rule. At equal priority the longer rule wins, then the older object, then the name, then the position; a route that can never win is [Conflicted](conditions.md#conflicted)."
            "At equal priority nothing decides.";
        "routes[].syntax" Partly
            "`v3`, or left out. `v2` is refused: the route answers 503."
            "`v2` is outdated and still read.";
        "routes[].services" Implemented
            "One, or several that share the requests by their weights. None at all is refused."
            "";
        "routes[].middlewares" Refused
            "There are no middlewares, and requests must not pass without what they do: the route answers 503."
            "They are run in this order.";
        "routes[].observability" Ignored
            "All routes are observed alike."
            "Log, metrics and traces of the route are switched.";
        "tls" Implemented
            "The routes are served over TLS only, at entry points with TLS. Without it they are served at each of their entry points, over TLS where that has TLS."
            "Routes without it are not served over TLS, unless the entry point says so.";
        "tls.secretName" Implemented
            "The certificate, chosen by the name that the client asks for; a new one counts without a restart. Where the Secret is missing or holds none, the default one is used and the object says so."
            "The same, and only the log says so.";
        "tls.options" Refused
            "There are no TLSOptions, and they may ask for certificates of clients: the routes answer 503."
            "They set versions, ciphers and who is let in.";
        "tls.store" Ignored
            "Certificates come from `tls.secretName`."
            "The same: it is read and not used.";
        "tls.certResolver" Ignored
            "weir obtains no certificates; cert-manager can put them into the Secret of `tls.secretName`."
            "Certificates are obtained by ACME.";
        "tls.domains" Ignored
            "As `tls.certResolver`."
            "The names for which a certificate is obtained.";
    }
    TraefikService {
        "weighted" Implemented
            "Shares requests by weight. Exactly one of `weighted` and `mirroring` has to be set; both are [AmbiguousServiceType](conditions.md#ambiguousservicetype)."
            "Of several kinds the first is taken and nothing is said.";
        "weighted.services" Implemented
            "Services and TraefikServices, to any depth. The shares are exact at every level: of any run of as many requests as the weights sum up to, each gets its weight. One that cannot serve is passed over and the others share by their weights. An empty list answers 503."
            "One wrong reference drops the whole object, and its routes answer 404. A nested service without endpoints keeps its share and answers 503.";
        "weighted.sticky" Implemented
            "Keeps a client at one of the services. `sticky` without `cookie` has no effect, and a finding says so."
            "The same, without the finding.";
        "weighted.sticky.cookie" Implemented
            "An empty one takes all defaults."
            "";
        "mirroring" Implemented
            "The main service gets every request and answers; it is written beside the options."
            "";
        "mirroring.mirrors" Implemented
            "Each gets copies, in parallel and detached: main and clients never wait for them. Their responses are read and thrown away. All copies of a process share `--mirror-max-copies` and `--mirror-max-bytes`; copies beyond are dropped and counted. What is an upgrade or has no complete body is not copied."
            "Copies are sent one after the other, when the response has been sent, without a bound.";
        "mirroring.mirrors[].percent" Implemented
            "0 to 100, default 0. After n requests exactly the part of n that it says was copied, rounded up. Outside of that range it is [InvalidPercent](conditions.md#invalidpercent)."
            "Outside of that range the route is gone.";
        "mirroring.mirrorBody" Implemented
            "Default true. With false the copy has neither a body nor the headers that announce one."
            "With false the copy still announces the length of the body that it lacks.";
        "mirroring.maxBodySize" Implemented
            "In bytes; of a larger body no copy is made, and a body whose length says so is not held at all. -1, the default, leaves it to the process's own bound."
            "A buffer of that size is taken for each request; -1 has no bound.";
        "mirroring.weight" Ignored
            "A weight has a meaning among weighted services only."
            "Ignored, too, without a word.";
        "mirroring.mirrors[].weight" Ignored
            "As `mirroring.weight`."
            "Ignored, too, without a word.";
        "highestRandomWeight" Refused
            "Not there: clients would not be kept where they are to be kept. References to it are passed over. Use `weighted` with `sticky`."
            "A client's address decides. Newer than the page of 2025-09.";
        "failover" Refused
            "Not there. `weighted` passes a service over that has no usable endpoint, at every level."
            "The fallback serves where the service answers with a given status. Newer than the page of 2025-09.";
    }
    Reference {
        "name" Implemented
            "A plain name; `@` is refused."
            "`@` selects a provider of Traefik's. (The page forbids it, too.)";
        "kind" Implemented
            "`Service`, the default, or `TraefikService`."
            "";
        "namespace" Implemented
            "Default: that of the object. Another one has to be allowed (`allowCrossNamespace`), else the reference is passed over."
            "A reference that is not allowed drops the object.";
        "port" Implemented
            "A number is looked up among the Service's ports, a text among their names. It may be left out where the Service has exactly one."
            "Always needed for a Service.";
        "scheme" Implemented
            "`http`, `https` or `h2c`. Default: `https` where the port is 443 or its name contains `https`, as the page says, else `http`."
            "The name has to start with `https`.";
        "strategy" Partly
            "`wrr` (the default) and its old spelling `RoundRobin`: endpoints take turns. `p2c` and `leasttime` do so too, with a warning; `hrw` is refused, since clients would not stay where it keeps them."
            "All are there. The page has `RoundRobin` only.";
        "passHostHeader" Implemented
            "Default true. With false the endpoint's own address and port are sent as `Host`."
            "";
        "responseForwarding" Implemented
            "Holds `flushInterval`."
            "";
        "responseForwarding.flushInterval" Implemented
            "How long bytes of a response may wait: a Go duration, or a number of milliseconds, as the page says. Default `100ms`; a negative one sends each part at once. Streams (`text/event-stream`, unknown length) are always sent at once."
            "A bare number is seconds.";
        "serversTransport" Implemented
            "Looked up in the namespace of the Service. Where it is missing or wrong, the reference is passed over."
            "One that is wrong is replaced by default settings; one that is missing drops the route.";
        "sticky" Implemented
            "Keeps a client at one of the endpoints. One that is shutting down keeps its clients as long as it serves; one that is unhealthy or gone loses them, and they get a new cookie. `sticky` without `cookie` has no effect, and a finding says so."
            "The same, without the finding.";
        "sticky.cookie" Implemented
            "An empty one takes all defaults."
            "";
        "healthCheck" Implemented
            "For every Service. What is unhealthy is passed over, and so is each level above it that has nothing healthy left. States outlive reloads; the first probe is made at once."
            "For Services of type ExternalName only; on others the object is dropped. A reload forgets what was unhealthy.";
        "healthCheck.scheme" Implemented
            "`http` or `https`; default: that of the reference."
            "";
        "healthCheck.mode" Implemented
            "`http` (the default), or `grpc` for gRPC's own health protocol, also over TLS."
            "`grpc` without TLS only.";
        "healthCheck.path" Implemented
            "A path, with a query where needed. A scheme or a host in it is refused."
            "";
        "healthCheck.method" Implemented
            "Default `GET`."
            "";
        "healthCheck.status" Implemented
            "The status that is healthy. Default: any from 200 to 399."
            "";
        "healthCheck.port" Implemented
            "Default: the port that gets the traffic."
            "";
        "healthCheck.interval" Implemented
            "From one probe of a healthy endpoint to the next: a Go duration, or seconds. Default 100ms, as the page says, or the chart's `healthCheck.interval`; that it is left out is said. The process as a whole makes at most `--health-max-probes-per-second`."
            "Default 30s since v3.6.";
        "healthCheck.unhealthyInterval" Implemented
            "The same for an unhealthy one. Default: `interval`."
            "";
        "healthCheck.timeout" Implemented
            "For the whole probe. Default 5s, or the chart's `healthCheck.timeout`."
            "";
        "healthCheck.hostname" Implemented
            "`Host` of the probe. Default: the endpoint's address."
            "";
        "healthCheck.headers" Implemented
            "Further headers of the probe."
            "";
        "healthCheck.followRedirects" Implemented
            "Default true: the last answer counts. The page's spelling `followRedirect` means the same."
            "The page's spelling is ignored.";
        "passiveHealthCheck" Ignored
            "Failures of requests are not counted, with a warning ([UnsupportedFeature](conditions.md#unsupportedfeature)). An endpoint that cannot be connected to is left out for a short, growing time in any case."
            "Endpoints whose requests fail are left out. Newer than the page of 2025-09.";
        "nativeLB" Implemented
            "Requests go to the Service's cluster IP. Default false; there is no other default to configure."
            "A default can be configured, and does not count in TraefikServices.";
        "nodePortLB" Implemented
            "Requests go to every node's internal addresses at the node port, for a Service of type NodePort; for others it is ignored with a warning."
            "";
        "middlewares" Refused
            "There are no middlewares: the route answers 503, or the TraefikService is not served."
            "They are run for requests to this service.";
        "weight" Implemented
            "0 to 2147483647, default 1, for Services and TraefikServices alike. With 0 nothing new gets there; clients with a sticky cookie still do. On the only service of a route it has no meaning, and an information says so."
            "With 0 sticky clients lose their place.";
    }
    Cookie {
        "name" Implemented
            "Default: `_` and five hex digits of the SHA-1 of the service's name in Traefik, so that sessions outlive the move. Characters that no cookie name has become `_`."
            "";
        "secure" Implemented
            "Sets `Secure`."
            "";
        "httpOnly" Implemented
            "Sets `HttpOnly`: scripts cannot read it. (The page says it the other way round.)"
            "";
        "sameSite" Implemented
            "`none`, `lax` or `strict`, in any case. Another word is [InvalidSticky](conditions.md#invalidsticky)."
            "Another word leaves the attribute out.";
        "maxAge" Implemented
            "Seconds. 0, the default: until the browser is closed; below zero: it expires at once."
            "";
        "path" Implemented
            "Default `/`; an empty text leaves the attribute out. Not on the page."
            "";
        "domain" Implemented
            "Default: none. Not on the page."
            "";
    }
    ServersTransport {
        "serverName" Implemented
            "Sent as SNI, and the name that the certificate has to carry. Default: the endpoint's host."
            "";
        "insecureSkipVerify" Implemented
            "Certificates are not checked, but for `peerCertSANs`."
            "";
        "rootCAs" Implemented
            "Authorities that are trusted in place of the system's. Each names exactly one of a Secret and a ConfigMap."
            "An entry with neither stops the provider.";
        "rootCAs[].secret" Implemented
            "Holds `tls.ca` or `ca.crt`, or one entry only."
            "One that cannot be read is left out; if none is left, the system's are trusted.";
        "rootCAs[].configMap" Implemented
            "Holds `tls.ca` or `ca.crt`."
            "As `rootCAs[].secret`.";
        "rootCAsSecrets" Implemented
            "The older spelling of `rootCAs`."
            "";
        "certificatesSecrets" Implemented
            "Certificates that are shown to endpoints that ask for one."
            "One that cannot be read is left out.";
        "cipherSuites" Partly
            "The suites of TLS 1.2 and 1.3 that are sound, by Go's names. One that weir does not have is refused."
            "An unknown one discards the whole list.";
        "minVersion" Partly
            "`VersionTLS12` or `VersionTLS13`. Older ones count as TLS 1.2, and an information says so."
            "Without `maxVersion` it discards all TLS settings.";
        "maxVersion" Partly
            "`VersionTLS12` or `VersionTLS13`. Older ones are refused: weir does not speak them."
            "Older ones are spoken.";
        "maxIdleConnsPerHost" Implemented
            "Idle connections that are kept for each endpoint, by the whole process; -1 keeps none. 0 or none: `--max-idle-upstream`, 200."
            "0 or none is 2.";
        "forwardingTimeouts" Implemented
            "Go durations, or seconds. What is no duration, or below zero, is refused."
            "What is no duration is no timeout at all.";
        "forwardingTimeouts.dialTimeout" Implemented
            "To connect. Default 30s; 0: none. While another endpoint is left, an attempt takes 1s at most."
            "No other endpoint is tried.";
        "forwardingTimeouts.responseHeaderTimeout" Implemented
            "From the end of the request to the head of the response. Default 0: none."
            "";
        "forwardingTimeouts.idleConnTimeout" Implemented
            "How long an idle connection is kept. Default 90s; 0: for ever."
            "";
        "forwardingTimeouts.readIdleTimeout" Implemented
            "Silence on an HTTP/2 connection after which it is pinged. Default 0: never."
            "";
        "forwardingTimeouts.pingTimeout" Implemented
            "For the answer to a ping. Default 15s, also for 0."
            "";
        "disableHTTP2" Implemented
            "HTTP/1.1 only, towards endpoints with TLS."
            "";
        "peerCertURI" Implemented
            "The older spelling of an entry of `peerCertSANs`."
            "";
        "peerCertSANs" Implemented
            "Names of which the certificate has to carry at least one, beside being valid. With `insecureSkipVerify` its authority is checked nevertheless, as in Traefik."
            "";
        "peerCertSANs[].type" Implemented
            "`DNSName` or `URI`."
            "";
        "peerCertSANs[].value" Implemented
            "The name."
            "";
        "spiffe" Refused
            "There is no SPIFFE, and it decides who is trusted: references with the transport are passed over."
            "Identities are checked by SPIFFE.";
    }
}
