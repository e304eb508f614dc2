use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command};

fn parse(arguments: &[&str]) -> Result<Run, String> {
    let all = ["weir-operator", "run"].iter().chain(arguments);
    match Cli::try_parse_from(all)
        .map_err(|error| error.to_string())?
        .command
    {
        Command::Run(run) => Ok(*run),
        _ => Err("another command".to_owned()),
    }
}

fn settings(arguments: &[&str]) -> Settings {
    parse(arguments)
        .unwrap()
        .settings("me".to_owned(), "mine")
        .unwrap()
}

#[test]
fn names_come_from_the_release() {
    let settings = settings(&["--release", "edge"]);
    assert_eq!(settings.owner, "edge-owner");
    assert_eq!(settings.lease.as_deref(), Some("edge-operator"));
    assert!(
        settings
            .proxies
            .selector
            .contains("app.kubernetes.io/instance=edge,")
    );
    assert_eq!(settings.admin, ADMIN);
}

#[test]
fn namespaces_are_those_given_or_all() {
    assert!(settings(&[]).scope.includes("anything"));
    let some = settings(&["--namespace", "a", "--namespace", "b", "--own-namespace", "here"]);
    assert!(some.scope.includes("b") && !some.scope.includes("c"));
    assert_eq!(
        (some.publish.namespace.as_str(), some.proxies.namespace.as_str()),
        ("here", "here")
    );
    assert_eq!(settings(&[]).publish.namespace, "mine");
}

#[test]
fn without_an_election_there_is_no_lease() {
    assert_eq!(settings(&["--leader-elect=false", "--lease", "x"]).lease, None);
    assert_eq!(
        settings(&["--leader-elect=true", "--lease", "x"])
            .lease
            .as_deref(),
        Some("x")
    );
}

#[test]
fn the_holdoff_is_a_duration_that_its_limit_allows() {
    assert_eq!(settings(&[]).waits, Waits::default());
    let waits = settings(&["--holdoff", "200ms", "--holdoff-max", "1m"]).waits;
    assert_eq!(
        (waits.quiet, waits.longest),
        (Duration::from_millis(200), Duration::from_mins(1))
    );
    let error = parse(&["--holdoff=-1ms"]).unwrap_err();
    assert!(error.contains("-1ms is below zero"), "{error}");
    let error = parse(&["--holdoff", "2s"]).unwrap().run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "--holdoff is 2s, longer than --holdoff-max, which is 1s"
    );
}

#[test]
fn no_two_processes_have_one_identity() {
    let run = parse(&["--identity", "pod-1"]).unwrap();
    let provider = aws_lc_rs::default_provider();
    let (first, second) = (run.identity(&provider).unwrap(), run.identity(&provider).unwrap());
    assert!(first.starts_with("pod-1_") && first != second, "{first} {second}");
}

#[test]
fn values_that_cannot_be_meant_are_refused() {
    for arguments in [
        ["--namespace", "a.b"],
        ["--own-namespace", "Apps"],
        [
            "--release",
            "a-release-with-a-name-that-is-longer-than-helm-allows-it",
        ],
        ["--owner", "a@b"],
        ["--proxy-selector", "app=weir,,tier=proxy"],
        ["--proxy-selector", ""],
        ["--proxy-admin-port", "0"],
        ["--endpoint-shards", "0"],
        ["--secret-shards", "257"],
        ["--admin", "9090"],
        ["--holdoff", "soon"],
        ["--holdoff-max", "2h"],
        ["--leader-elect", "perhaps"],
        ["--log-level", "loud"],
        ["--log-format", "xml"],
    ] {
        let error = parse(&arguments).unwrap_err();
        assert!(error.contains(arguments[0]), "{arguments:?}: {error}");
    }
}

#[test]
fn selectors_are_taken_as_kubernetes_writes_them() {
    for text in [
        "a",
        "!a",
        "a=b",
        "a==b,c!=d",
        "app.kubernetes.io/name in (x, y),z notin (w)",
    ] {
        assert_eq!(selector(text), Ok(text.to_owned()));
    }
}
