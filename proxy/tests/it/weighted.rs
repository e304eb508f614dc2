//! Shares are exact, through the whole proxy and on several threads.

use std::collections::BTreeMap;

use crate::support::{Backend, Documents, Fixture, get};

async fn shares(fixture: &Fixture, requests: usize) -> BTreeMap<String, usize> {
    let mut shares = BTreeMap::new();
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(fixture.client().await);
    }
    for request in 0..requests {
        let client = &mut clients[request % 8];
        *shares.entry(client.get("/").await.text().to_owned()).or_default() += 1;
    }
    shares
}

#[tokio::test]
async fn nested_weights_are_exact_in_every_window() {
    let (a, b, c, d) = (
        Backend::named("a").await,
        Backend::named("b").await,
        Backend::named("c").await,
        Backend::named("d").await,
    );
    let documents = Documents::default()
        .service("a", &[a.address])
        .service("b", &[b.address])
        .service("c", &[c.address])
        .service("d", &[d.address])
        .weighted("inner", &[("c", 1), ("d", 2)])
        .weighted("outer", &[("a", 5), ("b", 1), ("inner", 3)])
        .route("/", "outer");
    let fixture = Fixture::with(&documents, |options| options.threads = 3).await;
    // a window of 9 for the outer choice, three of them for the inner one
    for _ in 0..4 {
        let shares = shares(&fixture, 27).await;
        assert_eq!(shares.into_values().collect::<Vec<_>>(), [15, 3, 3, 6]);
    }
}

#[tokio::test]
async fn shares_are_exact_with_requests_at_once() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let documents = Documents::default()
        .service("a", &[a.address])
        .service("b", &[b.address])
        .weighted("both", &[("a", 7), ("b", 3)])
        .route("/", "both");
    let fixture = Fixture::with(&documents, |options| options.threads = 4).await;
    let web = fixture.web;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn(async move {
                for _ in 0..50 {
                    assert_eq!(get(web, "/").await.status, 200);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((a.count(), b.count()), (700, 300));
}

#[tokio::test]
async fn endpoints_take_turns() {
    let (a, b, c) = (
        Backend::named("a").await,
        Backend::named("b").await,
        Backend::named("c").await,
    );
    let addresses = [a.address, b.address, c.address];
    let fixture = Fixture::start(
        &Documents::default()
            .service("main", &addresses)
            .route("/", "main"),
    )
    .await;
    shares(&fixture, 30).await;
    assert_eq!([a.count(), b.count(), c.count()], [10, 10, 10]);
}

#[tokio::test]
async fn a_child_without_endpoints_leaves_its_share_to_its_siblings() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let documents = |gone: bool| {
        let b_addresses: &[_] = if gone { &[] } else { &[b.address] };
        Documents::default()
            .service("a", &[a.address])
            .service("b", b_addresses)
            .weighted("inner", &[("b", 1)])
            .weighted("outer", &[("a", 1), ("inner", 1)])
            .route("/", "outer")
    };
    let fixture = Fixture::start(&documents(true)).await;
    assert_eq!(
        shares(&fixture, 10).await.into_iter().collect::<Vec<_>>(),
        [("a".to_owned(), 10)]
    );
    let mut back = documents(false);
    back.config.revision += 1;
    fixture.publish(&back).await;
    assert_eq!(
        shares(&fixture, 10).await.into_values().collect::<Vec<_>>(),
        [5, 5]
    );
}

#[tokio::test]
async fn a_reload_that_does_not_touch_a_route_does_not_restart_its_sequence() {
    let (a, b) = (Backend::named("a").await, Backend::named("b").await);
    let mut documents = Documents::default()
        .service("a", &[a.address])
        .service("b", &[b.address])
        .weighted("both", &[("a", 1), ("b", 1)])
        .route("/", "both");
    let fixture = Fixture::start(&documents).await;
    for _ in 0..10 {
        assert_eq!(shares(&fixture, 1).await.len(), 1);
        documents.config.revision += 1;
        fixture.publish(&documents).await;
    }
    assert_eq!((a.count(), b.count()), (5, 5));
}
