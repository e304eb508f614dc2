//! Rounds of publishing, over an API server that keeps objects.

use serde_json::json;

use super::bench::{Bench, CONFIG, ENDPOINTS};
use crate::cluster::testing::log::Logged;

#[tokio::test]
async fn what_is_stored_already_is_not_written_again() {
    let mut bench = Bench::start().await;
    bench.compile(1);
    bench.publish().await;
    assert_eq!(bench.revision(), 1);
    assert!(!bench.api.writes().is_empty());
    // our own writes come back
    assert!(!bench.tell(CONFIG) && !bench.tell(ENDPOINTS));
    bench.publish().await;
    assert_eq!(bench.api.writes(), [""; 0]);
}

#[tokio::test]
async fn what_somebody_edits_is_restored_and_that_is_told() {
    let logged = Logged::start("info");
    let mut bench = Bench::start().await;
    bench.compile(1);
    bench.publish().await;
    bench.api.writes();
    assert_eq!(logged.lines("restored"), [""; 0]);

    let mut edited = bench.api.state().get(ENDPOINTS).cloned().unwrap();
    edited["data"] = json!({ "endpoints.json": "{}", "more": "" });
    bench.api.state().put(ENDPOINTS, edited);
    assert!(bench.tell(ENDPOINTS));
    bench.publish().await;
    let restored = bench.api.state().get(ENDPOINTS).cloned().unwrap();
    let keys: Vec<&String> = restored["data"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["endpoints.json"]);
    assert_ne!(restored["data"]["endpoints.json"], "{}");
    let told = logged.lines("restored");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("ConfigMap weir-endpoints"), "{told:?}");

    // a change is none
    bench.compile(2);
    bench.publish().await;
    assert_eq!((bench.revision(), logged.lines("restored").len()), (2, 1));
}

#[tokio::test]
async fn an_object_that_another_leader_just_made_is_not_taken_over_but_built_upon() {
    let mut other = Bench::start().await;
    other.compile(1);
    other.publish().await;
    other.compile(2);
    other.publish().await;
    let theirs = other.api.state().get(CONFIG).cloned().unwrap();

    let mut bench = Bench::start().await;
    bench.compile(1);
    let made = theirs.clone();
    // while the endpoints are stored, before which no config is
    bench.api.before(&format!("PATCH {ENDPOINTS}"), move |state| {
        state.put(CONFIG, made);
    });
    assert!(bench.publisher.round().await.is_some(), "it tries again");
    let data = |bench: &Bench| bench.api.state().get(CONFIG).cloned().unwrap()["data"].clone();
    assert_eq!(data(&bench), theirs["data"]);
    assert_eq!(bench.outputs.previous.borrow().as_ref().unwrap().revision, 2);

    bench.compile(3);
    bench.publish().await;
    assert_eq!(bench.revision(), 3);
    assert_ne!(data(&bench), theirs["data"]);
}

#[tokio::test]
async fn after_a_conflict_over_endpoints_the_config_is_read_again_too() {
    let mut bench = Bench::start().await;
    bench.compile(1);
    bench.publish().await;
    let mut theirs = bench.api.state().get(CONFIG).cloned().unwrap();
    theirs["data"]["config.json"] = {
        let mut other = Bench::start().await;
        other.compile(7);
        other.publish().await;
        let text = other.api.state().get(CONFIG).cloned().unwrap();
        text["data"]["config.json"].clone()
    };
    let mut endpoints = bench.api.state().get(ENDPOINTS).cloned().unwrap();
    endpoints["data"]["endpoints.json"] = "{}".into();
    bench.api.state().put(ENDPOINTS, endpoints.clone());
    bench.tell(ENDPOINTS);
    // both are written once more, and the watch has not told
    bench.api.state().put(ENDPOINTS, endpoints);
    bench.api.state().put(CONFIG, theirs.clone());
    assert!(bench.publisher.round().await.is_some());
    let previous = bench.outputs.previous.borrow().clone().unwrap();
    let node = previous.nodes.values().find(|node| node.source.name == "a");
    assert_eq!(node.unwrap().source.generation, 7);
}

#[tokio::test]
async fn an_object_is_made_by_one_request_which_permissions_can_confine_to_its_name() {
    let mut bench = Bench::start().await;
    bench.compile(1);
    bench.publish().await;
    let of_config = |request: &String| request.contains("configmaps");
    let writes: Vec<String> = bench.api.writes().into_iter().filter(of_config).collect();
    assert_eq!(writes, [format!("PATCH {ENDPOINTS}"), format!("PATCH {CONFIG}")]);
}
