//! Ways around a route.

use crate::support::{
    Documents, Fixture, Recorder,
    frames::{Raw, Said, request},
};

/// What each of two routes was sent: the targets at `/public`, and those at `/admin`.
async fn sent(target: &str) -> (u16, String, String) {
    let [public, admin] = [Recorder::start().await, Recorder::start().await];
    let documents = Documents::default()
        .service("public", &[public.address()])
        .service("admin", &[admin.address()])
        .route("/public", "public")
        .route("/admin", "admin");
    let fixture = Fixture::start(&documents).await;
    let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = fixture.client().await.ask(request).await;
    let target = |recorder: &Recorder| {
        let seen = recorder.all();
        seen.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    (response.status, target(&public), target(&admin))
}

#[tokio::test]
async fn a_detour_leads_where_it_ends() {
    for target in [
        "/public/../admin",
        "/public/./../admin",
        "/public/%2e%2e/admin",
        "/public/.%2E/admin",
        "/public//../admin",
        "//admin",
        "/./admin",
        "/%61dmin",
        "/x/../admin",
        "/../../admin",
        "http://a/public/../admin",
    ] {
        assert_eq!(
            sent(target).await,
            (200, String::new(), "/admin".to_owned()),
            "{target}"
        );
    }
}

#[tokio::test]
async fn what_stays_encoded_hides_no_segment_from_the_rule() {
    for (target, public) in [
        ("/public/..%2fadmin", "/public/..%2Fadmin"),
        ("/public%2f..%2fadmin", "/public%2F..%2Fadmin"),
        ("/public/%2e%2e%2fadmin", "/public/..%2Fadmin"),
        ("/public/%252e%252e/admin", "/public/%252e%252e/admin"),
        ("/public/..%5cadmin", "/public/..%5Cadmin"),
        ("/public/..;/admin", "/public/..;/admin"),
        ("/public/...//admin", "/public/.../admin"),
        ("/public%00/../public", "/public"),
        ("/public?/../admin", "/public?/../admin"),
        ("/public/%23/../x", "/public/x"),
    ] {
        assert_eq!(
            sent(target).await,
            (200, public.to_owned(), String::new()),
            "{target}"
        );
    }
}

#[tokio::test]
async fn what_is_no_path_is_refused_and_what_no_rule_knows_is_not_found() {
    for (target, status) in [
        ("/public/%", 400),
        ("/public/%2", 400),
        ("/public/%zz", 400),
        ("/public/%u002e", 400),
        ("public", 400),
        ("*", 400),
        ("/%2fadmin", 404),
        ("/..%2fadmin", 404),
        ("/ADMIN", 404),
        ("/%2e%2e%2fadmin", 404),
        ("/;/admin", 404),
    ] {
        assert_eq!(
            sent(target).await,
            (status, String::new(), String::new()),
            "{target}"
        );
    }
}

#[tokio::test]
async fn it_is_the_same_over_http2() {
    let [public, admin] = [Recorder::start().await, Recorder::start().await];
    let documents = Documents::default()
        .service("public", &[public.address()])
        .service("admin", &[admin.address()])
        .route("/public", "public")
        .route("/admin", "admin");
    let fixture = Fixture::start(&documents).await;
    let mut client = Raw::connect(fixture.web).await;
    for (stream, path, said) in [
        (1, "/public/%2e%2e/admin", Said::Status(200)),
        (3, "/public/..%2fadmin", Said::Status(200)),
        (5, "/public/%zz", Said::Status(400)),
        (7, "/ADMIN", Said::Status(404)),
    ] {
        assert_eq!(
            client.ask(stream, &request("GET", path, &[])).await,
            said,
            "{path}"
        );
    }
    assert!(admin.all().starts_with("GET /admin "));
    assert!(public.all().starts_with("GET /public/..%2Fadmin "));
}
