use std::os::unix::fs::PermissionsExt as _;

use weir_model::document::{Config, Endpoints, NodeId, Secrets, text::read};
use weir_model::name::NamespacedName;

use crate::support::{Folder, served, weighted};

fn config(folder: &Folder) -> Config {
    read::<Config>(&folder.read("out/config.json"))
        .expect("a config")
        .0
}

fn has(config: &Config, name: &str) -> bool {
    config
        .nodes
        .contains_key(&NodeId::traefik_service(&NamespacedName::new("apps", name)))
}

#[test]
fn good_manifests_become_three_documents() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a"));
    let run = folder.run(&["compile", "a.yaml", "-o", "out"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(
        folder.names("out"),
        ["config.json", "endpoints.json", "secrets.json"]
    );
    assert!(has(&config(&folder), "a"));
    read::<Endpoints>(&folder.read("out/endpoints.json")).expect("endpoints");
    read::<Secrets>(&folder.read("out/secrets.json")).expect("secrets");
    let mode = std::fs::metadata(folder.path("out/secrets.json"))
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn compiling_again_changes_nothing() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a"));
    folder.run(&["compile", "a.yaml", "-o", "out"]);
    let first = folder.read("out/config.json");
    let run = folder.run(&["compile", "a.yaml", "-o", "out", "--previous", "out/config.json"]);
    assert_eq!((run.code, folder.read("out/config.json")), (0, first));
}

#[test]
fn a_bad_edit_is_reported_and_what_was_accepted_goes_on() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a"));
    folder.run(&["compile", "a.yaml", "-o", "out"]);
    folder.write("a.yaml", served("a") + &weighted("b", &["b"]));
    let again = served("a").replace("- {name: svc-a, port: 80}", "- {name: a, kind: TraefikService}");
    folder.write("a.yaml", again);
    let run = folder.run(&["compile", "a.yaml", "-o", "out", "--previous", "out/config.json"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("what was accepted before keeps being served"),
        "{}",
        run.stderr
    );
    assert!(has(&config(&folder), "a"));
}

#[test]
fn without_a_previous_config_the_rest_is_written() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a") + &weighted("b", &["b"]));
    let run = folder.run(&["compile", "a.yaml", "-o", "out"]);
    assert_eq!(run.code, 1);
    let config = config(&folder);
    assert!(has(&config, "a") && !has(&config, "b"));
}

#[test]
fn broken_yaml_writes_nothing() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a") + "a: [\n");
    let run = folder.run(&["compile", "a.yaml", "-o", "out"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("error[WEIR0053]"), "{}", run.stderr);
    assert!(folder.names("out").is_empty());
}

#[test]
fn a_previous_file_that_is_no_config_is_an_error() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a")).write("old.json", "{}");
    let run = folder.run(&["compile", "a.yaml", "-o", "out", "--previous", "old.json"]);
    assert_eq!(run.code, 2);
    assert!(
        run.stderr.contains("old.json is no config; leave --previous out"),
        "{}",
        run.stderr
    );
    assert!(folder.names("out").is_empty());
}

#[test]
fn a_folder_that_cannot_be_written_keeps_its_files() {
    let folder = Folder::new();
    folder
        .write("a.yaml", served("a"))
        .write("out", "a file, not a folder");
    let run = folder.run(&["compile", "a.yaml", "-o", "out"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("cannot write to out"), "{}", run.stderr);
    assert_eq!(folder.read("out"), "a file, not a folder");
}
