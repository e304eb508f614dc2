//! The options of `mirroring`.

use super::{
    backend::Backend,
    places::plain_service,
    stage::{Scene, Stage, until},
};

async fn stage(options: &str, main: &Backend, mirror: &Backend) -> Stage {
    let manifests = format!(
        "\
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {{name: web, namespace: apps}}
spec:
  entryPoints: [web]
  routes: [{{match: Host(`example.com`), services: [{{name: mirrored, kind: TraefikService}}]}}]
---
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {{name: mirrored, namespace: apps}}
spec: {{mirroring: {{name: main, port: 80, {options}}}}}
---
"
    ) + &plain_service("main")
        + &plain_service("svc2");
    let scene = Scene::new(&manifests).backend("apps/main", main);
    scene.backend("apps/svc2", mirror).open().await
}

#[tokio::test]
async fn a_percent_is_the_part_that_is_copied_and_none_is_nothing() {
    let main = Backend::start("main").await;
    for (percent, copies) in [
        ("percent: 30", 6),
        ("percent: 0", 0),
        ("percent: 100", 20),
        ("weight: 1", 0),
    ] {
        let mirror = Backend::start("svc2").await;
        let options =
            format!("mirrors: [{{name: svc2, port: 80, {percent}}}, {{name: svc2, port: 80, percent: 5}}]");
        let stage = stage(&options, &main, &mirror).await;
        for _ in 0..20 {
            assert_eq!(stage.get("/").await.body, "main");
        }
        // the second mirror's one copy shows that copies arrive
        until(percent, async || mirror.seen().len() == copies + 1).await;
    }
}

#[tokio::test]
async fn a_body_is_copied_up_to_a_size_and_not_at_all_where_it_is_not_wanted() {
    let main = Backend::start("main").await;
    let mirror = Backend::start("svc2").await;
    let mirrors = "mirrors: [{name: svc2, port: 80, percent: 100}]";
    let post = async |stage: &Stage, body: &str| {
        let answer = stage.curl("/", &["-d", body]).await;
        assert_eq!(answer.body, "main");
        assert_eq!(main.seen().pop().unwrap().body, body);
    };
    let copied = async |count: usize| {
        until("the copy to arrive", async || mirror.seen().len() == count).await;
        mirror.seen().pop().unwrap()
    };

    let limited = stage(&format!("maxBodySize: 4, {mirrors}"), &main, &mirror).await;
    post(&limited, "12345").await;
    post(&limited, "1234").await;
    assert_eq!(copied(1).await.body, "1234");

    let none = stage(&format!("maxBodySize: 0, {mirrors}"), &main, &mirror).await;
    post(&none, "1").await;
    none.get("/empty").await;
    assert_eq!(copied(2).await.target, "/empty");

    let unlimited = stage(&format!("maxBodySize: -1, {mirrors}"), &main, &mirror).await;
    post(&unlimited, &"x".repeat(100_000)).await;
    assert_eq!(copied(3).await.body.len(), 100_000);

    let headless = stage(&format!("mirrorBody: false, {mirrors}"), &main, &mirror).await;
    post(&headless, "12345").await;
    let copy = copied(4).await;
    assert_eq!((copy.method.as_str(), copy.body.len()), ("POST", 0));
    assert_eq!(copy.header("content-length"), "");
    assert_eq!(copy.header("transfer-encoding"), "");
}
