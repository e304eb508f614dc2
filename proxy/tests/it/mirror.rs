//! Who gets copies, and what is in them.

use crate::support::{Backend, Documents, Fixture, answer, until};

/// Waits until a mirror has so many requests.
async fn count_becomes(backend: &Backend, count: usize) {
    until(&format!("{count} copies"), async || backend.count() == count).await;
}

fn mirrored(main: &Backend, mirror: &Backend, percent: i64) -> Documents {
    Documents::default()
        .service("main", &[main.address])
        .service("mirror", &[mirror.address])
        .mirror("both", "main", &[("mirror", percent)])
        .route("/", "both")
}

#[tokio::test]
async fn a_copy_is_the_request() {
    let (main, mirror) = (Backend::named("main").await, Backend::named("mirror").await);
    let fixture = Fixture::start(&mirrored(&main, &mirror, 100)).await;
    let mut client = fixture.client().await;
    let request =
        "POST /path?q=1 HTTP/1.1\r\nHost: shop.example\r\nX-Own: 1\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(client.ask(request).await.text(), "main");
    count_becomes(&mirror, 1).await;
    let (original, copy) = (main.received().remove(0), mirror.received().remove(0));
    assert_eq!(
        (copy.method.as_str(), copy.target.as_str(), &copy.body[..]),
        ("POST", "/path?q=1", &b"body"[..])
    );
    assert_eq!(copy.headers, original.headers);
}

#[tokio::test]
async fn exactly_the_percentage_rounded_up_is_copied_and_the_first_request_is() {
    let (main, mirror) = (Backend::named("main").await, Backend::named("mirror").await);
    let fixture = Fixture::start(&mirrored(&main, &mirror, 15)).await;
    let mut client = fixture.client().await;
    for n in 1..=41_usize {
        client.get("/").await;
        count_becomes(&mirror, (n * 15).div_ceil(100)).await;
    }
    assert_eq!(main.count(), 41);
}

#[tokio::test]
async fn copies_take_their_own_turns_and_never_mains() {
    let (a, b, c, d) = (
        Backend::named("a").await,
        Backend::named("b").await,
        Backend::named("c").await,
        Backend::named("d").await,
    );
    let documents = Documents::default()
        .service("main", &[a.address, b.address])
        .service("c", &[c.address])
        .service("d", &[d.address])
        .weighted("mirrors", &[("c", 3), ("d", 1)])
        .mirror("both", "main", &[("mirrors", 50)])
        .route("/", "both");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    for _ in 0..80 {
        client.get("/").await;
    }
    until("all copies", async || c.count() + d.count() == 40).await;
    assert_eq!([a.count(), b.count(), c.count(), d.count()], [40, 40, 30, 10]);
}

#[tokio::test]
async fn mirrors_nest_both_ways() {
    let (main, one, two, three) = (
        Backend::named("main").await,
        Backend::named("one").await,
        Backend::named("two").await,
        Backend::named("three").await,
    );
    let documents = Documents::default()
        .service("main", &[main.address])
        .service("one", &[one.address])
        .service("two", &[two.address])
        .service("three", &[three.address])
        // main's own side has a mirror, and so has the mirror
        .mirror("inner", "main", &[("one", 100)])
        .mirror("below", "two", &[("three", 50)])
        .mirror("outer", "inner", &[("below", 100)])
        .route("/", "outer");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    for _ in 0..10 {
        assert_eq!(client.post("/", b"body").await.text(), "main");
    }
    count_becomes(&one, 10).await;
    count_becomes(&two, 10).await;
    count_becomes(&three, 5).await;
    assert!(three.received().iter().all(|copy| copy.body == "body"));
    assert_eq!(main.count(), 10);
}

#[tokio::test]
async fn without_mirror_body_a_copy_has_no_body_and_no_framing() {
    let (main, mirror) = (Backend::named("main").await, Backend::named("mirror").await);
    let documents = Documents::default()
        .service("main", &[main.address])
        .service("mirror", &[mirror.address])
        .mirror_with("both", "main", &[("mirror", 100)], |mirror| {
            mirror.mirror_body = false;
        })
        .route("/", "both");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    client.post("/", b"body").await;
    client
        .ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n")
        .await;
    count_becomes(&mirror, 2).await;
    for copy in mirror.received() {
        assert!(copy.body.is_empty());
        assert_eq!(
            (copy.header("content-length"), copy.header("transfer-encoding")),
            (None, None)
        );
    }
    assert!(main.received().iter().all(|request| request.body == "body"));
}

