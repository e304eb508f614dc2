//! Health checks: who is probed how, and who gets no requests.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use serde_json::Value;
use weir_model::duration::GoDuration;

use crate::support::{
    Backend, Client, Documents, Fixture, Received, answer, get,
    probes::{self, check},
    sticky_cookie, until,
};

/// A server whose probes are answered with a status that may change; to others it says its name.
struct Checked {
    backend: Backend,
    status: Arc<AtomicU16>,
}

impl Checked {
    async fn named(name: &'static str) -> Self {
        let status = Arc::new(AtomicU16::new(200));
        let answers = status.clone();
        let respond = move |request: &Received| {
            if request.target == "/health" {
                probes::status(answers.load(Ordering::Relaxed))
            } else {
                answer(name)
            }
        };
        Self {
            backend: Backend::start(respond).await,
            status,
        }
    }

    fn address(&self) -> SocketAddr {
        self.backend.address
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// How many probes have arrived.
    fn probes(&self) -> usize {
        let received = self.backend.received();
        received
            .iter()
            .filter(|request| request.target == "/health")
            .count()
    }
}

fn checked(documents: Documents, name: &str, addresses: &[SocketAddr]) -> Documents {
    documents.service_with(name, addresses, |leaf| leaf.health_check = Some(check()))
}

/// The states at the admin port, by endpoint.
async fn states(fixture: &Fixture) -> BTreeMap<String, String> {
    let page: Value = serde_json::from_slice(&get(fixture.admin, "/health").await.body).unwrap();
    let endpoints = page["endpoints"].as_array().unwrap().iter();
    endpoints
        .map(|endpoint| {
            let text = |name: &str| endpoint[name].as_str().unwrap().to_owned();
            (text("endpoint"), text("state"))
        })
        .collect()
}

async fn becomes(fixture: &Fixture, address: SocketAddr, state: &str) {
    until(&format!("{address} to be {state}"), async || {
        states(fixture)
            .await
            .get(&address.to_string())
            .is_some_and(|is| is == state)
    })
    .await;
}

/// Who answers so many requests; where that is the proxy, the status.
async fn shares(fixture: &Fixture, requests: usize) -> BTreeMap<String, usize> {
    let mut client = fixture.client().await;
    let mut shares = BTreeMap::new();
    for _ in 0..requests {
        let response = client.get("/").await;
        let answer = match response.status {
            200 => response.text().to_owned(),
            status => status.to_string(),
        };
        *shares.entry(answer).or_default() += 1;
    }
    shares
}

fn these<const N: usize>(shares: [(&str, usize); N]) -> BTreeMap<String, usize> {
    shares
        .into_iter()
        .map(|(name, share)| (name.to_owned(), share))
        .collect()
}

/// Waits until requests are shared so.
async fn shared<const N: usize>(fixture: &Fixture, shares: [(&str, usize); N]) {
    let expected = these(shares);
    until(&format!("{expected:?}"), async || {
        let seen = self::shares(fixture, expected.values().sum()).await;
        seen == expected
    })
    .await;
}

#[tokio::test]
async fn an_unhealthy_endpoint_gets_no_requests_until_it_is_healthy_again() {
    let (a, b) = (Checked::named("a").await, Checked::named("b").await);
    let documents = checked(Documents::default(), "main", &[a.address(), b.address()]).route("/", "main");
    let fixture = Fixture::start(&documents).await;
    becomes(&fixture, a.address(), "up").await;
    becomes(&fixture, b.address(), "up").await;
    shared(&fixture, [("a", 4), ("b", 4)]).await;
    b.answers(503);
    shared(&fixture, [("a", 8)]).await;
    becomes(&fixture, b.address(), "down").await;
    b.answers(200);
    shared(&fixture, [("a", 4), ("b", 4)]).await;
    becomes(&fixture, b.address(), "up").await;
}

#[tokio::test]
async fn siblings_take_over_exactly_at_every_level() {
    let (a, b, c, d) = (
        Checked::named("a").await,
        Checked::named("b").await,
        Checked::named("c").await,
        Checked::named("d").await,
    );
    let mut documents = Documents::default();
    for (name, backend) in [("a", &a), ("b", &b), ("c", &c), ("d", &d)] {
        documents = checked(documents, name, &[backend.address()]);
    }
    let documents = documents
        .weighted("innermost", &[("d", 1)])
        .weighted("inner", &[("c", 1), ("innermost", 2)])
        .weighted("outer", &[("a", 5), ("b", 1), ("inner", 3)])
        .route("/", "outer");
    let fixture = Fixture::with(&documents, |options| options.threads = 1).await;
    shared(&fixture, [("a", 5), ("b", 1), ("c", 1), ("d", 2)]).await;
    d.answers(500);
    shared(&fixture, [("a", 5), ("b", 1), ("c", 3)]).await;
    c.answers(500);
    shared(&fixture, [("a", 5), ("b", 1)]).await;
    // in every window, wherever it starts
    for _ in 0..3 {
        shares(&fixture, 1).await;
        assert_eq!(shares(&fixture, 12).await, these([("a", 10), ("b", 2)]));
    }
    a.answers(404);
    b.answers(404);
    until("nobody to be left", async || fixture.get("/").await.status == 503).await;
    assert_eq!(fixture.get("/").await.text(), "no available server\n");
    fixture
        .metric_becomes(
            "weir_endpoint_up{service=\"apps-a@kubernetescrd\",endpoint=\"ADDRESS\"}"
                .replace("ADDRESS", &a.address().to_string())
                .as_str(),
            0.0,
        )
        .await;
    d.answers(204);
    shared(&fixture, [("d", 9)]).await;
    for backend in [&a, &b, &c] {
        backend.answers(302);
    }
    shared(&fixture, [("a", 5), ("b", 1), ("c", 1), ("d", 2)]).await;
}

#[tokio::test]
async fn states_survive_reloads() {
    let (a, b) = (Checked::named("a").await, Checked::named("b").await);
    let documents = |weight| {
        let documents = checked(Documents::default(), "a", &[a.address()]);
        checked(documents, "b", &[b.address()])
            .weighted("both", &[("a", 1), ("b", weight)])
            .route("/", "both")
    };
    let fixture = Fixture::start(&documents(1)).await;
    b.answers(500);
    becomes(&fixture, b.address(), "down").await;
    shared(&fixture, [("a", 4)]).await;
    let page = async || -> Value {
        let page: Value = serde_json::from_slice(&get(fixture.admin, "/health").await.body).unwrap();
        page["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .find(|endpoint| endpoint["state"] == "down")
            .unwrap()["since"]
            .clone()
    };
    let since = page().await;
    for revision in 1..=10 {
        let mut next = documents(revision);
        next.config.revision += revision.cast_unsigned();
        fixture.publish(&next).await;
        assert_eq!(shares(&fixture, 4).await, these([("a", 4)]));
    }
    assert_eq!(page().await, since);
}

#[tokio::test]
async fn leaves_with_equal_checks_share_their_probes() {
    let a = Checked::named("a").await;
    let slow = |documents: Documents, name: &str, path: &'static str| {
        documents.service_with(name, &[a.address()], |leaf| {
            let mut check = check();
            check.interval = GoDuration::from_secs(3_600);
            check.path = path.to_owned();
            leaf.health_check = Some(check);
        })
    };
    let documents = slow(Documents::default(), "one", "/health");
    let documents = slow(documents, "other", "/health");
    let documents = slow(documents, "third", "/third");
    let documents = slow(documents, "unreachable", "/unreachable")
        .weighted("all", &[("one", 1), ("other", 1), ("third", 0)])
        .route("/", "all");
    let fixture = Fixture::start(&documents).await;
    fixture
        .metric_becomes("weir_health_probes_total{outcome=\"ok\"}", 2.0)
        .await;
    let mut next = documents.clone();
    next.config.revision += 1;
    fixture.publish(&next).await;
    let asked: Vec<_> = a
        .backend
        .received()
        .into_iter()
        .map(|request| request.target)
        .collect();
    let count = |path: &str| asked.iter().filter(|target| *target == path).count();
    assert_eq!(
        (count("/health"), count("/third"), count("/unreachable")),
        (1, 1, 0)
    );
    // one for each leaf that it belongs to
    for service in ["one", "other"] {
        let labels = format!("service=\"apps-{service}@kubernetescrd\"");
        let (address, up) = (a.address(), 1.0);
        fixture
            .metric_becomes(
                &format!("weir_endpoint_up{{{labels},endpoint=\"{address}\"}}"),
                up,
            )
            .await;
        let traefik = format!("traefik_service_server_up{{{labels},url=\"http://{address}\"}}");
        fixture.metric_becomes(&traefik, up).await;
    }
}

#[tokio::test]
async fn who_is_not_reached_any_more_is_not_probed_any_more() {
    let (a, b) = (Checked::named("a").await, Checked::named("b").await);
    let both = |used: &str| {
        let documents = checked(Documents::default(), "a", &[a.address()]);
        checked(documents, "b", &[b.address()]).route("/", used)
    };
    let fixture = Fixture::start(&both("a")).await;
    until("a to be probed", async || a.probes() > 3).await;
    assert_eq!(b.probes(), 0);
    let mut next = both("b");
    next.config.revision += 1;
    fixture.publish(&next).await;
    until("b to be probed", async || b.probes() > 3).await;
    let before = a.probes();
    let later = b.probes() + 10;
    until("b to be probed on", async || b.probes() > later).await;
    assert!(a.probes() <= before + 1, "{} {before}", a.probes());
}

#[tokio::test]
async fn a_sticky_client_moves_when_its_endpoint_is_unhealthy() {
    let (a, b) = (Checked::named("a").await, Checked::named("b").await);
    let documents = Documents::default()
        .service_with("main", &[a.address(), b.address()], |leaf| {
            leaf.health_check = Some(check());
            leaf.sticky = Some(sticky_cookie("s"));
        })
        .route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    let mut ask = async |cookie: &str| {
        let cookie = format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: s={cookie}\r\n\r\n");
        let response = client.ask(cookie).await;
        let set = response.header("set-cookie").map(|set| {
            let value = set.strip_prefix("s=").unwrap();
            value.split(';').next().unwrap().to_owned()
        });
        (response.text().to_owned(), set)
    };
    // they take turns
    let first = [ask("nobody").await, ask("nobody").await];
    let cookie = first
        .into_iter()
        .find(|(text, _)| text == "b")
        .unwrap()
        .1
        .unwrap();
    assert_eq!(ask(&cookie).await, ("b".to_owned(), None));
    b.answers(503);
    becomes(&fixture, b.address(), "down").await;
    // what the page says is built a moment later
    shared(&fixture, [("a", 2)]).await;
    let moved = ask(&cookie).await;
    assert_eq!(moved.0, "a");
    let (_, Some(new)) = moved else {
        panic!("{moved:?}")
    };
    assert_ne!(new, cookie);
    b.answers(200);
    becomes(&fixture, b.address(), "up").await;
    shared(&fixture, [("a", 4), ("b", 4)]).await;
    assert_eq!(ask(&new).await, ("a".to_owned(), None));
}

#[tokio::test]
async fn a_sticky_child_without_healthy_endpoints_loses_its_clients_to_its_siblings() {
    let (a, b) = (Checked::named("a").await, Checked::named("b").await);
    let documents = checked(Documents::default(), "a", &[a.address()]);
    let documents = checked(documents, "b", &[b.address()])
        .sticky("both", &[("a", 1), ("b", 1)], "s")
        .route("/", "both");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    let mut ask = async || {
        client
            .ask("GET / HTTP/1.1\r\nHost: a\r\nCookie: s=b\r\n\r\n")
            .await
    };
    assert_eq!(ask().await.text(), "b");
    b.answers(503);
    shared(&fixture, [("a", 2)]).await;
    let answer = ask().await;
    assert_eq!(answer.text(), "a");
    assert!(answer.header("set-cookie").is_some());
}

#[tokio::test]
async fn a_terminating_endpoint_is_the_last_resort_while_it_is_healthy() {
    let (a, b) = (Checked::named("a").await, Checked::named("b").await);
    let mut documents = checked(Documents::default(), "main", &[a.address()]).route("/", "main");
    let set = documents.endpoints.sets.values_mut().next().unwrap();
    set.terminating.push(b.address().to_string().parse().unwrap());
    let fixture = Fixture::start(&documents).await;
    shared(&fixture, [("a", 4)]).await;
    a.answers(500);
    shared(&fixture, [("b", 4)]).await;
    b.answers(500);
    until("nobody to be left", async || fixture.get("/").await.status == 503).await;
    a.answers(200);
    shared(&fixture, [("a", 4)]).await;
}

#[tokio::test]
async fn endpoints_that_come_and_go_cost_no_request() {
    let (a, b) = (Checked::named("a").await, Checked::named("b").await);
    let documents = checked(Documents::default(), "main", &[a.address(), b.address()]).route("/", "main");
    let fixture = Fixture::start(&documents).await;
    let web = fixture.web;
    let done = Arc::new(AtomicU16::new(0));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let done = done.clone();
            tokio::spawn(async move {
                let mut client = Client::connect(web).await;
                let mut requests = 0;
                while done.load(Ordering::Relaxed) == 0 {
                    assert_eq!(client.get("/").await.status, 200);
                    requests += 1;
                }
                requests
            })
        })
        .collect();
    for _ in 0..10 {
        b.answers(500);
        becomes(&fixture, b.address(), "down").await;
        b.answers(200);
        becomes(&fixture, b.address(), "up").await;
    }
    done.store(1, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 50);
    }
    fixture.metric_becomes("weir_health_changes_total", 20.0).await;
}
