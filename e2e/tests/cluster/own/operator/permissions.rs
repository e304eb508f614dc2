//! An operator that may not do all that it has to.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use weir_e2e::cluster::{
    Cluster,
    namespace::{Namespace, condition_of},
    operator::OperatorProcess,
    release::Release,
    resource::{SECRET, SERVERS_TRANSPORT, TRAEFIK_SERVICE},
    user::{Rule, User},
    wait::eventually,
};

use super::{
    rights::{FOLLOW, LEAD, OWN, READ, REPORT, STORE, TELL, TOUCH},
    scene::{SERVICES, Scene, all_good, apply_examples, shares, shares_of},
};

/// For what is tried again every five seconds at least.
const LIMIT: Duration = Duration::from_secs(20);

/// A right that an operator asks for: the verb (or one of several) and the resource, or a part of its name.
type Said = (&'static str, &'static str);

/// What is granted, and what the operator then says that it lacks.
struct Step {
    granted: &'static [Rule],
    in_ready: &'static [Said],
    in_log: &'static [Said],
}

const STEPS: [Step; 7] = [
    Step {
        granted: &[],
        in_ready: &[
            ("get", "configmaps"),
            ("list", "configmaps"),
            ("list", "secrets"),
            ("list", "services"),
            ("list", "endpointslices"),
            ("list", "ingressroutes"),
            ("list", "serverstransports"),
            ("list", "traefikservices"),
        ],
        in_log: &[("get", "configmaps"), ("list", "traefikservices")],
    },
    Step {
        granted: &LIST,
        in_ready: &[
            ("create", "configmaps"),
            ("watch", "services"),
            ("watch", "traefikservices"),
        ],
        in_log: &[("create", "configmaps"), ("watch", "traefikservices")],
    },
    Step {
        granted: &[OWN],
        in_ready: &[],
        in_log: &[("get", "leases"), ("list", "pods"), ("watch", "configmaps")],
    },
    Step {
        granted: &READ,
        in_ready: &[],
        in_log: &[],
    },
    Step {
        granted: &[
            rule("coordination.k8s.io", "leases", &["get", "create"]),
            rule("", "pods", &["list"]),
        ],
        in_ready: &[],
        in_log: &[("update", "leases"), ("watch", "pods")],
    },
    Step {
        granted: &[LEAD, FOLLOW, STORE[0]],
        in_ready: &[],
        in_log: &[("create|patch", "secrets")],
    },
    Step {
        granted: &[STORE[1]],
        in_ready: &[],
        in_log: &[("create", "events"), ("update", "/status")],
    },
];

/// To see all that is configured, but not how it changes.
const LIST: [Rule; 7] = [
    rule("", "configmaps", &["get", "list"]),
    rule("", "secrets", &["list"]),
    rule("", "services", &["list"]),
    rule("discovery.k8s.io", "endpointslices", &["list"]),
    rule("traefik.io", "ingressroutes", &["list"]),
    rule("traefik.io", "serverstransports", &["list"]),
    rule("traefik.io", "traefikservices", &["list"]),
];

const fn rule(group: &'static str, resource: &'static str, verbs: &'static [&'static str]) -> Rule {
    Rule {
        group,
        resource,
        verbs,
    }
}

/// From nothing to everything, without a restart.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn an_operator_names_the_rights_that_it_lacks_and_goes_on_as_it_gets_them() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let _apps = apply_examples(&namespace).await.unwrap();
    let mut user = User::new(&namespace, "beginner").await.unwrap();
    let mut release = Release::new(&namespace).unwrap();
    let operator = release.start_operator_of(&user).unwrap();
    let mut rules = Vec::new();
    for step in &STEPS {
        rules.extend_from_slice(step.granted);
        user.allow(&rules).await.unwrap();
        for said in step.in_ready {
            says(&operator, Place::Ready, *said).await.unwrap();
        }
        for said in step.in_log {
            says(&operator, Place::Log, *said).await.unwrap();
        }
    }
    rules.extend_from_slice(&REPORT);
    rules.extend_from_slice(&[TELL, TOUCH]);
    user.allow(&rules).await.unwrap();
    let _proxy = release.proxy().await.unwrap();
    for name in SERVICES {
        release.await_programmed(name).await.unwrap();
    }
    eventually("nothing is missing", LIMIT, async || {
        let ready = operator.page("/readyz").await?.1;
        ensure!(!ready.contains("not up to date"), "{ready}");
        Ok(())
    })
    .await
    .unwrap();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Ready,
    Log,
}

