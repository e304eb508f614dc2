//! Operators that end, by themselves or not, and their successors.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use weir_e2e::cluster::{
    Cluster,
    audit::Write,
    namespace::condition_of,
    resource::{CONFIG_MAP, TRAEFIK_SERVICE},
    user::{Rule, User},
    wait::eventually,
};

use super::{
    rights::{FOLLOW, LEAD, OWN, READ, STORE, TELL, TOUCH},
    scene::{Scene, all_good, needless, no_doubles, shares, shares_of},
};

/// For what has no limit of its own.
const LIMIT: Duration = Duration::from_secs(20);
/// Until a killed leader has a successor.
const KILLED: Duration = Duration::from_secs(15);
/// Until one that was told to end has.
const ENDED: Duration = Duration::from_secs(5);

/// What is edited while none runs is served by its successor, which says nothing twice and writes nothing in vain.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_killed_operator_is_not_missed_and_its_successor_goes_on() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let mut scene = Scene::start(&namespace).await.unwrap();
    let mut load = scene.load().await.unwrap();
    let percent = |text: String| text.replace("percent: 20", "percent: 150");
    namespace.apply_example("mirroring.yaml", percent).await.unwrap();
    let refused = namespace.await_condition(TRAEFIK_SERVICE, "mirror1", "Accepted", "False", LIMIT);
    refused.await.unwrap();
    let told = scene.events().await.unwrap();
    no_doubles(&told);

    scene.operator.process.kill().unwrap();
    let (play, answers) = load.send_during("killed", scene.set_weight(4)).await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(
        shares(&mut load).await,
        shares_of(1),
        "nobody has published anything"
    );

    let next = User::administrator(&namespace, "next").await.unwrap();
    let (play, answers) = load.send_during("next", succeed(&mut scene, &next)).await;
    play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, shares_of(4));
    let mut events = scene.events().await.unwrap();
    no_doubles(&events);
    events.retain(|event| !told.contains(event));
    let programmed = "wrr1: Programmed: ";
    assert!(
        events.len() == 1 && events[0].starts_with(programmed),
        "{events:?} are new"
    );

    // the third finds everything done, but for one edit
    scene.operator.process.kill().unwrap();
    let third = User::administrator(&namespace, "third").await.unwrap();
    let audit = cluster.audit().unwrap();
    let mark = audit.mark().await.unwrap();
    let (play, answers) = load.send_during("third", succeed(&mut scene, &third)).await;
    play.unwrap();
    let start = Instant::now();
    scene.set_weight(10).await.unwrap();
    scene.await_ready(LIMIT).await.unwrap();
    let took = start.elapsed();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, shares_of(10));
    no_doubles(&scene.events().await.unwrap());
    let writes = audit.of(&third.name, &mark).await.unwrap();
    assert_eq!(needless(&writes, took), Vec::<&Write>::new(), "{writes:#?}");
}

/// Starts an operator in place of the one that was killed.
async fn succeed(scene: &mut Scene<'_>, user: &User<'_>) -> Result<()> {
    scene.operator = scene.release.operator_of(user).await?;
    let waited = scene.operator.await_leading(KILLED).await?;
    println!("{} leads {waited:?} after its start", user.account);
    scene.await_ready(LIMIT).await
}

/// Under load, and what is edited meanwhile is served.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_follower_takes_over_in_time() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let mut scene = Scene::start(&namespace).await.unwrap();
    let mut load = scene.load().await.unwrap();
    for (name, kill, limit, weight) in [("second", false, ENDED, 4), ("third", true, KILLED, 10)] {
        let mut follower = scene.release.operator(name).await.unwrap();
        let end = async {
            let start = Instant::now();
            if kill {
                scene.operator.process.kill()?;
            } else {
                scene.operator.process.terminate(limit).await?;
            }
            scene.set_weight(weight).await?;
            follower
                .await_leading(limit.saturating_sub(start.elapsed()))
                .await?;
            let how = if kill { "killed" } else { "told to end" };
            println!(
                "{name} leads {:?} after the one before was {how}",
                start.elapsed()
            );
            scene.await_ready(LIMIT).await
        };
        let (play, answers) = load.send_during(name, end).await;
        play.unwrap();
        all_good(&answers);
        assert_eq!(shares(&mut load).await, shares_of(weight));
        no_doubles(&scene.events().await.unwrap());
        scene.operator = follower;
    }
}

