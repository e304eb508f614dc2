//! A proxy that refuses what it finds.

use serde_json::json;
use weir_e2e::cluster::{
    Cluster,
    app::App,
    projection::{Source, SourceKind},
    release::{Release, target},
    resource::{CONFIG_MAP, EVENT, INGRESS_ROUTE, TRAEFIK_SERVICE},
    wait::eventually,
};
use weir_e2e::load::Load;
use weir_model::document::{Endpoints, text};

use super::scene::{PAUSE, all_good};
use crate::{
    shape::{route, traefik_service, weighted},
    told::{LIMIT, READY, await_told, told},
};

/// As when a newer version writes and an older one is left behind: a document of a schema that it cannot know.
#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn a_proxy_that_refuses_the_config_is_named_with_its_reason_and_the_others_serve_it() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    let _apps = [
        App::start(&namespace, "svc1").await.unwrap(),
        App::start(&namespace, "svc2").await.unwrap(),
    ];
    namespace
        .create(TRAEFIK_SERVICE, "wrr", weighted(&[("svc1", 1)]))
        .await
        .unwrap();
    let web = route("example.com", &traefik_service("wrr"));
    namespace.create(INGRESS_ROUTE, "web", web).await.unwrap();
    let mut release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    let good = release.proxy().await.unwrap();
    release.proxies.sources.push(Source {
        kind: SourceKind::ConfigMap,
        name: "newer".to_owned(),
        optional: true,
    });
    let refusing = release.proxy().await.unwrap();
    let both = [told("Programmed", "True", "Programmed", "proxies run revision 1")];
    await_told(&namespace, TRAEFIK_SERVICE, "wrr", &both)
        .await
        .unwrap();

    let newer = Endpoints {
        schema: 99,
        ..Endpoints::default()
    };
    let (newer, _) = text::write(&newer).unwrap();
    let newer = json!({"data": {"endpoints-9.json": newer}});
    namespace.create(CONFIG_MAP, "newer", newer).await.unwrap();
    let mut loads = Vec::new();
    for proxy in [&good, &refusing] {
        let mut load = Load::connect(proxy.web, target("example.com"), 2).await.unwrap();
        load.set_pause(PAUSE);
        loads.push(load);
    }
    let [on_good, on_refusing] = &mut loads[..] else {
        unreachable!()
    };

    let edit = async {
        let edit = weighted(&[("svc2", 1)]);
        namespace.patch(TRAEFIK_SERVICE, "wrr", &edit).await.unwrap();
        let refused = format!(
            "proxy {} refuses the config: endpoints-9: schema 99 is not one that this version reads",
            refusing.name
        );
        let refused = [
            told("Accepted", "True", "Accepted", ""),
            told("Programmed", "False", "ProxyRejected", &refused),
        ];
        await_told(&namespace, TRAEFIK_SERVICE, "wrr", &refused)
            .await
            .unwrap();
    };
    let on_both = on_refusing.send_during("refused", Box::pin(on_good.send_during("refused", edit)));
    let (((), good_answers), refusing_answers) = on_both.await;
    all_good(&good_answers);
    all_good(&refusing_answers);
    // one of them serves what is written, the other one what it had
    assert_eq!(on_good.send("shares", 10).await.by_backend["svc2"], 10);
    assert_eq!(on_refusing.send("shares", 10).await.by_backend["svc1"], 10);
    let proxies = operator.counts("weir_proxies").await.unwrap();
    let expected = [("ready", 2), ("rejecting", 1), ("starting", 0)];
    let expected = expected.map(|(state, count)| (format!("{{state=\"{state}\"}}"), count));
    assert_eq!(proxies, expected.into());
    // two that served the first revision, and one that serves the second
    let agreed = operator
        .counts("weir_proxy_acknowledgements_total")
        .await
        .unwrap();
    assert_eq!(agreed[""], 3);
    let touched = operator.counts("weir_proxy_notifications_total").await.unwrap();
    assert!(
        touched["{attempt=\"first\"}"] > 1 && touched["{attempt=\"repeated\"}"] > 0,
        "{touched:?}"
    );
    let events = namespace.list(EVENT).await.unwrap();
    let told_of = events.iter().filter(|event| event["reason"] == "ProxyRejected");
    let told_of: Vec<_> = told_of
        .map(|event| event["note"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(told_of.len(), 1, "{events:#?}");
    assert!(
        told_of[0].starts_with("proxy proxy-1 refuses the config: "),
        "{told_of:?}"
    );

    // whoever put it there takes it away, and needs to do nothing else
    namespace.delete(CONFIG_MAP, "newer").await.unwrap();
    let (_, answers) = on_refusing
        .send_during("mended", await_told(&namespace, TRAEFIK_SERVICE, "wrr", &[READY]))
        .await;
    all_good(&answers);
    assert_eq!(on_refusing.send("shares", 10).await.by_backend["svc2"], 10);
    eventually("nobody refuses", LIMIT, async || {
        let rejecting = operator.metric("weir_proxies{state=\"rejecting\"}").await?;
        anyhow::ensure!(rejecting == Some(0.0), "{rejecting:?}");
        Ok(())
    })
    .await
    .unwrap();
}
