//! What a reference says about a Service, at each place where it can stand.

use hyper::Version;

use super::{
    backend::{Backend, Seen, Speaks},
    places::{Place, plain_service, service},
    stage::{Scene, Stage, until},
};

/// Serves manifests with a reference at a place, sends a request through it, and tells how it arrived at `backend`.
async fn one(place: Place, reference: &str, around: &str, backend: &Backend, port: &str) -> Seen {
    let before = backend.seen().len();
    let main = Backend::start("main").await;
    let manifests = place.manifests(reference) + around;
    let stage = Scene::new(&manifests)
        .backend_at("apps/svc1", port, backend)
        .backend("apps/main", &main)
        .open()
        .await;
    sent(&stage, place, backend, before).await
}

async fn sent(stage: &Stage, place: Place, backend: &Backend, before: usize) -> Seen {
    let answer = stage.get("/a?b=c").await;
    assert_eq!(answer.status, 200, "{place:?}: {answer:?}");
    until("the request to arrive", async || backend.seen().len() > before).await;
    let seen = backend.seen().pop().unwrap();
    assert_eq!(seen.target, "/a?b=c", "{place:?}");
    seen
}

#[tokio::test]
async fn a_port_is_found_by_number_and_by_name() {
    let backend = Backend::start("svc1").await;
    let around = service("svc1", "ports: [{name: http, port: 80}, {name: more, port: 81}]");
    for place in Place::ALL {
        for (reference, port) in [("port: 80", "http"), ("port: 81", "more"), ("port: more", "more")] {
            one(
                place,
                &format!("name: svc1, {reference}"),
                &around,
                &backend,
                port,
            )
            .await;
        }
    }
}

#[tokio::test]
async fn the_kind_tells_a_service_from_a_traefik_service_of_its_name() {
    let backend = Backend::start("svc1").await;
    let other = Backend::start("other").await;
    let around = plain_service("svc1")
        + &plain_service("other")
        + "\
apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {name: svc1, namespace: apps}
spec: {weighted: {services: [{name: other, port: 80}]}}
";
    for place in Place::ALL {
        one(
            place,
            "name: svc1, kind: Service, port: 80",
            &around,
            &backend,
            "http",
        )
        .await;
        let manifests = place.manifests("name: svc1, kind: TraefikService") + &around;
        let main = Backend::start("main").await;
        let scene = Scene::new(&manifests).backend("apps/other", &other);
        let stage = scene.backend("apps/main", &main).open().await;
        let before = other.seen().len();
        sent(&stage, place, &other, before).await;
    }
}

#[tokio::test]
async fn a_namespace_leads_elsewhere() {
    let backend = Backend::start("svc1").await;
    let around = plain_service("svc1").replace("namespace: apps", "namespace: elsewhere");
    for place in Place::ALL {
        let manifests = place.manifests("name: svc1, namespace: elsewhere, port: 80") + &around;
        let main = Backend::start("main").await;
        let scene = Scene::new(&manifests).backend("elsewhere/svc1", &backend);
        let stage = scene.backend("apps/main", &main).open().await;
        let before = backend.seen().len();
        sent(&stage, place, &backend, before).await;
    }
}

#[tokio::test]
async fn the_scheme_is_what_is_spoken() {
    let h2c = Backend::speaking(Speaks::H2c, "svc1").await;
    let http = Backend::start("svc1").await;
    for place in Place::ALL {
        let seen = one(
            place,
            "name: svc1, port: 80, scheme: h2c",
            &plain_service("svc1"),
            &h2c,
            "http",
        )
        .await;
        assert_eq!(seen.version, Version::HTTP_2, "{place:?}");
        // the port says https, the scheme does not
        let around = service("svc1", "ports: [{name: https, port: 443}]");
        let seen = one(
            place,
            "name: svc1, port: 443, scheme: http",
            &around,
            &http,
            "https",
        )
        .await;
        assert_eq!(seen.version, Version::HTTP_11, "{place:?}");
    }
}

