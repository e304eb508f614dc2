//! Where nothing happens, nothing is written.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::time::sleep;
use weir_e2e::cluster::{
    Cluster,
    audit::Write,
    resource::{INGRESS_ROUTE, TRAEFIK_SERVICE},
    user::User,
};

use super::scene::{SERVICES, Scene};

/// For what was changed to be served and reported.
const LIMIT: Duration = Duration::from_secs(20);
/// Edits in a row.
const BURST: usize = 50;

/// With two replicas, in a minute after start, and after a burst of edits.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn in_an_idle_minute_only_the_lease_is_renewed() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let scene = Scene::start(&namespace).await.unwrap();
    let second = User::administrator(&namespace, "second").await.unwrap();
    let _follower = scene.release.operator_of(&second).await.unwrap();
    settled(&scene).await.unwrap();
    for number in 0..BURST {
        let (name, weight) = (SERVICES[number % 2], number % 7);
        let change = json!({"spec": {"weighted": {"services": [
            {"name": "svc1", "port": 80, "weight": weight}, {"name": "svc2", "port": 80},
        ]}}});
        namespace.patch(TRAEFIK_SERVICE, name, &change).await.unwrap();
    }
    settled(&scene).await.unwrap();

    let audit = cluster.audit().unwrap();
    let mark = audit.mark().await.unwrap();
    sleep(Duration::from_mins(1)).await;
    let writes = audit.since(&mark).await.unwrap();

    let by =
        |user: &User<'_>| -> Vec<&Write> { writes.iter().filter(|write| write.user == user.name).collect() };
    for write in by(&scene.user) {
        assert_eq!(
            (write.resource.as_str(), write.verb.as_str()),
            ("leases", "update"),
            "{write}"
        );
    }
    let renewals = by(&scene.user).len();
    assert!((15..=25).contains(&renewals), "{renewals} renewals in a minute");
    assert_eq!(by(&second), Vec::<&Write>::new());
    println!("in an idle minute: {renewals} renewals of the Lease and no other write");
}

/// Everything is served as it is, and said to be.
async fn settled(scene: &Scene<'_>) -> Result<()> {
    let namespace = scene.release.namespace;
    let services = SERVICES.map(|name| (TRAEFIK_SERVICE, name));
    for (resource, name) in services.into_iter().chain([(INGRESS_ROUTE, "test-name")]) {
        let ready = namespace
            .await_condition(resource, name, "Ready", "True", LIMIT)
            .await?;
        ensure!(ready["reason"] == "Ready", "{ready}");
    }
    scene.await_loaded(LIMIT).await
}
