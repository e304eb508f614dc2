//! Who is believed, and how TLS is spoken.

use hyper::Version;
use rustls::{
    CipherSuite, ProtocolVersion,
    version::{TLS12, TLS13},
};

use super::{
    super::{
        authority::{Authority, Certified},
        backend::{Backend, Seen, Speaks},
    },
    holder, https,
};

const BOTH: &[&str] = &["h2", "http/1.1"];

/// The name that certificates are for, as endpoints have none.
const NAME: &str = "backend.example";

/// Someone with a certificate for [`NAME`].
async fn secured(authority: &Authority) -> Backend {
    secured_by(&authority.sign(&[NAME])).await
}

async fn secured_by(certified: &Certified) -> Backend {
    Backend::speaking(Speaks::Https(certified.server(BOTH, None)), "svc1").await
}

/// The authority as the Secret `ca`.
fn ca(authority: &Authority) -> String {
    holder("Secret", "ca", &[("ca.crt", &authority.pem)])
}

/// Fields by which whoever has a certificate for [`NAME`] by the Secret `ca` is believed, and others.
fn believing(fields: &str) -> String {
    format!("serverName: {NAME}, rootCAs: [{{secret: ca}}], {fields}")
}

/// The status of a request, and how it arrived.
async fn one(fields: &str, around: &str, backend: &Backend) -> (u16, Option<Seen>) {
    let before = backend.seen().len();
    let stage = https(fields, around, backend.address).await;
    let status = stage.get("/").await.status;
    (status, backend.seen().into_iter().nth(before))
}

/// How a request arrives.
async fn arrives(fields: &str, around: &str, backend: &Backend) -> Seen {
    match one(fields, around, backend).await {
        (200, Some(seen)) => seen,
        other => panic!("{fields}: {other:?}"),
    }
}

/// Asserts that no request gets there.
async fn fails(fields: &str, around: &str, backend: &Backend) {
    let (status, seen) = one(fields, around, backend).await;
    assert_eq!((status, seen.is_none()), (500, true), "{fields}");
}

#[tokio::test]
async fn the_server_name_is_asked_for_and_has_to_be_in_the_certificate() {
    let authority = Authority::new();
    let (backend, ca) = (secured(&authority).await, ca(&authority));
    let seen = arrives(
        "serverName: backend.example, rootCAs: [{secret: ca}]",
        &ca,
        &backend,
    )
    .await;
    assert_eq!(seen.tls.unwrap().server_name.as_deref(), Some(NAME));
    fails(
        "serverName: other.example, rootCAs: [{secret: ca}]",
        &ca,
        &backend,
    )
    .await;
    // the certificate is not for the endpoint's address
    fails("rootCAs: [{secret: ca}]", &ca, &backend).await;
}

#[tokio::test]
async fn authorities_come_from_secrets_and_config_maps() {
    let (authority, other) = (Authority::new(), Authority::new());
    let backend = secured(&authority).await;
    let entries = |name: &str, kind: &str| {
        holder(kind, name, &[("tls.ca", &authority.pem)])
            + &holder(
                kind,
                "standard",
                &[("ca.crt", &authority.pem), ("more", "no matter")],
            )
            + &holder(kind, "other", &[("ca.crt", &other.pem)])
    };
    let secrets = entries("traefiks", "Secret") + &holder("Secret", "only", &[("my.pem", &authority.pem)]);
    let config_maps = entries("traefiks", "ConfigMap");
    for (roots, around) in [
        ("rootCAs: [{secret: traefiks}]", &secrets),
        ("rootCAs: [{secret: standard}]", &secrets),
        ("rootCAs: [{secret: only}]", &secrets),
        ("rootCAsSecrets: [standard]", &secrets),
        ("rootCAs: [{configMap: traefiks}]", &config_maps),
        ("rootCAs: [{configMap: standard}]", &config_maps),
        ("rootCAs: [{secret: other}, {secret: standard}]", &secrets),
        ("rootCAs: [{secret: other}], rootCAsSecrets: [standard]", &secrets),
    ] {
        arrives(&format!("serverName: {NAME}, {roots}"), around, &backend).await;
    }
    for (roots, around) in [
        ("rootCAs: [{secret: other}]", &secrets),
        ("rootCAs: [{configMap: other}]", &config_maps),
        ("rootCAsSecrets: [other]", &secrets),
        // the system's
        ("rootCAs: []", &secrets),
    ] {
        fails(&format!("serverName: {NAME}, {roots}"), around, &backend).await;
    }
}

#[tokio::test]
async fn without_verification_everybody_is_believed() {
    let backend = secured(&Authority::new()).await;
    fails("insecureSkipVerify: false", "", &backend).await;
    arrives("insecureSkipVerify: true", "", &backend).await;
}