/// With a ServersTransport that lets the certificate pass, which is unknown to everybody.
#[tokio::test]
async fn without_a_scheme_port_443_and_names_with_https_are_spoken_to_by_tls_as_the_transport_says() {
    let tls = Backend::speaking(Speaks::https(), "svc1").await;
    let transport = "\
apiVersion: traefik.io/v1alpha1
kind: ServersTransport
metadata: {name: lenient, namespace: apps}
spec: {insecureSkipVerify: true}
---
";
    for place in Place::ALL {
        for (port, name) in [(443, "web"), (8443, "more-https")] {
            let around = service("svc1", &format!("ports: [{{name: {name}, port: {port}}}]")) + transport;
            let reference = format!("name: svc1, port: {port}, serversTransport: lenient");
            one(place, &reference, &around, &tls, name).await;
        }
    }
    // without the transport it is not believed
    let manifests = Place::Route.manifests("name: svc1, port: 443")
        + &service("svc1", "ports: [{name: https, port: 443}]");
    let stage = Scene::new(&manifests)
        .backend_at("apps/svc1", "https", &tls)
        .open()
        .await;
    let count = tls.seen().len();
    let answer = stage.get("/").await;
    assert!(answer.status >= 500, "{answer:?}");
    assert_eq!(tls.seen().len(), count);
}

#[tokio::test]
async fn the_host_is_the_clients_unless_it_is_not_to_be_passed() {
    let backend = Backend::start("svc1").await;
    let own = backend.address.to_string();
    for place in Place::ALL {
        for (option, host) in [
            ("", "example.com"),
            (", passHostHeader: true", "example.com"),
            (", passHostHeader: false", own.as_str()),
        ] {
            let reference = format!("name: svc1, port: 80{option}");
            let seen = one(place, &reference, &plain_service("svc1"), &backend, "http").await;
            assert_eq!(seen.header("host"), host, "{place:?} {option}");
            assert_eq!(
                seen.header("x-forwarded-host"),
                "example.com",
                "{place:?} {option}"
            );
        }
    }
}

#[tokio::test]
async fn native_lb_goes_to_the_cluster_ip_and_node_port_lb_to_the_nodes() {
    let backend = Backend::start("svc1").await;
    let elsewhere = Backend::start("elsewhere").await;
    let port = backend.address.port();
    let cluster_ip = service(
        "svc1",
        &format!("clusterIP: 127.0.0.1, ports: [{{name: http, port: {port}}}]"),
    );
    let node_port = service(
        "svc1",
        &format!("type: NodePort, clusterIP: 10.96.0.1, ports: [{{name: http, port: 80, nodePort: {port}}}]"),
    ) + "\
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 127.0.0.1}, {type: ExternalIP, address: 192.0.2.1}]}
";
    for place in Place::ALL {
        let native = format!("name: svc1, port: {port}, nativeLB: true");
        for (reference, around) in [
            (native.as_str(), &cluster_ip),
            ("name: svc1, port: 80, nodePortLB: true", &node_port),
        ] {
            let main = Backend::start("main").await;
            let manifests = place.manifests(reference) + around;
            // its endpoints are not what is asked
            let scene = Scene::new(&manifests).backend("apps/svc1", &elsewhere);
            let stage = scene.backend("apps/main", &main).open().await;
            let before = backend.seen().len();
            sent(&stage, place, &backend, before).await;
        }
    }
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn endpoints_take_turns() {
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    for place in Place::ALL {
        let main = Backend::start("main").await;
        let manifests =
            place.manifests("name: svc1, port: 80, strategy: RoundRobin") + &plain_service("svc1");
        let stage = Scene::new(&manifests)
            .backend("apps/svc1", &a)
            .backend("apps/svc1", &b)
            .backend("apps/main", &main)
            .open()
            .await;
        let before = (a.seen().len(), b.seen().len());
        for _ in 0..6 {
            assert_eq!(stage.get("/").await.status, 200);
        }
        let took = async || (a.seen().len() - before.0, b.seen().len() - before.1) == (3, 3);
        until("both to have had three", took).await;
    }
}

#[tokio::test]
async fn weights_are_shares_of_a_route_and_of_weighted_services() {
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    let around = plain_service("svc1") + &plain_service("svc2");
    for place in [Place::Route, Place::Weighted] {
        let list = "name: svc1, port: 80, weight: 3}, {name: svc2, port: 80, weight: 1}, {name: svc2, port: 80, weight: 0";
        let manifests = place.manifests(list) + &around;
        let stage = Scene::new(&manifests)
            .backend("apps/svc1", &a)
            .backend("apps/svc2", &b)
            .open()
            .await;
        let mut answers = String::new();
        for _ in 0..8 {
            answers += &stage.get("/").await.body;
        }
        assert_eq!(answers.matches('b').count(), 2, "{place:?} {answers}");
        // interleaved: never two of the rarer one in a row
        assert!(!answers.contains("bb"), "{place:?} {answers}");
    }
}
