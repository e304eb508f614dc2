//! Secrets and ConfigMaps: read only when something refers to them, and again when they change.

use serde_json::{Value, json};

use crate::{
    cluster::{
        Answer, Scope, Source,
        testing::{Bench, id, source},
    },
    compile::finding::{Code, Kind},
};

fn route(secret: &str) -> Value {
    json!({
        "metadata": { "namespace": "apps", "name": "web" },
        "spec": { "routes": [{ "match": "Path(`/`)" }], "tls": { "secretName": secret } },
    })
}

fn secret(name: &str, version: u64) -> Value {
    let metadata = json!({ "namespace": "apps", "name": name, "resourceVersion": version.to_string() });
    json!({ "metadata": metadata, "data": { "tls.crt": "eA==" } })
}

fn complaints(bench: &Bench) -> Vec<Code> {
    let compiled = bench.outputs.compiled.borrow().clone().unwrap();
    let codes = compiled.compilation.findings.iter().map(|finding| finding.code);
    codes
        .filter(|code| matches!(code, Code::SecretNotFound | Code::InvalidSecret))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_compilation_waits_for_the_secrets_that_are_referred_to() {
    let mut bench = Bench::start();
    bench.publish(weir_model::document::Config::default());
    let objects = [
        (Kind::IngressRoute, route("cert")),
        (Kind::Secret, secret("cert", 1)),
        (Kind::Secret, secret("other", 1)),
    ];
    for source in Scope::default().sources() {
        bench.list(&source, &objects).await;
    }
    let wanted = bench.wanted().await;
    assert_eq!(
        wanted.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(),
        [id(Kind::Secret, "cert")]
    );
    assert!(bench.is_quiet().await);
    let found = Answer::found(Kind::Secret, &secret("cert", 1));
    bench.answer(wanted[0].0.clone(), wanted[0].1, found).await;
    bench.next().await;
    // it is there, if not whole
    assert_eq!(complaints(&bench), [Code::InvalidSecret]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_read_again_when_its_version_changes() {
    let mut bench = Bench::synced(&[
        (Kind::IngressRoute, route("cert")),
        (Kind::Secret, secret("cert", 1)),
    ])
    .await;
    bench.apply(Kind::Secret, &secret("cert", 1)).await;
    bench.apply(Kind::Secret, &secret("other", 2)).await;
    assert!(bench.is_quiet().await);
    assert!(!bench.outputs.wanted.has_changed().unwrap());
    bench.apply(Kind::Secret, &secret("cert", 2)).await;
    let wanted = bench.wanted().await;
    let mut rotated = secret("cert", 2);
    rotated["data"]["tls.key"] = json!("eA==");
    let found = Answer::found(Kind::Secret, &rotated);
    bench.answer(wanted[0].0.clone(), wanted[0].1, found).await;
    let compiled = bench.next().await;
    let stored = compiled.snapshot.secrets.values().next().unwrap();
    assert!(stored.0.contains_key("tls.key"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_deleted_or_missing_from_a_new_list_is_asked_for_once_more() {
    let list = [
        (Kind::IngressRoute, route("cert")),
        (Kind::Secret, secret("cert", 1)),
    ];
    let mut bench = Bench::synced(&list).await;
    bench.list(&source(Kind::Secret), &[]).await;
    let wanted = bench.wanted().await;
    let found = Answer::found(Kind::Secret, &secret("cert", 1));
    bench.answer(wanted[0].0.clone(), wanted[0].1, found).await;
    assert!(bench.is_quiet().await);
    bench.delete(Kind::Secret, &secret("cert", 3)).await;
    let wanted = bench.wanted().await;
    bench
        .answer(wanted[0].0.clone(), wanted[0].1, Answer::Absent)
        .await;
    bench.next().await;
    assert_eq!(complaints(&bench), [Code::SecretNotFound]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_stays_as_it_was_and_holds_up_nobody() {
    let mut bench = Bench::synced(&[
        (Kind::IngressRoute, route("cert")),
        (Kind::Secret, secret("cert", 1)),
    ])
    .await;
    bench.apply(Kind::Secret, &secret("cert", 2)).await;
    let wanted = bench.wanted().await;
    let wrr = bench.weighted("wrr", &[("a", 1)]);
    bench.apply(Kind::TraefikService, &wrr).await;
    assert!(bench.is_quiet().await);
    bench
        .answer(wanted[0].0.clone(), wanted[0].1, Answer::Unknown)
        .await;
    assert_eq!(bench.next().await.snapshot.secrets.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_could_never_be_read_is_said_to_be_unreadable_until_it_is_read() {
    let mut bench = Bench::synced(&[(Kind::Secret, secret("cert", 1))]).await;
    bench.apply(Kind::IngressRoute, &route("cert")).await;
    let wanted = bench.wanted().await;
    let (id, ticket) = wanted[0].clone();
    bench.answer(id.clone(), ticket, Answer::Unknown).await;
    bench.next().await;
    assert_eq!(complaints(&bench), [Code::SecretNotFound]);
    let messages = |bench: &Bench| -> Vec<String> {
        let compiled = bench.outputs.compiled.borrow().clone().unwrap();
        let findings = compiled.compilation.findings.iter();
        findings.map(|finding| finding.message.clone()).collect()
    };
    let said = messages(&bench);
    assert!(
        said.iter()
            .any(|message| message.contains("Secret apps/cert cannot be read")),
        "{said:?}"
    );
    let found = Answer::found(Kind::Secret, &secret("cert", 1));
    bench.answer(id, ticket, found).await;
    bench.next().await;
    assert_eq!(complaints(&bench), [Code::InvalidSecret]);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_to_an_older_request_is_passed_over() {
    let mut bench = Bench::synced(&[
        (Kind::IngressRoute, route("cert")),
        (Kind::Secret, secret("cert", 1)),
    ])
    .await;
    bench.apply(Kind::Secret, &secret("cert", 2)).await;
    let old = bench.wanted().await;
    bench.apply(Kind::Secret, &secret("cert", 3)).await;
    let new = bench.wanted().await;
    assert!(new[0].1 > old[0].1);
    bench.answer(new[0].0.clone(), new[0].1, Answer::Absent).await;
    bench.next().await;
    let stale = Answer::found(Kind::Secret, &secret("cert", 2));
    bench.answer(old[0].0.clone(), old[0].1, stale).await;
    assert!(bench.is_quiet().await);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_referred_to_is_forgotten() {
    let mut bench = Bench::synced(&[
        (Kind::IngressRoute, route("cert")),
        (Kind::Secret, secret("cert", 1)),
    ])
    .await;
    let mut plain = route("cert");
    plain["spec"]["tls"] = Value::Null;
    bench.apply(Kind::IngressRoute, &plain).await;
    assert!(bench.next().await.snapshot.secrets.is_empty());
    assert!(bench.wanted().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn nodes_are_watched_once_a_reference_uses_them() {
    let mut bench = Bench::synced(&[]).await;
    let mut wrr = bench.weighted("wrr", &[("a", 1)]);
    wrr["spec"]["weighted"]["services"][0]["nodePortLB"] = json!(true);
    bench.apply(Kind::TraefikService, &wrr).await;
    bench.wanted().await;
    assert!(bench.outputs.wanted.borrow().nodes);
    assert!(bench.is_quiet().await);
    let node = json!({ "metadata": { "name": "n1" }, "status": { "addresses": [{ "type": "InternalIP", "address": "10.1.0.1" }] } });
    bench.list(&Source::NODES, &[(Kind::Node, node)]).await;
    assert_eq!(bench.next().await.snapshot.nodes.len(), 1);
}