#[tokio::test]
async fn a_body_over_the_mirrors_size_is_not_copied() {
    let (main, mirror) = (
        Backend::start(|r| answer(r.body.clone())).await,
        Backend::named("mirror").await,
    );
    let documents = Documents::default()
        .service("main", &[main.address])
        .service("mirror", &[mirror.address])
        .mirror_with("both", "main", &[("mirror", 100)], |mirror| {
            mirror.max_body_size = Some(8);
        })
        .route("/", "both");
    let fixture = Fixture::start(&documents).await;
    let mut client = fixture.client().await;
    assert_eq!(client.post("/", b"12345678").await.text(), "12345678");
    assert_eq!(client.post("/", b"123456789").await.text(), "123456789");
    let chunked = |body: &str| {
        let half = body.len() / 2;
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{half:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            &body[..half],
            body.len() - half,
            &body[half..]
        )
    };
    assert_eq!(client.ask(chunked("abcdefgh")).await.text(), "abcdefgh");
    assert_eq!(client.ask(chunked("abcdefghi")).await.text(), "abcdefghi");
    assert_eq!(client.get("/").await.status, 200);
    count_becomes(&mirror, 3).await;
    fixture
        .metric_becomes("weir_mirror_dropped_total{reason=\"body_size\"}", 2.0)
        .await;
    fixture.metric_becomes("weir_mirror_bytes", 0.0).await;
}

#[tokio::test]
async fn a_large_body_arrives_whole_in_every_copy() {
    let (main, one, two) = (
        Backend::named("main").await,
        Backend::named("one").await,
        Backend::named("two").await,
    );
    let documents = Documents::default()
        .service("main", &[main.address])
        .service("one", &[one.address])
        .service("two", &[two.address])
        .mirror("all", "main", &[("one", 100), ("two", 100)])
        .route("/", "all");
    let fixture = Fixture::start(&documents).await;
    let body: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    fixture.client().await.post("/", &body).await;
    count_becomes(&one, 1).await;
    count_becomes(&two, 1).await;
    assert!(one.received()[0].body == body && two.received()[0].body == body);
    fixture.metric_becomes("weir_mirror_bytes", 0.0).await;
}

#[tokio::test]
async fn a_request_to_upgrade_is_not_copied() {
    let (main, mirror) = (Backend::named("main").await, Backend::named("mirror").await);
    let fixture = Fixture::start(&mirrored(&main, &mirror, 100)).await;
    let upgrade = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(fixture.client().await.ask(upgrade).await.text(), "main");
    fixture
        .metric_becomes("weir_mirror_dropped_total{reason=\"upgrade\"}", 1.0)
        .await;
    assert_eq!(mirror.count(), 0);
}

#[tokio::test]
async fn what_came_of_copies_is_counted() {
    let main = Backend::named("main").await;
    let mirror = Backend::start(|request| {
        let mut response = answer("whatever");
        *response.status_mut() = request.target.trim_start_matches('/').parse().unwrap();
        response
    })
    .await;
    let fixture = Fixture::start(&mirrored(&main, &mirror, 100)).await;
    let mut client = fixture.client().await;
    for path in ["/200", "/404", "/500", "/503"] {
        assert_eq!(client.get(path).await.text(), "main");
    }
    let labels = "mirror=\"apps-both@kubernetescrd\",target=\"apps-mirror@kubernetescrd\"";
    until("all to be counted", async || mirror.count() == 4).await;
    for (code, count) in [("2xx", 1.0), ("4xx", 1.0), ("5xx", 2.0), ("none", 0.0)] {
        fixture
            .metric_becomes(
                &format!("weir_mirror_copies_total{{{labels},code=\"{code}\"}}"),
                count,
            )
            .await;
    }
    let mismatches = format!("weir_mirror_status_mismatches_total{{{labels}}}");
    fixture.metric_becomes(&mismatches, 3.0).await;
    for side in ["copy", "main"] {
        let name = format!("weir_mirror_response_seconds_total{{{labels},side=\"{side}\"}}");
        assert!(fixture.metric(&name).await > 0.0);
    }
}
