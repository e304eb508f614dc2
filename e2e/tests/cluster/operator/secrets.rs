//! Secrets that are referred to: rotated, taken away, brought back. All others are nobody's business.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use weir_e2e::cluster::{
    Cluster,
    namespace::Namespace,
    release::Release,
    resource::{INGRESS_ROUTE, SECRET, SERVERS_TRANSPORT, TRAEFIK_SERVICE},
    wait::eventually,
};

use crate::{
    shape::{route, silent_service, traefik_service, weighted},
    told::{LIMIT, NO_PROXIES, await_told, told},
};

/// The shortest that passes for one; the API server does not look into Secrets of the type `Opaque`.
fn pem(label: &str, content: &str) -> String {
    format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n")
}

/// `content` is the base64 of a DER sequence.
fn certificate(content: &str) -> Value {
    json!({"stringData": {"tls.crt": pem("CERTIFICATE", content), "tls.key": pem("PRIVATE KEY", content)}})
}

const FIRST: &str = "MAMCAQE=";
const SECOND: &str = "MAMCAQI=";

async fn create(namespace: &Namespace<'_>) -> Result<()> {
    silent_service(namespace, "svc1").await?;
    for name in ["cert", "client", "other"] {
        namespace.create(SECRET, name, certificate(FIRST)).await?;
    }
    let authorities = json!({"stringData": {"ca.crt": pem("CERTIFICATE", FIRST)}});
    namespace.create(SECRET, "ca", authorities).await?;
    let transport = json!({"spec": {"rootCAsSecrets": ["ca"], "certificatesSecrets": ["client"]}});
    namespace.create(SERVERS_TRANSPORT, "mutual", transport).await?;
    let mut service = weighted(&[("svc1", 1)]);
    service["spec"]["weighted"]["services"][0]["serversTransport"] = "mutual".into();
    namespace.create(TRAEFIK_SERVICE, "wrr", service).await?;
    let mut web = route("example.com", &traefik_service("wrr"));
    web["spec"]["entryPoints"] = json!(["websecure"]);
    web["spec"]["tls"] = json!({"secretName": "cert"});
    namespace.create(INGRESS_ROUTE, "web", web).await?;
    Ok(())
}

/// Waits until these Secrets are published, and no others, each with the content that is given.
async fn await_published(release: &Release<'_>, wanted: &[(&str, &str)]) {
    let name = &release.namespace.name;
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(secret, content)| (format!("secret/{name}/{secret}"), pem("CERTIFICATE", content)))
        .collect();
    eventually("the Secrets are published", LIMIT, async || {
        let secrets = release.read_published().await?.secrets.entries;
        let found: Vec<_> = secrets
            .iter()
            .map(|(id, entry)| {
                let content = entry.certificate.clone().or_else(|| entry.ca.clone());
                (id.as_str().to_owned(), content.unwrap_or_default())
            })
            .collect();
        ensure!(found == wanted, "{found:?}, wanted {wanted:?}");
        Ok(())
    })
    .await
    .unwrap();
}

async fn rotate(namespace: &Namespace<'_>, name: &str) {
    namespace.patch(SECRET, name, &certificate(SECOND)).await.unwrap();
}