/// Waits until it says that this right is missing.
async fn says(operator: &OperatorProcess, place: Place, (verbs, resource): Said) -> Result<()> {
    let what = format!("{place:?} says that `{verbs} {resource}` is missing");
    let verbs: Vec<_> = verbs.split('|').collect();
    eventually(&what, LIMIT, async || {
        let text = match place {
            Place::Ready => operator.page("/readyz").await?.1,
            Place::Log => operator.process.log(),
        };
        let lacks = |line: &str| {
            verbs.iter().any(|verb| {
                line.contains(&format!("verb \"{verb}\" on "))
                    || line.contains(&format!("cannot {verb} resource "))
            })
        };
        let said = text
            .lines()
            .any(|line| line.contains("permission is missing") && line.contains(resource) && lacks(line));
        ensure!(said, "{text}");
        Ok(())
    })
    .await
}

/// What only some need is missed by these alone, and said.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_missing_right_hinders_only_what_needs_it() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let mut scene = Scene::start(&namespace).await.unwrap();
    let mut load = scene.load().await.unwrap();
    let (play, answers) = load
        .send_during("patch-pods", without_patch_pods(&mut scene))
        .await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, shares_of(4));
    let (play, answers) = load
        .send_during("update-status", without_update_status(&mut scene))
        .await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, shares_of(10));
    let (play, answers) = load
        .send_during("get-secrets", without_get_secrets(&mut scene))
        .await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, shares_of(2));
}

fn all_but(lacking: &[Rule]) -> Vec<Rule> {
    let all = [
        READ.as_slice(),
        &STORE,
        &REPORT,
        &[OWN, LEAD, FOLLOW, TOUCH, TELL],
    ]
    .concat();
    all.into_iter().filter(|rule| !lacking.contains(rule)).collect()
}

/// What is published arrives late, and everybody knows why.
async fn without_patch_pods(scene: &mut Scene<'_>) -> Result<()> {
    scene.user.allow(&all_but(&[TOUCH])).await?;
    scene.set_weight(4).await?;
    says(&scene.operator, Place::Log, ("patch", "pods")).await?;
    let waiting = "WaitingForProxies";
    await_reason(
        scene.release.namespace,
        "Programmed",
        waiting,
        "waiting for proxy-0",
    )
    .await?;
    scene.user.allow(&all_but(&[])).await?;
    scene.await_ready(LIMIT).await
}

async fn without_update_status(scene: &mut Scene<'_>) -> Result<()> {
    scene.user.allow(&all_but(&REPORT)).await?;
    scene.set_weight(10).await?;
    scene.await_loaded(LIMIT).await?;
    says(&scene.operator, Place::Log, ("update", "traefikservices/status")).await?;
    scene.user.allow(&all_but(&[])).await?;
    scene.await_ready(LIMIT).await
}

async fn without_get_secrets(scene: &mut Scene<'_>) -> Result<()> {
    let namespace = scene.release.namespace;
    let get = READ[3];
    ensure!(get.resource == "secrets" && get.verbs == ["get"]);
    scene.user.allow(&all_but(&[get])).await?;
    let data = json!({"stringData": {"ca.crt": "not read"}});
    namespace.create(SECRET, "authorities", data).await?;
    let spec = json!({"spec": {"rootCAsSecrets": ["authorities"]}});
    namespace.create(SERVERS_TRANSPORT, "private", spec).await?;
    let services = json!([{"name": "svc1", "port": 80, "serversTransport": "private"}]);
    let spec = json!({"spec": {"weighted": {"services": services}}});
    namespace.create(TRAEFIK_SERVICE, "private", spec).await?;
    scene.set_weight(2).await?;
    scene.await_ready(LIMIT).await?;
    says(&scene.operator, Place::Log, ("get", "secrets")).await?;
    let object = namespace.await_object(SERVERS_TRANSPORT, "private", LIMIT, |object| {
        let resolved = condition_of(object, "ResolvedRefs");
        let message = resolved["message"].as_str().unwrap_or_default();
        ensure!(
            message.contains("authorities cannot be read"),
            "{}",
            object["status"]
        );
        Ok(())
    });
    object.await?;
    scene.user.allow(&all_but(&[])).await?;
    // it is read now, and is none
    let object = namespace.await_object(SERVERS_TRANSPORT, "private", LIMIT, |object| {
        let resolved = condition_of(object, "ResolvedRefs");
        let message = resolved["message"].as_str().unwrap_or_default();
        ensure!(message.contains("no certificate"), "{}", object["status"]);
        Ok(())
    });
    object.await.map(drop)
}

async fn await_reason(namespace: &Namespace<'_>, condition: &str, reason: &str, message: &str) -> Result<()> {
    let object = namespace.await_object(TRAEFIK_SERVICE, "wrr1", LIMIT, |object| {
        let found = condition_of(object, condition);
        let said = found["message"].as_str().unwrap_or_default();
        ensure!(found["reason"] == reason && said.contains(message), "{found}");
        Ok(())
    });
    object.await.map(drop)
}
