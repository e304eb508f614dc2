//! Clients with a cookie stay where they were.

use std::collections::BTreeMap;

use weir_model::{document::EndpointSetId, name::NamespacedName};

use crate::support::{Backend, Client, Documents, Fixture, RawBackend, Response, sticky_cookie, until};

/// A client that keeps the cookies that it is given.
struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn new(fixture: &Fixture) -> Self {
        Self {
            client: fixture.client().await,
            cookies: BTreeMap::new(),
        }
    }

    async fn with(fixture: &Fixture, cookies: &[(&str, &str)]) -> Self {
        let cookies = cookies
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            cookies: cookies.collect(),
            ..Self::new(fixture).await
        }
    }

    /// The answer, and the names of the cookies that came with it.
    async fn get(&mut self) -> (Response, Vec<String>) {
        let sent: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let cookie = if sent.is_empty() {
            String::new()
        } else {
            format!("Cookie: {}\r\n", sent.join("; "))
        };
        let request = format!("GET / HTTP/1.1\r\nHost: test.example\r\n{cookie}\r\n");
        let response = self.client.ask(request).await;
        let mut names = Vec::new();
        for set in response.all("set-cookie") {
            let (name, rest) = set.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
            names.push(name.to_owned());
        }
        (response, names)
    }

    /// Who answers.
    async fn text(&mut self) -> String {
        let (response, _) = self.get().await;
        assert_eq!(response.status, 200, "{response:?}");
        response.text().to_owned()
    }
}

fn two_levels(a: &[&Backend], b: &[&Backend]) -> Documents {
    let addresses = |backends: &[&Backend]| -> Vec<_> { backends.iter().map(|b| b.address).collect() };
    Documents::default()
        .service_with("a", &addresses(a), |leaf| {
            leaf.sticky = Some(sticky_cookie("lvl2"));
        })
        .service_with("b", &addresses(b), |leaf| {
            leaf.sticky = Some(sticky_cookie("lvl2"));
        })
        .sticky("both", &[("a", 1), ("b", 1)], "lvl1")
        .route("/", "both")
}

#[tokio::test]
async fn a_client_stays_at_its_child_and_its_endpoint_and_is_told_once() {
    let backends = [
        Backend::named("a1").await,
        Backend::named("a2").await,
        Backend::named("b1").await,
        Backend::named("b2").await,
    ];
    let [a1, a2, b1, b2] = &backends;
    let fixture = Fixture::start(&two_levels(&[a1, a2], &[b1, b2])).await;
    let mut everywhere = BTreeMap::<_, u32>::new();
    for _ in 0..8 {
        let mut browser = Browser::new(&fixture).await;
        let (first, set) = browser.get().await;
        assert_eq!(set, ["lvl1", "lvl2"], "{first:?}");
        for _ in 0..5 {
            let (again, set) = browser.get().await;
            assert_eq!(again.text(), first.text());
            assert!(set.is_empty(), "{set:?}");
        }
        *everywhere.entry(first.text().to_owned()).or_default() += 1;
    }
    // without a cookie the shares are as ever
    assert_eq!(everywhere.into_values().collect::<Vec<_>>(), [2, 2, 2, 2]);
}

#[tokio::test]
async fn with_only_the_outer_cookie_the_inner_choice_is_free_and_told() {
    let (a1, a2, b1) = (
        Backend::named("a1").await,
        Backend::named("a2").await,
        Backend::named("b1").await,
    );
    let fixture = Fixture::start(&two_levels(&[&a1, &a2], &[&b1])).await;
    let mut seen = BTreeMap::<_, u32>::new();
    for _ in 0..6 {
        // the raw name, as older versions of Traefik understood it
        let mut browser = Browser::with(&fixture, &[("lvl1", "a")]).await;
        let (answer, set) = browser.get().await;
        assert_eq!(set, ["lvl1", "lvl2"]);
        assert_eq!(browser.cookies["lvl1"].len(), 16, "{:?}", browser.cookies);
        *seen.entry(answer.text().to_owned()).or_default() += 1;
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [("a1".into(), 3), ("a2".into(), 3)]
    );
}

#[tokio::test]
async fn raw_names_lead_to_what_they_name_and_are_rewritten() {
    let (a1, a2, b1) = (
        Backend::named("a1").await,
        Backend::named("a2").await,
        Backend::named("b1").await,
    );
    let fixture = Fixture::start(&two_levels(&[&a1, &a2], &[&b1])).await;
    for (backend, name) in [(&a1, "a1"), (&a2, "a2")] {
        let url = format!("http://{}", backend.address);
        let mut browser = Browser::with(&fixture, &[("lvl1", "a"), ("lvl2", &url)]).await;
        let (answer, set) = browser.get().await;
        assert_eq!((answer.text(), set), (name, vec!["lvl1".into(), "lvl2".into()]));
        let (answer, set) = browser.get().await;
        assert_eq!((answer.text(), set), (name, vec![]));
    }
}

#[tokio::test]
async fn a_cookie_that_names_nothing_is_replaced() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let fixture = Fixture::start(&two_levels(&[&a], &[&b])).await;
    let mut browser = Browser::with(&fixture, &[("lvl1", "nobody"), ("lvl2", "0123456789abcdef")]).await;
    let (first, set) = browser.get().await;
    assert_eq!(set, ["lvl1", "lvl2"]);
    assert_eq!(browser.text().await, first.text());
}

