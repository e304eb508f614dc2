//! One broken object among many.

use serde_json::json;
use weir_e2e::cluster::{
    Cluster,
    release::Release,
    resource::{INGRESS_ROUTE, TRAEFIK_SERVICE},
    wait::eventually,
};

use crate::{
    shape::{route, service, silent_service, traefik_service, weighted},
    told::{LIMIT, NO_PROXIES, await_told, told},
};

const BROKEN: &str = "ts-17";

/// A value of another type than the field has, which the API server stores since it does not know this spelling.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn one_broken_object_among_a_hundred_is_explained_and_the_others_are_served() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    silent_service(&namespace, "svc1").await.unwrap();
    for number in 0..50 {
        let name = format!("ts-{number:02}");
        let mut spec = weighted(&[("svc1", number)]);
        if name == BROKEN {
            spec["spec"]["weighted"]["services"][0]["healthCheck"] =
                json!({"path": "/", "followRedirect": "yes"});
        }
        namespace.create(TRAEFIK_SERVICE, &name, spec).await.unwrap();
        let to = if number % 2 == 0 {
            traefik_service(&name)
        } else {
            service("svc1")
        };
        let name = format!("ir-{number:02}");
        let spec = route(&format!("{name}.example.com"), &to);
        namespace.create(INGRESS_ROUTE, &name, spec).await.unwrap();
    }
    let release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();

    let explained = [
        told(
            "Accepted",
            "False",
            "InvalidSpec",
            "spec.weighted.services[0].healthCheck.followRedirect: expected a boolean, found the string \"yes\"; \
             effect: it is not served",
        ),
        told(
            "Programmed",
            "False",
            "NotAccepted",
            "nothing of it is served: generation 1 is not accepted, and no earlier one was",
        ),
    ];
    await_told(&namespace, TRAEFIK_SERVICE, BROKEN, &explained)
        .await
        .unwrap();
    eventually("all others are as they should be", LIMIT, async || {
        for resource in [TRAEFIK_SERVICE, INGRESS_ROUTE] {
            let objects = namespace.list(resource).await?;
            let others = objects
                .iter()
                .filter(|object| object["metadata"]["name"] != BROKEN);
            others
                .map(|object| NO_PROXIES.check(object))
                .collect::<Result<Vec<()>, _>>()?;
        }
        Ok(())
    })
    .await
    .unwrap();

    let published = release.read_published().await.unwrap();
    assert_eq!(published.ingress_routes().len(), 50);
    let nodes = published.config.nodes.keys();
    let services = nodes.filter(|id| id.as_str().starts_with("ts/") && !id.as_str().contains('>'));
    assert_eq!(services.count(), 49);
    let findings = operator.counts("weir_findings").await.unwrap();
    let errors = findings
        .iter()
        .filter(|(labels, _)| labels.contains("severity=\"error\""));
    assert_eq!(errors.map(|(_, count)| count).sum::<u64>(), 1, "{findings:?}");
}
