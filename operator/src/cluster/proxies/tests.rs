use prometheus_client::registry::Registry;

use super::*;
use crate::cluster::testing::{api::FakeApi, log::Logged};
use crate::cluster::watch::{Health, WatchHealth};

fn proxies(api: &FakeApi) -> (Proxies, Others) {
    let settings = Settings {
        namespace: "weir".to_owned(),
        selector: "app=proxy".to_owned(),
        admin_port: 9000,
    };
    let (claim, leadership) = Leadership::always();
    let (state, published) = watch::channel(State::default());
    let (reporter, health) = Reporter::new(&[]);
    let metrics = Metrics::register(&mut Registry::default());
    let (proxies, seen) = Proxies::new(
        api.client.clone(),
        settings,
        leadership,
        published,
        metrics,
        reporter,
    );
    let others = Others {
        seen,
        health,
        _claim: claim,
        _state: state,
    };
    (proxies, others)
}

/// What others hold.
struct Others {
    seen: watch::Receiver<Option<Known>>,
    health: watch::Receiver<Health>,
    _claim: watch::Sender<Option<Instant>>,
    _state: watch::Sender<State>,
}

#[tokio::test]
async fn that_pods_cannot_be_listed_is_told_instead_of_what_they_serve() {
    let api = FakeApi::start().await;
    api.refuse(
        "GET /api/v1/namespaces/weir/pods",
        403,
        r#"pods is forbidden: User "me" cannot list resource "pods" in API group "" in the namespace "weir""#,
    );
    let (mut proxies, mut others) = proxies(&api);
    proxies.tell(true);
    assert_eq!(*others.seen.borrow(), None, "it may be known soon");
    proxies.patience = Some(Instant::now());
    tokio::spawn(proxies.run());
    let told = others.seen.wait_for(
        |known| matches!(known, Some(Err(why)) if why.contains(r#"permission is missing: user "me" needs verb "list" on "pods""#)),
    );
    tokio::time::timeout(Duration::from_secs(20), told)
        .await
        .expect("nothing is told")
        .unwrap();
    let health = others.health.borrow();
    let (watched, state) = health.first_key_value().unwrap();
    assert_eq!(watched.to_string(), "the proxies' pods");
    assert!(
        matches!(state, WatchHealth::Failing(why) if why.contains("permission is missing")),
        "{state:?}"
    );
}

#[tokio::test]
async fn pods_that_are_listed_late_are_told_once_they_were_asked() {
    let api = FakeApi::start().await;
    let (mut proxies, others) = proxies(&api);
    proxies.patience = None;
    proxies.tell(true);
    assert!(matches!(*others.seen.borrow(), Some(Err(_))));
    proxies
        .schedule
        .running(&[("p".to_owned(), "1".to_owned())].into(), Instant::now());
    proxies.listed = true;
    proxies.tell(true);
    assert!(matches!(*others.seen.borrow(), Some(Err(_))));
    proxies.schedule.answered("p", "1", None, Instant::now());
    proxies.tell(true);
    assert_eq!(*others.seen.borrow(), Some(Ok(Vec::new())));
    proxies.tell(false);
    assert_eq!(*others.seen.borrow(), None);
}

#[tokio::test]
async fn what_fails_with_a_pod_is_told_until_it_works() {
    let api = FakeApi::start().await;
    let (mut proxies, _others) = proxies(&api);
    let pod = ProxyPod {
        name: "a".to_owned(),
        incarnation: "1".to_owned(),
        admin: Some(([10, 0, 0, 7], 9000).into()),
        ready: true,
    };
    proxies.pods.insert("a".to_owned(), pod.clone());
    proxies.follow();
    let asked = |incarnation: &str, answer| Done::Asked {
        pod: "a".to_owned(),
        incarnation: incarnation.to_owned(),
        answer,
    };
    let touched = |result| Done::Touched {
        pod: "a".to_owned(),
        again: false,
        result,
    };
    let refused = || Err("connection refused".to_owned());
    let refused_text = "its admin port 10.0.0.7:9000: connection refused";
    let no_answer_text = "it cannot be annotated: the API server does not answer within 5s";
    let steps = [
        (asked("0", refused()), None),
        (asked("1", refused()), Some(refused_text.to_owned())),
        (
            touched(Err(WriteError::NoAnswer)),
            Some(format!("{refused_text}; {no_answer_text}")),
        ),
        (asked("1", Ok(Answer::default())), Some(no_answer_text.to_owned())),
        (touched(Ok(())), None),
    ];
    for (done, trouble) in steps {
        if matches!(done, Done::Asked { .. }) {
            proxies.asking += 1;
        }
        proxies.done(done);
        assert_eq!(proxies.proxy(&pod, Instant::now()).trouble, trouble);
    }
}

#[tokio::test]
async fn that_pods_cannot_be_touched_is_told_once_for_all_of_them() {
    let logged = Logged::start("info");
    let api = FakeApi::start().await;
    let (mut proxies, _others) = proxies(&api);
    let leadership = proxies.leadership.clone();
    api.refuse(
        "PATCH /api/v1/namespaces/weir/pods/",
        403,
        r#"pods "a" is forbidden: User "me" cannot patch resource "pods" in API group "" in the namespace "weir""#,
    );
    for pod in ["a", "b", "gone"] {
        if pod == "gone" {
            api.refuse("PATCH /api/v1/namespaces/weir/pods/", 404, "not found");
            proxies.warned = None;
        }
        let done = touch(proxies.api(), leadership.clone(), pod.to_owned(), false).await;
        proxies.done(done);
    }
    let told = logged.lines("cannot annotate");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(r#"resources: ["pods"], verbs: ["patch"]"#),
        "{told:?}"
    );
}
