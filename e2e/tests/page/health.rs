//! What `healthCheck` says, at each place where a reference can stand.

use super::{
    backend::Backend,
    places::{Place, plain_service},
    stage::{Scene, Stage, until},
};

/// All options but the page's defaults; the rest of `{}`.
const OPTIONS: &str = "path: '/health?deep=1', scheme: http, mode: http, interval: 20ms, unhealthyInterval: 10ms, timeout: 2s, \
                       method: POST, status: 204, hostname: probe.example, followRedirect: false, headers: {X-Probe: '7'}";

async fn stage(place: Place, check: &str, backend: &Backend, main: &Backend) -> Stage {
    let reference = format!("name: svc1, port: 80, healthCheck: {{{check}}}");
    let straight = Place::Route
        .manifests(&reference)
        .replace("name: web", "name: straight")
        .replace("Host(`example.com`)", "Path(`/straight`) && Host(`example.com`)");
    let manifests = place.manifests(&reference) + &straight + &plain_service("svc1");
    let scene = Scene::new(&manifests).backend("apps/svc1", backend);
    scene.backend("apps/main", main).open().await
}

#[tokio::test]
async fn a_probe_is_made_as_it_is_written_and_its_status_decides_about_traffic() {
    let main = Backend::start("main").await;
    for place in Place::ALL {
        let backend = Backend::start("svc1").await;
        backend.set_health(204);
        let stage = stage(place, OPTIONS, &backend, &main).await;
        until("a probe", async || !backend.seen_at("/health").is_empty()).await;
        let probe = backend.seen_at("/health").remove(0);
        assert_eq!(
            (probe.method.as_str(), probe.target.as_str()),
            ("POST", "/health?deep=1"),
            "{place:?}"
        );
        assert_eq!(
            (probe.header("host"), probe.header("x-probe")),
            ("probe.example", "7"),
            "{place:?}"
        );

        let while_down = if place == Place::Mirror { 200 } else { 503 };
        until("it to be up", async || is_served(&stage).await).await;
        assert_eq!(stage.get("/first").await.status, 200, "{place:?}");
        until("a request", async || backend.seen_at("/first").len() == 1).await;

        // any other status than the one that is named
        backend.set_health(200);
        until("it to be down", async || !is_served(&stage).await).await;
        assert_eq!(stage.get("/while-down").await.status, while_down, "{place:?}");

        backend.set_health(204);
        until("it to be up again", async || is_served(&stage).await).await;
        assert_eq!(stage.get("/last").await.status, 200, "{place:?}");
        until("a request", async || backend.seen_at("/last").len() == 1).await;
        assert_eq!(backend.seen_at("/while-down").len(), 0, "{place:?}");
    }
}

/// Whether the endpoint answers clients who come straight to it; all trees are built at once.
async fn is_served(stage: &Stage) -> bool {
    stage.get("/straight").await.status == 200
}

/// Whether the only endpoint that is probed is up.
async fn backend_is_up(stage: &Stage) -> bool {
    let metrics = stage.metrics().await;
    let line = metrics.lines().find(|line| line.contains("service_server_up{"));
    line.is_some_and(|line| line.ends_with(" 1"))
}

#[tokio::test]
async fn without_a_status_any_from_200_to_399_is_healthy_and_the_probe_is_a_get() {
    let main = Backend::start("main").await;
    let backend = Backend::start("svc1").await;
    let stage = stage(
        Place::Weighted,
        "path: /health, interval: 20ms, followRedirects: false",
        &backend,
        &main,
    )
    .await;
    for (status, up) in [
        (200, true),
        (399, true),
        (400, false),
        (302, true),
        (503, false),
        (199 + 1, true),
    ] {
        backend.set_health(status);
        until(&status.to_string(), async || backend_is_up(&stage).await == up).await;
    }
    assert!(
        backend
            .seen_at("/health")
            .iter()
            .all(|probe| probe.method == "GET")
    );
    // without a hostname it is the endpoint's own address
    assert_eq!(
        backend.seen_at("/health")[0].header("host"),
        backend.address.to_string()
    );
}

#[tokio::test]
async fn a_probe_goes_to_another_port_where_one_is_named() {
    let main = Backend::start("main").await;
    for place in Place::ALL {
        let (backend, prober) = (Backend::start("svc1").await, Backend::start("prober").await);
        let check = format!("path: /health, interval: 20ms, port: {}", prober.address.port());
        let stage = stage(place, &check, &backend, &main).await;
        until("a probe", async || !prober.seen_at("/health").is_empty()).await;
        prober.set_health(500);
        until("it to be down", async || !backend_is_up(&stage).await).await;
        assert_eq!(
            (backend.seen_at("/health").len(), prober.seen_at("/").len()),
            (0, prober.seen().len())
        );
    }
}

/// 100ms are the page's default.
#[tokio::test]
async fn without_an_interval_probes_come_every_tenth_of_a_second() {
    let main = Backend::start("main").await;
    let backend = Backend::start("svc1").await;
    let start = std::time::Instant::now();
    let _stage = stage(Place::Route, "path: /health", &backend, &main).await;
    until("some probes", async || backend.seen_at("/health").len() >= 11).await;
    let took = start.elapsed();
    assert!(took > std::time::Duration::from_millis(700), "{took:?}");
}
