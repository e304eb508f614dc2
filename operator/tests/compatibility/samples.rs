//! Manifests with and without a field.

use serde_json::{Value, json};
use weir_model::crd::ResourceKind;
use weir_operator::compatibility::{Field, Part};

/// A field in a manifest.
#[derive(Debug)]
pub struct Sample {
    pub kind: ResourceKind,
    /// Where it stands: `spec.routes[0].match`.
    pub path: String,
    /// A spec without it.
    pub before: Value,
    /// The same spec with it.
    pub after: Value,
    /// The same with other values of it.
    pub others: Vec<Value>,
}

/// The field at this place, with all that it needs around it.
pub fn sample(field: &Field, kind: ResourceKind, path: &str) -> Sample {
    let (around, value) = value(field);
    let mut before = base(kind, path);
    if !around.is_null() {
        let parent = path.rsplit_once('.').unwrap().0;
        put(&mut before, parent, &around);
    }
    let mut after = before.clone();
    put(&mut after, path, &value);
    let other = |value: &Value| {
        let mut spec = before.clone();
        put(&mut spec, path, value);
        spec
    };
    Sample {
        kind,
        path: path.replace("[]", "[0]"),
        others: others(field).iter().map(other).collect(),
        after,
        before,
    }
}

/// A spec that has whatever stands around a field.
pub fn base(kind: ResourceKind, path: &str) -> Value {
    let one = json!({ "name": "svc1", "port": 80 });
    let two = json!({ "name": "svc2", "port": 80 });
    match kind {
        ResourceKind::IngressRoute => {
            json!({ "routes": [{ "match": "Path(`/subject`)", "services": [one, two] }] })
        }
        ResourceKind::TraefikService if path.starts_with("spec.weighted") => {
            json!({ "weighted": { "services": [one, two] } })
        }
        ResourceKind::TraefikService if path.starts_with("spec.mirroring") => {
            json!({ "mirroring": { "name": "svc1", "port": 80, "mirrors": [two] } })
        }
        ResourceKind::TraefikService | ResourceKind::ServersTransport => json!({}),
    }
}

/// Puts a value at a path below `spec`, into the first item of every list on the way. What is on the way and not there is made.
pub fn put(spec: &mut Value, path: &str, value: &Value) {
    let mut place = spec;
    for step in path.split('.').skip(1) {
        let name = step.trim_end_matches("[]");
        if place.is_null() {
            *place = json!({});
        }
        place = &mut place[name];
        if step.ends_with("[]") {
            if place.is_null() {
                *place = json!([{}]);
            }
            place = &mut place[0];
        }
    }
    *place = value.clone();
}

/// What stands around a field (its parent; null: what is there anyway), and a value other than its default.
fn value(field: &Field) -> (Value, Value) {
    let plain = |value: Value| (Value::Null, value);
    let reference = json!({ "name": "svc2", "port": 80 });
    match (field.part, field.name) {
        (Part::IngressRoute, name) => match name {
            "entryPoints" => plain(json!(["web"])),
            "ingressClassName" => plain(json!("other")),
            "parentRefs" => plain(json!([{ "name": "other" }])),
            "routes" => plain(json!([{ "match": "Path(`/a`)", "services": [reference] }])),
            "routes[].match" => plain(json!("Path(`/b`)")),
            "routes[].kind" => plain(json!("Rule")),
            "routes[].priority" => plain(json!(-5)),
            "routes[].syntax" => plain(json!("v3")),
            "routes[].services" => plain(json!([reference])),
            "routes[].middlewares" => plain(json!([{ "name": "auth" }])),
            "routes[].observability" => plain(json!({ "metrics": false })),
            "tls" => plain(json!({})),
            "tls.secretName" => (json!({}), json!("cert")),
            "tls.options" | "tls.store" => (json!({}), json!({ "name": "strict" })),
            "tls.certResolver" => (json!({}), json!("le")),
            "tls.domains" => (
                json!({}),
                json!([{ "main": "example.com", "sans": ["a.example.com"] }]),
            ),
            name => panic!("no sample of {name}"),
        },
        (Part::TraefikService, name) => match name {
            "weighted" | "highestRandomWeight" => plain(json!({ "services": [reference] })),
            "weighted.services" | "mirroring.mirrors" => plain(json!([{ "name": "svc1", "port": 80 }])),
            "weighted.sticky" => plain(json!({ "cookie": { "name": "a" } })),
            "weighted.sticky.cookie" => plain(json!({})),
            "mirroring" => plain(reference),
            "mirroring.mirrors[].percent" => plain(json!(20)),
            "mirroring.mirrorBody" => plain(json!(false)),
            "mirroring.maxBodySize" => plain(json!(1024)),
            "mirroring.weight" | "mirroring.mirrors[].weight" => plain(json!(3)),
            "failover" => plain(json!({ "service": reference, "fallback": reference, "errors": {} })),
            name => panic!("no sample of {name}"),
        },
        (Part::Reference, name) => reference_value(name),
        (Part::Cookie, name) => (
            json!({}),
            match name {
                "name" => json!("a"),
                "secure" | "httpOnly" => json!(true),
                "sameSite" => json!("lax"),
                "maxAge" => json!(5),
                "path" => json!("/a"),
                "domain" => json!("example.com"),
                name => panic!("no sample of {name}"),
            },
        ),
        (Part::ServersTransport, name) => transport_value(name),
    }
}

