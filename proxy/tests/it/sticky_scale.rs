//! Ten thousand clients with cookies, through everything that changes around them.

use futures::future::join_all;
use weir_model::document::StickyCookie;

use crate::support::{Backend, Client, Documents, Fixture, sticky_cookie};

const CLIENTS: usize = 10_000;
const CONNECTIONS: usize = 8;
const RELOADS: usize = 50;

/// A client: what it was given, and where that was.
#[derive(Default)]
struct Visitor {
    cookies: String,
    home: String,
}

/// Sends one request for each of the clients, over a few connections; who answered each, and the cookies that were set.
async fn visit(connections: &mut [Client], visitors: &[Visitor]) -> Vec<(String, String)> {
    let part = visitors.len().div_ceil(connections.len()).max(1);
    let parts = connections.iter_mut().zip(visitors.chunks(part));
    let answers = parts.map(async |(connection, part)| {
        let mut answers = Vec::with_capacity(part.len());
        for Visitor { cookies, .. } in part {
            let cookie = if cookies.is_empty() {
                String::new()
            } else {
                format!("Cookie: {cookies}\r\n")
            };
            let response = connection
                .ask(format!("GET / HTTP/1.1\r\nHost: a\r\n{cookie}\r\n"))
                .await;
            assert_eq!(response.status, 200, "{response:?}");
            let pair = |set: &&str| set.split(';').next().unwrap_or_default().to_owned();
            let set: Vec<_> = response.all("set-cookie").iter().map(pair).collect();
            answers.push((response.text().to_owned(), set.join("; ")));
        }
        answers
    });
    join_all(answers).await.concat()
}

/// All of them are where they were, and are told nothing new.
async fn all_stay(connections: &mut [Client], visitors: &[Visitor]) {
    for (visitor, (now, set)) in visitors.iter().zip(visit(connections, visitors).await) {
        assert_eq!((&now, set.as_str()), (&visitor.home, ""));
    }
}

#[tokio::test]
async fn ten_thousand_clients_keep_their_endpoint_unless_it_is_removed() {
    let mut backends = Vec::new();
    for name in ["0", "1", "2", "3", "4", "5"] {
        backends.push(Backend::named(name).await);
    }
    let cookie = |name| Some::<StickyCookie>(sticky_cookie(name));
    let mut revision = 0;
    let mut documents = |endpoints: &[usize], weight: i64| {
        let addresses: Vec<_> = endpoints.iter().map(|index| backends[*index].address).collect();
        let mut documents = Documents::default()
            .service_with("a", &addresses, |leaf| leaf.sticky = cookie("inner"))
            .service("b", &[backends[5].address])
            .sticky("both", &[("a", 4), ("b", weight)], "outer")
            .route("/", "both");
        revision += 1;
        documents.config.revision += revision;
        documents
    };
    let fixture = Fixture::start(&documents(&[0, 1, 2, 3], 1)).await;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(fixture.client().await);
    }
    let mut visitors: Vec<_> = (0..CLIENTS).map(|_| Visitor::default()).collect();
    let first = visit(&mut connections, &visitors).await;
    for (visitor, (home, cookies)) in visitors.iter_mut().zip(first) {
        *visitor = Visitor { cookies, home };
    }
    for name in ["0", "1", "2", "3", "5"] {
        let count = visitors.iter().filter(|visitor| visitor.home == name).count();
        assert_eq!(count, CLIENTS / 5, "{name}");
    }

    // each of them comes back in the course of the reloads
    for part in visitors.chunks(CLIENTS / RELOADS) {
        fixture.publish(&documents(&[0, 1, 2, 3], 1)).await;
        all_stay(&mut connections, part).await;
    }
    fixture.publish(&documents(&[0, 1, 2, 3], 9)).await;
    all_stay(&mut connections, &visitors).await;
    fixture.publish(&documents(&[0, 1, 2, 3, 4], 9)).await;
    all_stay(&mut connections, &visitors).await;

    fixture.publish(&documents(&[0, 1, 3, 4], 9)).await;
    let answers = visit(&mut connections, &visitors).await;
    for (visitor, (now, set)) in visitors.iter_mut().zip(answers) {
        let moved = visitor.home == "2";
        assert_eq!(
            (now != visitor.home, !set.is_empty()),
            (moved, moved),
            "{} -> {now}",
            visitor.home
        );
        if moved {
            let (outer, _) = visitor.cookies.split_once("; ").unwrap();
            *visitor = Visitor {
                cookies: format!("{outer}; {set}"),
                home: now,
            };
        }
    }
    // and stay where they have moved to
    all_stay(&mut connections, &visitors).await;
}
