//! How many connections are kept.

use futures::future::join_all;

use super::{
    super::{
        backend::{Backend, HELD},
        stage::until,
    },
    plain,
};

const IDLE: &str = "weir_upstream_connections_idle";

#[tokio::test]
async fn as_many_connections_wait_for_an_endpoint_as_are_wanted() {
    for (fields, kept) in [
        ("maxIdleConnsPerHost: -1", 0.0),
        ("maxIdleConnsPerHost: 2", 2.0),
        // 200, of the whole process
        ("maxIdleConnsPerHost: 0", 8.0),
        ("", 8.0),
    ] {
        let backend = Backend::start("svc1").await;
        let stage = plain(fields, backend.address).await;
        let all = join_all((0..8).map(|_| stage.get(HELD)));
        let release = async {
            until("all of them", async || backend.seen().len() == 8).await;
            backend.release();
        };
        let (answers, ()) = tokio::join!(all, release);
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_eq!(backend.connections(), 8);
        // each thread keeps its part
        until(fields, async || {
            stage.metric("weir_upstream_connections").await <= kept
        })
        .await;
        let idle = stage.metric(IDLE).await;
        assert!((kept.min(1.0)..=kept).contains(&idle), "{fields}: {idle}");
        if kept > 2.0 {
            assert!((idle - kept).abs() < 0.5, "{fields}: {idle}");
        }
    }
}
