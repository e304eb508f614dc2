//! What `sticky.cookie` says, at each level.

use super::{
    backend::Backend,
    places::{Place, plain_service},
    stage::{Scene, Stage, until},
};

async fn stage(place: Place, reference: &str, a: &Backend, b: &Backend, main: &Backend) -> Stage {
    let manifests = place.manifests(reference) + &plain_service("svc1");
    Scene::new(&manifests)
        .backend("apps/svc1", a)
        .backend("apps/svc1", b)
        .backend("apps/main", main)
        .open()
        .await
}

async fn backends() -> (Backend, Backend, Backend) {
    (
        Backend::start("a").await,
        Backend::start("b").await,
        Backend::start("main").await,
    )
}

/// As they are written, and what they make of the cookie behind its name and value.
const OPTIONS: [(&str, &str); 9] = [
    ("", "; Path=/"),
    ("secure: true", "; Path=/; Secure"),
    ("httpOnly: true", "; Path=/; HttpOnly"),
    ("sameSite: none", "; Path=/; SameSite=None"),
    ("sameSite: Strict", "; Path=/; SameSite=Strict"),
    ("maxAge: 42", "; Path=/; Max-Age=42"),
    ("maxAge: -1", "; Path=/; Max-Age=0"),
    (
        "path: /foo, domain: .example.com",
        "; Path=/foo; Domain=example.com",
    ),
    (
        "path: '', secure: true, httpOnly: true, sameSite: lax, maxAge: 7",
        "; Max-Age=7; HttpOnly; Secure; SameSite=Lax",
    ),
];

#[tokio::test]
async fn the_options_of_a_services_cookie_are_its_attributes_and_it_leads_back() {
    let (a, b, main) = backends().await;
    for place in Place::ANSWERING {
        for (options, attributes) in OPTIONS {
            let reference = format!("name: svc1, port: 80, sticky: {{cookie: {{name: pin, {options}}}}}");
            let stage = stage(place, &reference, &a, &b, &main).await;
            let first = stage.get("/").await;
            let set = first.all("set-cookie");
            let [set] = set.as_slice() else {
                panic!("{place:?} {options}: {first:?}");
            };
            let (pair, rest) = set.split_at(set.find(';').unwrap_or(set.len()));
            assert_eq!(rest, attributes, "{place:?} {options}");
            let (name, value) = pair.split_once('=').unwrap();
            assert_eq!((name, value.len()), ("pin", 16), "{place:?} {options}");
            for _ in 0..3 {
                let again = stage.curl("/", &["-b", pair]).await;
                assert_eq!(
                    (&again.body, again.cookies()),
                    (&first.body, vec![]),
                    "{place:?} {options}"
                );
            }
        }
    }
}

#[tokio::test]
async fn without_a_name_the_cookie_has_traefiks() {
    let (a, b, main) = backends().await;
    for place in [Place::Weighted, Place::Main] {
        let stage = stage(place, "name: svc1, port: 80, sticky: {cookie: {}}", &a, &b, &main).await;
        let set = stage.get("/").await;
        // that of `apps-svc1-80@kubernetescrd`
        assert!(set.cookies()[0].starts_with("_5fb97="), "{place:?}: {set:?}");
    }
}

#[tokio::test]
async fn a_mirrors_cookies_never_reach_the_client() {
    let (a, b, main) = backends().await;
    let stage = stage(
        Place::Mirror,
        "name: svc1, port: 80, sticky: {cookie: {name: pin}}",
        &a,
        &b,
        &main,
    )
    .await;
    for _ in 0..4 {
        let answer = stage.get("/").await;
        assert_eq!((answer.body.as_str(), answer.cookies()), ("main", vec![]));
    }
    until("the copies to arrive", async || {
        a.seen().len() + b.seen().len() == 4
    })
    .await;
}

#[tokio::test]
async fn the_options_of_weighted_services_cookie_are_its_attributes_and_it_leads_back() {
    let (a, b, _) = backends().await;
    for (options, attributes) in OPTIONS {
        let manifests = Place::Weighted
            .manifests("name: svc1, port: 80}, {name: svc2, port: 80")
            .replace(
                "weighted: {",
                &format!("weighted: {{sticky: {{cookie: {{name: pin, {options}}}}}, "),
            );
        let manifests = manifests + &plain_service("svc1") + &plain_service("svc2");
        let scene = Scene::new(&manifests).backend("apps/svc1", &a);
        let stage = scene.backend("apps/svc2", &b).open().await;
        for _ in 0..2 {
            let first = stage.get("/").await;
            let [pair] = first.cookies()[..] else {
                panic!("{options}: {first:?}");
            };
            assert_eq!(
                first.all("set-cookie"),
                [format!("{pair}{attributes}")],
                "{options}"
            );
            let again = stage.curl("/", &["-b", pair]).await;
            assert_eq!((&again.body, again.cookies()), (&first.body, vec![]), "{options}");
        }
    }
}