fn reference_value(name: &str) -> (Value, Value) {
    let plain = |value: Value| (Value::Null, value);
    let check = || json!({ "interval": "10s" });
    match name {
        "name" => plain(json!("svc3")),
        // what lacks its port as a Service is told so
        "kind" => plain(json!("TraefikService")),
        "namespace" => plain(json!("elsewhere")),
        "port" => plain(json!("more")),
        "scheme" => plain(json!("h2c")),
        "strategy" => plain(json!("RoundRobin")),
        "passHostHeader" => plain(json!(false)),
        "responseForwarding" => plain(json!({ "flushInterval": "5ms" })),
        "responseForwarding.flushInterval" => (json!({}), json!("-1")),
        "serversTransport" => plain(json!("st")),
        "sticky" => plain(json!({ "cookie": { "name": "a" } })),
        "sticky.cookie" => plain(json!({})),
        "healthCheck" => plain(check()),
        "healthCheck.scheme" => (check(), json!("https")),
        "healthCheck.mode" => (check(), json!("grpc")),
        "healthCheck.path" => (check(), json!("/health")),
        "healthCheck.method" => (check(), json!("HEAD")),
        "healthCheck.status" => (check(), json!(204)),
        "healthCheck.port" => (check(), json!(8081)),
        "healthCheck.interval" => (check(), json!("20s")),
        "healthCheck.unhealthyInterval" | "healthCheck.timeout" => (check(), json!(3)),
        "healthCheck.hostname" => (check(), json!("probe.example.com")),
        "healthCheck.headers" => (check(), json!({ "X-Probe": "1" })),
        "healthCheck.followRedirects" => (check(), json!(false)),
        "passiveHealthCheck" => plain(json!({ "failureWindow": "10s", "maxFailedAttempts": 2 })),
        "nativeLB" | "nodePortLB" => plain(json!(true)),
        "middlewares" => plain(json!([{ "name": "auth" }])),
        "weight" => plain(json!(7)),
        name => panic!("no sample of {name}"),
    }
}

fn transport_value(name: &str) -> (Value, Value) {
    let plain = |value: Value| (Value::Null, value);
    let sans = || json!({ "type": "DNSName", "value": "a.example.com" });
    match name {
        "serverName" => plain(json!("example.com")),
        "insecureSkipVerify" | "disableHTTP2" => plain(json!(true)),
        "rootCAs" => plain(json!([{ "secret": "ca" }])),
        "rootCAs[].secret" | "rootCAs[].configMap" => plain(json!("ca")),
        "rootCAsSecrets" => plain(json!(["ca"])),
        "certificatesSecrets" => plain(json!(["cert"])),
        "cipherSuites" => plain(json!(["TLS_AES_128_GCM_SHA256"])),
        "minVersion" | "maxVersion" => plain(json!("VersionTLS13")),
        "maxIdleConnsPerHost" => plain(json!(5)),
        "forwardingTimeouts" => plain(json!({ "dialTimeout": 5 })),
        "forwardingTimeouts.dialTimeout"
        | "forwardingTimeouts.responseHeaderTimeout"
        | "forwardingTimeouts.idleConnTimeout"
        | "forwardingTimeouts.readIdleTimeout"
        | "forwardingTimeouts.pingTimeout" => (json!({}), json!("7s")),
        "peerCertURI" => plain(json!("spiffe://example.com/a")),
        "peerCertSANs" => plain(json!([sans()])),
        "peerCertSANs[].type" => (sans(), json!("URI")),
        "peerCertSANs[].value" => (sans(), json!("b.example.com")),
        "spiffe" => plain(json!({ "ids": ["spiffe://example.com/a"], "trustDomain": "example.com" })),
        name => panic!("no sample of {name}"),
    }
}

/// Of a field that is implemented in part, values that are not.
fn others(field: &Field) -> Vec<Value> {
    match field.name {
        "routes[].syntax" => vec![json!("v2")],
        "strategy" => vec![json!("p2c"), json!("leasttime"), json!("hrw")],
        "cipherSuites" => vec![json!(["TLS_RSA_WITH_AES_128_CBC_SHA"])],
        "minVersion" | "maxVersion" => vec![json!("VersionTLS10"), json!("VersionTLS11")],
        _ => Vec::new(),
    }
}
