//! Documents and cookies with bytes changed at random. (Heads: see `http::fuzz`.)

use std::{fs, net::Ipv4Addr, path::Path, sync::Arc};

use http::{HeaderMap, HeaderValue, header::COOKIE};
use weir_model::{
    document::{Config, EndpointSetId, Endpoints, Secrets, StickyCookie, text, validate::validate},
    entry_point::EntryPoint,
    fuzz::fuzz,
    name::NamespacedName,
};

use crate::{
    router::RequestView,
    state::{Registry, Routing, Snapshot},
    sticky::{Cookie, Places, Token},
};

/// The documents of one kind that the compiler's golden cases have.
fn documents(file: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operator/tests/cases");
    let folders = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = folders.map(|folder| folder.unwrap().path().join(file)).collect();
    paths.sort();
    let all: Vec<_> = paths.iter().filter_map(|path| fs::read(path).ok()).collect();
    assert!(all.len() > 20, "{file}");
    all
}

#[test]
fn what_is_valid_is_served_whatever_it_says() {
    let entry_points: [EntryPoint; 2] =
        ["web=127.0.0.1:0", "websecure=127.0.0.1:1,tls"].map(|text| text.parse().unwrap());
    let headers = HeaderMap::new();
    fuzz(&documents("config.json"), |bytes| {
        let Ok(text) = str::from_utf8(&bytes) else {
            return;
        };
        let Ok((config, _)) = text::read::<Config>(text) else {
            return;
        };
        if validate(&config).is_err() {
            return;
        }
        let mut endpoints = Endpoints::default();
        for name in ["svc1", "svc2", "svc3"] {
            let set = endpoints
                .sets
                .entry(EndpointSetId::new(&NamespacedName::new("apps", name), 80, ""));
            set.or_default().ready.push("10.0.0.1:80".parse().unwrap());
        }
        let mut registry = Registry::new(0);
        let Ok(routing) = Routing::build(&config, &entry_points) else {
            return;
        };
        let snapshot = Snapshot::build(
            &config,
            Arc::new(routing),
            &endpoints,
            &Secrets::default(),
            &mut registry,
        );
        for path in ["/", "/foo", "/foo/bar"] {
            let view = RequestView::new(
                "GET",
                "example.com",
                path,
                None,
                &headers,
                Ipv4Addr::LOCALHOST.into(),
            );
            let Some((_, route)) = snapshot.route(0, &view.unwrap()) else {
                continue;
            };
            for n in 0..20 {
                let pick = route
                    .target
                    .and_then(|root| snapshot.forest().pick(root, n, |_| {}));
                if let Some(pick) = pick {
                    assert!(snapshot.leaf(pick.leaf).endpoint(pick.turn, 0, &[]).is_some());
                }
            }
        }
    });
}

#[test]
fn a_cookie_names_one_of_the_places_or_none() {
    let names = ["apps-svc1-80", "apps-svc2-80", "http://10.0.0.1:80"];
    let cookie = StickyCookie {
        domain: None,
        http_only: true,
        max_age: 1,
        name: "lvl1".to_owned(),
        path: Some("/".to_owned()),
        same_site: None,
        secure: true,
    };
    let places = Places::new(Cookie::from(&cookie), names.map(Arc::from));
    let examples: Vec<_> = names
        .iter()
        .flat_map(|name| {
            let token = Token::of(name);
            [
                format!("a=b; lvl1={token}; c=d"),
                format!("lvl1=\"{name}\""),
                format!("lvl1 = {token}"),
            ]
        })
        .map(String::into_bytes)
        .collect();
    fuzz(&examples, |bytes| {
        let Ok(value) = HeaderValue::from_bytes(&bytes) else {
            return;
        };
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, value);
        let Some(found) = places.find(&headers) else {
            return;
        };
        // whoever comes with it once more is found at the same place, in today's form
        let set = places.set(found.place);
        let pair = set.to_str().unwrap().split(';').next().unwrap();
        headers.insert(COOKIE, HeaderValue::from_str(pair).unwrap());
        let again = places.find(&headers).unwrap();
        assert_eq!((again.place, again.current), (found.place, true));
    });
}