/// Three leaders in a row carry one edit through: the first may only publish, the second anything but write statuses.
/// So each of them ends at a point that no signal would hit.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_leader_killed_between_publishing_and_status_is_taken_over_from() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let mut scene = Scene::start(&namespace).await.unwrap();
    let mut load = scene.load().await.unwrap();
    let mut second = User::new(&namespace, "second").await.unwrap();
    second
        .allow(&[rights().as_slice(), &[TOUCH, TELL]].concat())
        .await
        .unwrap();
    let third = User::administrator(&namespace, "third").await.unwrap();
    let before = scene.events().await.unwrap();

    let play = async {
        let mut follower = scene.release.operator_of(&second).await?;
        scene.user.allow(&rights()).await?;
        let published = scene.release.published().await?;
        let edit = |text: String| text.replacen("name: svc1\n", "name: svc9\n", 1);
        namespace.apply_example("weighted.yaml", edit).await?;
        eventually("it is published", LIMIT, async || {
            ensure!(scene.release.published().await? != published, "it is not");
            Ok(())
        })
        .await?;
        scene.operator.process.kill()?;
        ensure!(scene.events().await? == before, "the first has told something");
        let versions = published_versions(&scene).await?;
        let mark = cluster.audit()?.mark().await?;

        follower.await_leading(KILLED).await?;
        scene.operator = scene.release.operator_of(&third).await?;
        scene.await_loaded(LIMIT).await?;
        let told = eventually("it is told", LIMIT, async || {
            let events = scene.events().await?;
            ensure!(
                events
                    .iter()
                    .any(|event| event.starts_with("wrr1: BackendNotFound: ")),
                "{events:?}"
            );
            Ok(events)
        });
        let told = told.await?;
        follower.process.kill()?;
        let wrr1 = namespace.get(TRAEFIK_SERVICE, "wrr1").await?;
        let accepted = condition_of(&wrr1, "Accepted");
        ensure!(
            accepted["observedGeneration"] == 1,
            "the second has reported {accepted}"
        );

        scene.operator.await_leading(KILLED).await?;
        let resolved = namespace.await_condition(TRAEFIK_SERVICE, "wrr1", "ResolvedRefs", "False", LIMIT);
        ensure!(resolved.await?["reason"] == "BackendNotFound");
        namespace
            .await_condition(TRAEFIK_SERVICE, "wrr1", "Programmed", "True", LIMIT)
            .await?;
        let now = published_versions(&scene).await?;
        ensure!(versions == now, "{versions:?} were published, and then {now:?}");
        Ok((told, mark))
    };
    let (play, answers) = load.send_during("killed", play).await;
    let (mut told, mark) = play.unwrap();
    all_good(&answers);
    assert_eq!(shares(&mut load).await, [600, 300, 300]);

    // the third tells the same, which is refused, and what became of it since
    let events = scene.events().await.unwrap();
    no_doubles(&events);
    told.extend(
        events
            .iter()
            .filter(|event| event.starts_with("wrr1: Programmed: "))
            .cloned(),
    );
    told.sort();
    told.dedup();
    assert_eq!(events, told);
    let writes = cluster.audit().unwrap().since(&mark).await.unwrap();
    let stored = |write: &&Write| {
        let ours = [&second.name, &third.name].contains(&&write.user);
        ours && ["configmaps", "secrets"].contains(&write.resource.as_str())
    };
    assert_eq!(
        writes.iter().filter(stored).collect::<Vec<_>>(),
        Vec::<&Write>::new()
    );
}

/// To take part and to publish, and no more.
fn rights() -> Vec<Rule> {
    [READ.as_slice(), &STORE, &[OWN, LEAD, FOLLOW]].concat()
}

async fn published_versions(scene: &Scene<'_>) -> Result<Vec<String>> {
    let mut versions = Vec::new();
    for name in ["weir-config", "weir-endpoints"] {
        let object = scene.release.namespace.get(CONFIG_MAP, name).await?;
        versions.push(object["metadata"]["resourceVersion"].to_string());
    }
    Ok(versions)
}