#[tokio::test]
async fn weight_0_keeps_those_who_are_there_and_takes_nobody_new() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let documents = |weight| {
        Documents::default()
            .service("a", &[a.address])
            .service("b", &[b.address])
            .sticky("both", &[("a", 1), ("b", weight)], "s")
            .route("/", "both")
    };
    let fixture = Fixture::start(&documents(1)).await;
    let mut there = Browser::new(&fixture).await;
    while there.text().await != "b" {
        there.cookies.clear();
    }
    let mut emptied = documents(0);
    emptied.config.revision += 1;
    fixture.publish(&emptied).await;
    for _ in 0..5 {
        assert_eq!(there.text().await, "b");
        assert_eq!(Browser::new(&fixture).await.text().await, "a");
    }
}

#[tokio::test]
async fn without_any_weight_only_cookies_lead_on() {
    let a = Backend::named("a").await;
    let documents = Documents::default()
        .service("a", &[a.address])
        .sticky("inner", &[("a", 0)], "s")
        .weighted("outer", &[("inner", 1)])
        .route("/outer", "outer")
        .route("/", "inner");
    let fixture = Fixture::start(&documents).await;
    assert_eq!(fixture.get("/").await.status, 503);
    assert_eq!(fixture.get("/outer").await.status, 503);
    assert_eq!(Browser::with(&fixture, &[("s", "a")]).await.text().await, "a");
}

#[tokio::test]
async fn a_terminating_endpoint_keeps_its_clients_until_it_is_gone() {
    let (a1, a2) = (Backend::named("a1").await, Backend::named("a2").await);
    let documents = |state: &str| {
        let mut documents = Documents::default()
            .service_with("a", &[a1.address], |leaf| leaf.sticky = Some(sticky_cookie("s")))
            .route("/", "a");
        let id = EndpointSetId::new(&NamespacedName::new("apps", "a"), 80, "");
        let set = documents.endpoints.sets.get_mut(&id).unwrap();
        let other = a2.address.to_string().parse().unwrap();
        match state {
            "ready" => set.ready.push(other),
            "terminating" => set.terminating.push(other),
            _ => {}
        }
        set.ready.sort();
        // by which it is known that they are loaded
        documents.config.revision += state.len() as u64;
        documents
    };
    let fixture = Fixture::start(&documents("ready")).await;
    let mut there = Browser::new(&fixture).await;
    while there.text().await != "a2" {
        there.cookies.clear();
    }
    fixture.publish(&documents("terminating")).await;
    for _ in 0..5 {
        assert_eq!(there.text().await, "a2");
        assert_eq!(Browser::new(&fixture).await.text().await, "a1");
    }
    fixture.publish(&documents("gone")).await;
    let (answer, set) = there.get().await;
    assert_eq!((answer.text(), set), ("a1", vec!["s".into()]));
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_loses_its_client_to_another() {
    let a = Backend::named("a").await;
    let dead = RawBackend::start(|_| async {}).await.address;
    let documents = Documents::default()
        .service_with("a", &[a.address, dead], |leaf| {
            leaf.sticky = Some(sticky_cookie("s"));
        })
        .route("/", "a");
    let fixture = Fixture::start(&documents).await;
    let mut browser = Browser::with(&fixture, &[("s", &format!("http://{dead}"))]).await;
    let (answer, set) = browser.get().await;
    assert_eq!((answer.text(), set), ("a", vec!["s".into()]));
    let (answer, set) = browser.get().await;
    assert_eq!((answer.text(), set), ("a", vec![]));
}

#[tokio::test]
async fn a_mirrors_main_is_sticky_and_copies_set_no_cookie() {
    let (main, copy) = (Backend::named("main").await, Backend::named("copy").await);
    let documents = Documents::default()
        .service_with("main", &[main.address], |leaf| {
            leaf.sticky = Some(sticky_cookie("m"));
        })
        .service_with("copy", &[copy.address], |leaf| {
            leaf.sticky = Some(sticky_cookie("c"));
        })
        .mirror("mirror", "main", &[("copy", 100)])
        .route("/", "mirror");
    let fixture = Fixture::start(&documents).await;
    let (answer, set) = Browser::new(&fixture).await.get().await;
    assert_eq!((answer.text(), set), ("main", vec!["m".into()]));
    until("the copy has arrived", async || copy.count() == 1).await;
}

#[tokio::test]
async fn a_hundred_clients_stay_through_reloads_weights_and_a_scale_out() {
    const CLIENTS: usize = 100;
    let mut backends = Vec::new();
    for name in ["0", "1", "2", "3", "4", "5"] {
        backends.push(Backend::named(name).await);
    }
    let documents = |count: usize, weight: i64, revision: u64| {
        let addresses: Vec<_> = backends[..count].iter().map(|b| b.address).collect();
        let mut documents = Documents::default()
            .service_with("a", &addresses, |leaf| leaf.sticky = Some(sticky_cookie("l")))
            .service("b", &[backends[5].address])
            .sticky("both", &[("a", 9), ("b", weight)], "t")
            .route("/", "both");
        documents.config.revision += revision;
        documents
    };
    let fixture = Fixture::start(&documents(4, 1, 0)).await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut browser = Browser::new(&fixture).await;
        let home = browser.text().await;
        clients.push((browser, home));
    }
    for revision in 1..=10_u64 {
        fixture
            .publish(&documents(5, revision.cast_signed(), revision))
            .await;
        for (browser, home) in &mut clients {
            assert_eq!(browser.text().await, *home);
        }
    }
    // the last one leaves: only its own clients move
    fixture.publish(&documents(3, 5, 20)).await;
    for (browser, home) in &mut clients {
        let now = browser.text().await;
        assert_eq!(now == *home, *home != "3", "{home} -> {now}");
    }
}