#[tokio::test]
async fn our_certificates_are_shown_to_who_asks_for_them() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server = authority.sign(&[NAME]);
    let speaks = Speaks::Https(server.server(BOTH, Some(&clients)));
    let backend = Backend::speaking(speaks, "svc1").await;
    let pair = |name: &str, certified: &Certified| {
        let texts = [
            ("tls.crt", certified.certificate.as_str()),
            ("tls.key", certified.key.as_str()),
        ];
        holder("Secret", name, &texts)
    };
    let around = ca(&authority)
        + &pair("ours", &clients.sign(&["weir"]))
        + &pair("nobodys", &Authority::new().sign(&["weir"]));
    arrives(&believing("certificatesSecrets: [ours]"), &around, &backend).await;
    for fields in ["certificatesSecrets: [nobodys]", "certificatesSecrets: []"] {
        let (status, seen) = one(&believing(fields), &around, &backend).await;
        assert!(status >= 500 && seen.is_none(), "{fields}: {status} {seen:?}");
    }
}

#[tokio::test]
async fn one_of_the_peers_names_has_to_be_in_the_certificate() {
    let authority = Authority::new();
    let certified = authority.sign(&[NAME, "spiffe://example.org/a", "also.example"]);
    let (backend, ca) = (secured_by(&certified).await, ca(&authority));
    for fields in [
        "peerCertURI: 'spiffe://example.org/a'",
        "peerCertSANs: [{type: URI, value: 'spiffe://example.org/a'}]",
        "peerCertSANs: [{type: DNSName, value: also.example}]",
        "peerCertSANs: [{type: DNSName, value: other.example}, {type: DNSName, value: also.example}]",
        "peerCertURI: 'spiffe://example.org/b', peerCertSANs: [{type: DNSName, value: also.example}]",
    ] {
        arrives(&believing(fields), &ca, &backend).await;
    }
    for fields in [
        "peerCertURI: 'spiffe://example.org/b'",
        "peerCertSANs: [{type: URI, value: 'spiffe://example.org/b'}]",
        "peerCertSANs: [{type: DNSName, value: other.example}]",
        // a name is no URI
        "peerCertSANs: [{type: URI, value: also.example}]",
    ] {
        fails(&believing(fields), &ca, &backend).await;
        // which holds without verification as well
        fails(
            &believing(&format!("insecureSkipVerify: true, {fields}")),
            &ca,
            &backend,
        )
        .await;
    }
}

#[tokio::test]
async fn versions_of_tls_are_bounded_on_both_sides() {
    let authority = Authority::new();
    let (certified, ca) = (authority.sign(&[NAME]), ca(&authority));
    let of = async |versions| {
        let config = certified.server_with(BOTH, None, versions);
        Backend::speaking(Speaks::Https(config), "svc1").await
    };
    let (old, new, both) = (
        of(&[&TLS12]).await,
        of(&[&TLS13]).await,
        of(rustls::DEFAULT_VERSIONS).await,
    );
    for (fields, version) in [
        ("", ProtocolVersion::TLSv1_3),
        ("maxVersion: VersionTLS12", ProtocolVersion::TLSv1_2),
        ("minVersion: VersionTLS12", ProtocolVersion::TLSv1_3),
        ("minVersion: VersionTLS13", ProtocolVersion::TLSv1_3),
        (
            "minVersion: VersionTLS10, maxVersion: VersionTLS12",
            ProtocolVersion::TLSv1_2,
        ),
    ] {
        let seen = arrives(&believing(fields), &ca, &both).await;
        assert_eq!(seen.tls.unwrap().version, version, "{fields}");
    }
    arrives(&believing("minVersion: VersionTLS12"), &ca, &old).await;
    fails(&believing("minVersion: VersionTLS13"), &ca, &old).await;
    fails(&believing("maxVersion: VersionTLS12"), &ca, &new).await;
}

#[tokio::test]
async fn cipher_suites_are_those_that_are_named() {
    let authority = Authority::new();
    let (backend, ca) = (secured(&authority).await, ca(&authority));
    let chacha = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    for (name, suite) in [
        (
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ),
        (
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        ),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", chacha),
        // Go's older name
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", chacha),
    ] {
        let fields = format!("maxVersion: VersionTLS12, cipherSuites: [{name}]");
        let seen = arrives(&believing(&fields), &ca, &backend).await;
        assert_eq!(seen.tls.unwrap().suite, suite, "{name}");
    }
    // the key is of another kind
    let fields = "maxVersion: VersionTLS12, cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]";
    fails(&believing(fields), &ca, &backend).await;
    // those of TLS 1.3 cannot be chosen, as in Go
    let fields = "cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]";
    let seen = arrives(&believing(fields), &ca, &backend).await;
    assert_eq!(seen.tls.unwrap().version, ProtocolVersion::TLSv1_3);
}

#[tokio::test]
async fn http2_is_agreed_on_unless_it_is_off() {
    let authority = Authority::new();
    let (backend, ca) = (secured(&authority).await, ca(&authority));
    for (fields, version) in [
        ("", Version::HTTP_2),
        ("disableHTTP2: false", Version::HTTP_2),
        ("disableHTTP2: true", Version::HTTP_11),
    ] {
        let seen = arrives(&believing(fields), &ca, &backend).await;
        assert_eq!(seen.version, version, "{fields}");
    }
}
