//! What the README shows of a cluster: its commands are run, and say what it says.

use std::path::Path;

use weir_e2e::{
    cluster::{Cluster, app::App, kubectl::Kubectl, release::Release},
    markdown::{blocks, words},
};

/// A command of the README, and what is shown of its output.
#[derive(Debug)]
struct Shown {
    command: Vec<String>,
    output: Vec<String>,
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn kubectl_says_what_the_readme_says() {
    let cluster = Cluster::shared().await.unwrap();
    let apps = cluster.namespace_called("apps").await.unwrap();
    let own = cluster.namespace().await.unwrap();
    let mut running = Vec::new();
    for name in ["svc1", "svc2", "svc3"] {
        running.push(App::start(&apps, name).await.unwrap());
    }
    let mut release = Release::new(&own).unwrap();
    release.operators.namespaces = vec![apps.name.clone()];
    let _operator = release.operator("operator").await.unwrap();
    let _proxy = release.proxy().await.unwrap();

    let page = std::fs::read_to_string(Kubectl::file("README.md")).unwrap();
    let shown = shown(&page);
    assert!(shown.len() > 10, "{shown:?}");
    for Shown { command, output } in &shown {
        let arguments: Vec<_> = command.iter().map(|word| argument(word)).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let said = cluster.kubectl().run(&arguments).await.unwrap();
        if let Err(line) = compare(output, &said) {
            panic!("{command:?} does not say {line:?}, but\n{said}");
        }
    }
}

/// Paths in the README start where it is.
fn argument(word: &str) -> String {
    let path = Kubectl::file(word);
    if Path::new(&path).exists() {
        path
    } else {
        word.to_owned()
    }
}

/// In the blocks with the language `console`, lines that start with `$ kubectl` and those that follow.
fn shown(page: &str) -> Vec<Shown> {
    let blocks = blocks(page).into_iter();
    let mut shown: Vec<Shown> = Vec::new();
    for (_, block) in blocks.filter(|(language, _)| *language == "console") {
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ kubectl ") {
                shown.push(Shown {
                    command: words(command),
                    output: Vec::new(),
                });
            } else if let Some(last) = shown.last_mut() {
                last.output.push(line.to_owned());
            }
        }
    }
    shown
}

/// That each line shown is said, in this order and with nothing between but where `…` stands; or the one that is not.
/// Nothing shown means that it does not matter.
fn compare(shown: &[String], said: &str) -> Result<(), String> {
    let mut said = said.trim_end().lines();
    let mut skip = false;
    for line in shown {
        if line == "…" {
            skip = true;
            continue;
        }
        let found = if skip {
            said.any(|other| same(line, other))
        } else {
            said.next().is_some_and(|other| same(line, other))
        };
        if !found {
            return Err(line.clone());
        }
        skip = false;
    }
    match said.next() {
        Some(more) if !skip && !shown.is_empty() => Err(format!("nothing after the last line, not {more:?}")),
        _ => Ok(()),
    }
}

/// Whether two lines are the same, but for times, the width of columns, and how many revisions it took: a busy API server
/// brings the objects in more than one batch.
fn same(shown: &str, said: &str) -> bool {
    words_of(shown) == words_of(said)
}

fn words_of(line: &str) -> Vec<String> {
    let mut words: Vec<String> = line.split_whitespace().map(without_time).collect();
    if let Some(revision) = words.iter().position(|word| word == "revision")
        && let Some(number) = words.get_mut(revision + 1)
        && number.parse::<u64>().is_ok()
    {
        "NUMBER".clone_into(number);
    }
    words
}

fn without_time(word: &str) -> String {
    let age = word
        .strip_suffix(['s', 'm'])
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    let moment = word.ends_with('Z') && word.contains('T') && word.starts_with("20");
    if age || moment {
        "TIME".to_owned()
    } else {
        word.to_owned()
    }
}

#[test]
fn what_differs_is_found() {
    let shown = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let said = "NAME  AGE\na     2s\nb     1m\n";
    assert_eq!(compare(&shown(&["NAME AGE", "a 1s", "b 3s"]), said), Ok(()));
    assert_eq!(compare(&shown(&["…", "b 3s"]), said), Ok(()));
    assert_eq!(compare(&shown(&["NAME AGE", "…"]), said), Ok(()));
    assert_eq!(compare(&[], said), Ok(()));
    assert_eq!(compare(&shown(&["b 3s"]), said), Err("b 3s".to_owned()));
    assert!(compare(&shown(&["NAME AGE", "a 1s"]), said).is_err());
    let said = "1 of 1 proxies run revision 3";
    assert_eq!(compare(&shown(&["1 of 1 proxies run revision 2"]), said), Ok(()));
    assert!(compare(&shown(&["2 of 2 proxies run revision 3"]), said).is_err());
}
