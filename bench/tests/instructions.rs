//! How many instructions it takes to find a route, to pick a service and to compile, as callgrind counts them. Time is
//! noise on machines that do other things as well; this is the same each time for one compiler and profile.
//!
//! A test runs itself once more under valgrind, for one of [`CASES`], and has only that counted which runs inside of
//! [`counted`].

// tells clippy that helpers are tests as well
#![cfg(test)]

use std::{hint::black_box, net::IpAddr, process::Command};

use http::HeaderMap;
use weir_bench::objects;
use weir_model::{document::Config, rule::Matcher, weight::Weight};
use weir_operator::compile::{Options, Snapshot, compile};
use weir_proxy::{
    balance::{ForestBuilder, LeafIndex},
    router::{RequestView, Table},
};

type Case = (&'static str, fn(), u64, u64);

/// The name of a case, what it does, how often that is, and at most how many instructions each time: what it takes in the
/// profile of tests, and a twentieth more. Who makes something faster lowers its limit.
const CASES: [Case; 5] = [
    ("lookup-10", || lookup(10), LOOKUPS, 970),
    ("lookup-1k", || lookup(1000), LOOKUPS, 988),
    ("lookup-10k", || lookup(10_000), LOOKUPS, 1006),
    ("pick", pick, PICKS, 117),
    ("compile", services, SERVICES as u64, 163_000),
];

const LOOKUPS: u64 = 1000;
const PICKS: u64 = 1000;
const SERVICES: usize = 300;
/// Says which case is to be run.
const CASE: &str = "WEIR_BENCH_CASE";

/// What runs in here is counted.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

fn lookup(routes: usize) {
    let places: Vec<_> = (0..routes).map(objects::place).collect();
    let rules: Vec<_> = places
        .iter()
        .map(|(host, path)| Matcher::all([Matcher::host(host).unwrap(), Matcher::path_prefix(path).unwrap()]))
        .collect();
    let table = Table::build(&rules.iter().collect::<Vec<_>>()).unwrap();
    let headers = HeaderMap::new();
    let client = IpAddr::from([127, 0, 0, 1]);
    counted(|| {
        for turn in 0..LOOKUPS as usize {
            // all over the table
            let wanted = turn * 7919 % routes;
            let (host, path) = &places[wanted];
            let request = RequestView::new("GET", host, path, None, &headers, client).unwrap();
            assert_eq!(table.find(&request), Some(wanted));
        }
    });
}

/// In a tree of three levels.
fn pick() {
    let weight = |weight| Weight::try_from(weight).unwrap();
    let mut builder = ForestBuilder::default();
    let leaves: Vec<_> = (0..4).map(|leaf| builder.leaf(LeafIndex(leaf))).collect();
    let low = builder.weighted([(Some(leaves[0]), weight(1)), (Some(leaves[1]), weight(1))]);
    let middle = builder.weighted([(Some(leaves[2]), weight(1)), (low, weight(2))]);
    let root = builder
        .weighted([(Some(leaves[3]), weight(1)), (middle, weight(1))])
        .unwrap();
    let forest = builder.finish();
    counted(|| {
        for n in 0..PICKS {
            assert!(black_box(forest.pick(root, n, |_| {})).is_some());
        }
    });
}

fn services() {
    let snapshot = Snapshot::from_objects(&objects::many(SERVICES).collect::<Vec<_>>());
    let compilation = counted(|| compile(&snapshot, &Options::default(), &Config::default()));
    assert!(compilation.findings.is_empty(), "{:?}", compilation.findings);
    assert_eq!(compilation.config.routes.len(), SERVICES);
}

/// Only ever run by [`nothing_takes_more_instructions_than_it_did`].
#[test]
#[ignore = "does nothing by itself"]
fn case() {
    let wanted = std::env::var(CASE).unwrap_or_default();
    for (name, run, ..) in CASES {
        if name == wanted {
            run();
        }
    }
}

/// What a case takes each time.
fn count(case: &str, times: u64) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*counted*"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "case", "--ignored", "--test-threads=1"])
        .env(CASE, case)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case}: {said}");
    let text = std::fs::read_to_string(file).unwrap();
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    total.unwrap().trim().parse::<u64>().unwrap() / times
}

#[test]
fn nothing_takes_more_instructions_than_it_did() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("left out: valgrind is not installed");
        return;
    }
    let mut over = Vec::new();
    for (name, _, times, most) in CASES {
        let each = count(name, times);
        println!("{name}: {each} instructions, at most {most} are wanted");
        assert!(each > 10, "{name}: nothing was counted");
        if each > most {
            over.push(format!("{name}: {each} instructions instead of {most}"));
        }
    }
    assert!(over.is_empty(), "{over:#?}");
}
