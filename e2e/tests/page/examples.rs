//! The examples, with the mistakes mended that they have on the page.

use std::fs;

use weir_operator::manifest::{Limits, Manifests};

use super::{
    backend::Backend,
    curl::curl,
    stage::{Scene, until},
};

const WEIGHTED: &str = include_str!("../../../operator/tests/cases/page-wrr-mended/input.yaml");
const STICKY: &str = include_str!("../../../operator/tests/cases/page-sticky-mended/input.yaml");
const MIRROR: &str = include_str!("../../../operator/tests/cases/page-mirror-of-service-mended/input.yaml");
const MIRROR_OF_WEIGHTED: &str =
    include_str!("../../../operator/tests/cases/page-mirror-of-wrr-mended/input.yaml");

/// The certificate of the page's Secret, decoded by who stores it.
fn certificate() -> String {
    let mut manifests = Manifests::default();
    manifests.add("page.yaml", WEIGHTED, &Limits::default());
    let secret = manifests
        .objects
        .iter()
        .find(|object| object.value["kind"] == "Secret");
    let text = secret.unwrap().value["data"]["tls.crt"].as_str().unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text);
    String::from_utf8(bytes.unwrap()).unwrap()
}

#[tokio::test]
async fn the_weighted_services_share_exactly_over_tls_in_both_versions_of_http() {
    let (one, two, three) = (
        Backend::start("svc1").await,
        Backend::start("svc2").await,
        Backend::start("svc3").await,
    );
    let stage = Scene::new(WEIGHTED)
        .backend("apps/svc1", &one)
        .backend("apps/svc2", &two)
        .backend("apps/svc3", &three)
        .open()
        .await;
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.crt");
    fs::write(&authority, certificate()).unwrap();
    let port = stage.websecure.port();
    let url = format!("https://example.com:{port}/foo");
    let resolve = format!("example.com:{port}:127.0.0.1");
    let mut counts = [0; 3];
    for number in 0..12 {
        let version = if number % 2 == 0 { "--http2" } else { "--http1.1" };
        let authority = authority.to_str().unwrap();
        let answer = curl([version, "--resolve", &resolve, "--cacert", authority, &url]).await;
        assert_eq!(
            (answer.status, &answer.version[..1]),
            (200, ["2", "1"][number % 2]),
            "{answer:?}"
        );
        counts[["svc1", "svc2", "svc3"]
            .iter()
            .position(|name| *name == answer.body)
            .unwrap()] += 1;
    }
    // svc1 itself and as the main of mirror1; svc2 and svc3 share a third
    assert_eq!(counts, [8, 2, 2]);
    // without TLS the routes are not there
    assert_eq!(stage.get("/foo").await.status, 404);
}

#[tokio::test]
async fn the_cookies_of_the_page_lead_through_both_levels() {
    let (a, b, c) = (
        Backend::start("whoami1-a").await,
        Backend::start("whoami1-b").await,
        Backend::start("whoami2").await,
    );
    let stage = Scene::new(STICKY)
        .backend("apps/whoami1", &a)
        .backend("apps/whoami1", &b)
        .backend("apps/whoami2", &c)
        .open()
        .await;
    // the plain names of the page's curl, in the namespace of its manifests
    for (backend, name) in [(&a, "whoami1-a"), (&b, "whoami1-b")] {
        let cookies = format!("lvl1=apps-whoami1-80; lvl2=http://{}", backend.address);
        let answer = stage.curl("/foo", &["-b", &cookies]).await;
        assert_eq!(answer.body, name);
        let set = answer.cookies();
        assert_eq!(set.len(), 2, "{answer:?}");
        // what was set leads there again, and is not set again
        let again = stage.curl("/foo", &["-b", &set.join("; ")]).await;
        assert_eq!((again.body.as_str(), again.cookies()), (name, vec![]));
    }
    // the page's own line names a service of another namespace: a free choice
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let answer = stage
            .curl(
                "/foo",
                &["-b", "lvl1=default-whoami1-80; lvl2=http://10.42.0.6:80"],
            )
            .await;
        assert_eq!(answer.cookies().len(), 2, "{answer:?}");
        seen.insert(answer.body);
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[tokio::test]
async fn a_mirrored_service_gets_all_requests_and_its_mirrors_their_parts() {
    let (one, two) = (Backend::start("svc1").await, Backend::start("svc2").await);
    let stage = Scene::new(MIRROR)
        .backend("default/svc1", &one)
        .backend("default/svc2", &two)
        .open()
        .await;
    for _ in 0..20 {
        assert_eq!(stage.get("/foo").await.body, "svc1");
    }
    // 20 % to svc2, 15 % to the TraefikService svc3, which leads to svc2
    until("the copies to arrive", async || two.seen().len() == 7).await;
    assert_eq!(one.seen().len(), 20);
}

#[tokio::test]
async fn a_weighted_service_can_be_mirrored() {
    let (one, two) = (Backend::start("svc1").await, Backend::start("svc2").await);
    let stage = Scene::new(MIRROR_OF_WEIGHTED)
        .backend("default/svc1", &one)
        .backend("default/svc2", &two)
        .open()
        .await;
    let mut answers = [0; 2];
    for _ in 0..20 {
        answers[usize::from(stage.get("/foo").await.body == "svc2")] += 1;
    }
    assert_eq!(answers, [15, 5]);
    until("the copies to arrive", async || two.seen().len() == 5 + 4 + 2).await;
    assert_eq!(one.seen().len(), 15);
}