async fn await_well(namespace: &Namespace<'_>) {
    await_told(namespace, INGRESS_ROUTE, "web", &[NO_PROXIES])
        .await
        .unwrap();
    await_told(namespace, TRAEFIK_SERVICE, "wrr", &[NO_PROXIES])
        .await
        .unwrap();
    let well = [told("Ready", "True", "Ready", "")];
    await_told(namespace, SERVERS_TRANSPORT, "mutual", &well)
        .await
        .unwrap();
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_secret_is_followed_while_it_is_referred_to() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    create(&namespace).await.unwrap();
    let release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    await_well(&namespace).await;
    await_published(&release, &[("ca", FIRST), ("cert", FIRST), ("client", FIRST)]).await;

    // a rotated one is a change of the key material alone
    let before = release.read_published().await.unwrap();
    rotate(&namespace, "cert").await;
    await_published(&release, &[("ca", FIRST), ("cert", SECOND), ("client", FIRST)]).await;
    let after = release.read_published().await.unwrap();
    for object in ["ConfigMap weir-config", "ConfigMap weir-endpoints"] {
        assert_eq!(after.objects[object], before.objects[object]);
    }

    let name = &namespace.name;
    namespace.delete(SECRET, "cert").await.unwrap();
    let missing = format!("spec.tls.secretName: Secret {name}/cert does not exist");
    let told_route = [told("ResolvedRefs", "False", "SecretNotFound", &missing)];
    let object = await_told(&namespace, INGRESS_ROUTE, "web", &told_route)
        .await
        .unwrap();
    println!("{:#}", object["status"]);
    await_published(&release, &[("ca", FIRST), ("client", FIRST)]).await;
    namespace
        .create(SECRET, "cert", certificate(FIRST))
        .await
        .unwrap();
    await_well(&namespace).await;

    namespace.delete(SECRET, "ca").await.unwrap();
    let missing = format!(
        "spec.rootCAsSecrets[0]: Secret {name}/ca does not exist; effect: Services that name the transport are passed over"
    );
    let told_transport = [told("ResolvedRefs", "False", "SecretNotFound", &missing)];
    await_told(&namespace, SERVERS_TRANSPORT, "mutual", &told_transport)
        .await
        .unwrap();
    let broken = format!("ServersTransport {name}/mutual cannot be used");
    let told_service = [told("ResolvedRefs", "False", "DependencyInvalid", &broken)];
    let object = await_told(&namespace, TRAEFIK_SERVICE, "wrr", &told_service)
        .await
        .unwrap();
    println!("{:#}", object["status"]);

    // it comes back, and with something else in it
    let wrong = json!({"stringData": {"ca.crt": "no certificate"}});
    namespace.create(SECRET, "ca", wrong).await.unwrap();
    let invalid = format!("Secret {name}/ca has no certificate in tls.ca or ca.crt");
    let told_transport = [told("ResolvedRefs", "False", "InvalidSecret", &invalid)];
    await_told(&namespace, SERVERS_TRANSPORT, "mutual", &told_transport)
        .await
        .unwrap();
    let right = json!({"stringData": {"ca.crt": pem("CERTIFICATE", SECOND)}});
    namespace.patch(SECRET, "ca", &right).await.unwrap();
    await_well(&namespace).await;
    await_published(&release, &[("ca", SECOND), ("cert", FIRST), ("client", FIRST)]).await;
    drop(operator);
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_secret_that_nobody_refers_to_is_never_read_and_wakes_nobody() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    create(&namespace).await.unwrap();
    let mut release = Release::new(&namespace).unwrap();
    release
        .operators
        .arguments
        .push("--log-level=info,kube_client=debug".to_owned());
    let operator = release.operator("first").await.unwrap();
    await_well(&namespace).await;
    let compilations = async || operator.counts("weir_compile_seconds_count").await;
    let before = compilations().await.unwrap();

    rotate(&namespace, "other").await;
    namespace.create(SECRET, "new", certificate(FIRST)).await.unwrap();
    namespace.delete(SECRET, "other").await.unwrap();
    // the watch brings this one after the others
    rotate(&namespace, "client").await;
    await_published(&release, &[("ca", FIRST), ("cert", FIRST), ("client", SECOND)]).await;

    eventually("it has compiled once, for one change", LIMIT, async || {
        let after = compilations().await?;
        ensure!(after[""] == before[""] + 1, "{before:?} became {after:?}");
        let log = operator.process.log();
        let published = log.lines().rfind(|line| line.contains("published revision="));
        ensure!(published.is_some_and(|line| line.ends_with("changes=1")), "{log}");
        Ok(())
    })
    .await
    .unwrap();
    let log = operator.process.log();
    let read = |secret: &str| log.contains(&format!("/namespaces/{}/secrets/{secret}", namespace.name));
    assert!(read("client"), "the log does not tell what is read:\n{log}");
    assert!(!read("other") && !read("new"), "{log}");
    assert_eq!(
        operator.metric("weir_objects{kind=\"Secret\"}").await.unwrap(),
        Some(3.0)
    );
}
