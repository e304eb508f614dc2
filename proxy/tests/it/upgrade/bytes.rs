//! What passes after that, to the end.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
};

use crate::support::{Documents, Fixture, RawBackend};

use super::{AGREE, ASK, UPGRADED, agreed, echo, exact, head};

#[tokio::test]
async fn bytes_beside_the_heads_are_not_lost() {
    let backend = RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream
            .write_all(format!("{AGREE}from upstream").as_bytes())
            .await
            .unwrap();
        exact(&mut stream, b"from client").await;
        stream.write_all(b"done").await.unwrap();
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    client.send(format!("{ASK}from client")).await;
    assert!(head(&mut client.stream).await.starts_with("HTTP/1.1 101 "));
    exact(&mut client.stream, b"from upstreamdone").await;
    assert!(client.is_closed().await);
}

#[tokio::test]
async fn each_way_ends_by_itself() {
    let backend = RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(AGREE.as_bytes()).await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        stream.write_all(format!("all: {all}").as_bytes()).await.unwrap();
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    client.send("one two").await;
    client.stream.shutdown().await.unwrap();
    exact(&mut client.stream, b"all: one two").await;
    assert!(client.is_closed().await);
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn an_end_of_the_upstream_leaves_the_client_its_say() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let backend = RawBackend::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(AGREE.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut all = String::new();
            stream.read_to_string(&mut all).await.unwrap();
            tell.send(all).unwrap();
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    assert!(client.is_closed().await);
    client.send("last words").await;
    client.stream.shutdown().await.unwrap();
    assert_eq!(told.recv().await.unwrap(), "last words");
}

#[tokio::test]
async fn a_side_that_takes_nothing_is_not_read_for() {
    let (tell, told) = tokio::sync::watch::channel(0);
    let backend = RawBackend::start(move |mut stream| {
        let tell = tell.clone();
        async move {
            head(&mut stream).await;
            stream.write_all(AGREE.as_bytes()).await.unwrap();
            let chunk = vec![1; 1 << 16];
            while stream.write_all(&chunk).await.is_ok() {
                tell.send_modify(|sent| *sent += chunk.len());
            }
        }
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    // what the kernels hold comes to an end, and nothing else is held
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = *told.borrow();
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    assert!(before < 32 << 20, "{before}");
    let mut read = 0;
    let mut sink = vec![0; 1 << 16];
    while read < 64 << 20 {
        read += client.stream.read(&mut sink).await.unwrap();
    }
}

#[tokio::test]
async fn a_reset_on_one_side_ends_the_other() {
    let backend = echo().await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    let mut client = fixture.client().await;
    assert_eq!(client.ask(ASK).await.status, 101);
    fixture.metric_becomes("weir_upstream_connections", 1.0).await;
    client.stream.set_zero_linger().unwrap();
    drop(client);
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
    fixture.metric_becomes(UPGRADED, 0.0).await;
    fixture.metric_becomes("weir_connections", 0.0).await;
}

#[tokio::test]
async fn what_an_upstream_says_last_arrives_though_it_takes_nothing_any_more() {
    let backend = RawBackend::start(|mut stream| async move {
        head(&mut stream).await;
        stream.write_all(AGREE.as_bytes()).await.unwrap();
        exact(&mut stream, b"a").await;
        stream.write_all(&vec![b'x'; 100_000]).await.unwrap();
        // with bytes of the client unread, which resets the connection
    })
    .await;
    let fixture = Fixture::start(&Documents::one(backend.address)).await;
    for _ in 0..10 {
        let mut client = agreed(fixture.web).await;
        client.send(format!("a{}", "b".repeat(1000))).await;
        exact(&mut client.stream, &vec![b'x'; 1000]).await;
        client.send("c").await;
    }
    fixture.metric_becomes("weir_upstream_connections", 0.0).await;
}
