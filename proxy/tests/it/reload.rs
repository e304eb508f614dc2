//! Reloads under load: no request fails, no connection closes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::support::{Backend, Client, Documents, Fixture};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reloads_under_full_load_lose_nothing() {
    let mut backends = Vec::new();
    for name in ["a", "b", "c", "d"] {
        backends.push(Backend::named(name).await);
    }
    // weights, endpoints and routes change with every reload
    let documents = |round: usize| {
        let pick = |i: usize| backends[(round + i) % 4].address;
        let mut documents = Documents::default()
            .service("a", &[pick(0), pick(1)])
            .service("b", &[pick(2)])
            .weighted("both", &[("a", i64::try_from(1 + round % 7).unwrap()), ("b", 1)])
            .route("/", "both");
        if round.is_multiple_of(2) {
            documents = documents.route("/more", "a");
        }
        documents.config.revision = 100 + round as u64;
        documents
    };
    let fixture = Fixture::start(&documents(0)).await;
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let loads: Vec<_> = (0..64)
        .map(|_| {
            let (web, over, served) = (fixture.web, over.clone(), served.clone());
            tokio::spawn(async move {
                // one connection each: were it closed, the next request would not be answered
                let mut client = Client::connect(web).await;
                while !over.load(Ordering::Relaxed) {
                    let response = client.get("/more").await;
                    assert_eq!((response.status, response.complete), (200, true), "{response:?}");
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for round in 1..=200 {
        ticks.tick().await;
        documents(round).write(fixture.dir.path());
    }
    fixture.publish(&documents(201)).await;
    over.store(true, Ordering::Relaxed);
    for load in loads {
        load.await.unwrap();
    }
    assert!(served.load(Ordering::Relaxed) > 1_000);
    assert!(fixture.metric("weir_config_loads_total").await > 20.0);
    fixture
        .metric_becomes("weir_responses_total{entrypoint=\"web\",code=\"5xx\"}", 0.0)
        .await;
    fixture
        .metric_becomes("weir_connections_accepted_total", 64.0)
        .await;
}

#[tokio::test]
async fn a_request_under_way_ends_where_it_began() {
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let wait = std::sync::Mutex::new(Some(wait));
    let old = crate::support::RawBackend::start(move |mut stream| {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let wait = wait.lock().unwrap().take();
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            if let Some(wait) = wait {
                let _ = wait.await;
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold")
                .await;
            let _ = stream.read(&mut [0; 4096]).await;
        }
    })
    .await;
    let new = Backend::named("new").await;
    let documents = Documents::one(old.address);
    let fixture = Fixture::with(&documents, |options| options.threads = 1).await;
    let mut client = fixture.client().await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    let mut documents = Documents::one(new.address);
    documents.config.revision += 1;
    fixture.publish(&documents).await;
    assert_eq!(fixture.get("/").await.text(), "new");
    go.send(()).unwrap();
    assert_eq!(client.response().await.text(), "old");
    assert_eq!(client.get("/").await.text(), "new", "on the same connection");
    // its endpoint is gone, so its connection goes as well
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
}

#[tokio::test]
async fn an_endpoints_connections_outlive_reloads_that_keep_it() {
    let backend = Backend::named("ok").await;
    let mut documents = Documents::one(backend.address);
    let fixture = Fixture::with(&documents, |options| options.threads = 1).await;
    for _ in 0..5 {
        assert_eq!(fixture.get("/").await.text(), "ok");
        documents.config.revision += 1;
        fixture.publish(&documents).await;
    }
    assert_eq!(backend.connections(), 1);
}
