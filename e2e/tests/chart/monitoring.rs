//! Alerts and the dashboard use metrics that there are, and all of these are documented.

use std::{collections::BTreeSet, fs};

use serde_json::{Value, json};
use weir_e2e::{binaries::Binaries, cluster::kubectl::Kubectl, http, operator::Operator, proxy::Proxy};

use crate::chart::{Objects, render};

fn everything() -> Objects {
    let on = json!({"enabled": true});
    let rule = json!({"enabled": true, "labels": {"prometheus": "main"}, "alertLabels": {"team": "edge", "severity": "ignored"}});
    render(json!({"metrics": {"podMonitor": on, "prometheusRule": rule, "dashboard": on}}))
}

/// All words that look like a metric, one of ours or of one of Traefik's names.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("weir_") || word.starts_with("traefik_"))
        .map(str::to_owned)
        .collect()
}

/// As the table in a file of the operator has them: some are exposed only after something has gone wrong.
fn documented(file: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Kubectl::file(file)).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("//! | `weir_"));
    rows.flat_map(metrics).collect()
}

/// As a proxy that serves `examples/` exposes them.
async fn exposed() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let binaries = Binaries::beside_this().unwrap();
    let compiler = Operator {
        binaries: &binaries,
        folder: folder.path(),
    };
    compiler
        .compile(&Kubectl::file("examples"), "config")
        .await
        .unwrap();
    let config = folder.path().join("config");
    let proxy = Proxy::start(&binaries, &config, &folder.path().join("log"))
        .await
        .unwrap();
    let (_, text) = http::get(proxy.admin, "/metrics").await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    // a counter without labels that were counted has only its type
    let types = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = types.map(|(name, kind)| {
        if kind == "counter" {
            format!("{name}_total")
        } else {
            name.to_owned()
        }
    });
    names.collect()
}

#[tokio::test]
#[ignore = "needs helm: make e2e"]
async fn alerts_and_the_dashboard_use_metrics_that_there_are_and_a_page_has_all() {
    let mut known = documented("operator/src/metrics.rs");
    known.extend(documented("operator/src/cluster/admin/collect.rs"));
    known.extend(exposed().await);
    let page = metrics(&fs::read_to_string(Kubectl::file("docs/operations.md")).unwrap());
    assert_eq!(
        known.symmetric_difference(&page).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    for histogram in ["weir_compile_seconds", "weir_publish_seconds"] {
        assert!(known.contains(histogram));
        known.insert(format!("{histogram}_bucket"));
    }
    let objects = everything();
    let rules = objects.get("PrometheusRule", "weir")["spec"]["groups"].to_string();
    let dashboard = objects.get("ConfigMap", "weir-dashboard")["data"]["weir.json"]
        .as_str()
        .unwrap();
    for (text, least) in [(rules.as_str(), 10), (dashboard, 20)] {
        let used = metrics(text);
        assert!(used.len() > least, "{used:?}");
        assert_eq!(used.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn an_alert_says_what_it_means_and_what_to_do() {
    let objects = everything();
    let rule = objects.get("PrometheusRule", "weir");
    assert_eq!(rule["metadata"]["labels"]["prometheus"], "main");
    let groups = rule["spec"]["groups"].as_array().unwrap();
    for alert in groups.iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let text = |field: &str| alert["annotations"][field].as_str().unwrap();
        assert!(
            ["summary", "description", "runbook"]
                .iter()
                .all(|field| text(field).len() > 20),
            "{alert}"
        );
        assert!(
            ["info", "warning", "critical"]
                .iter()
                .any(|severity| alert["labels"]["severity"] == *severity)
        );
        assert_eq!(alert["labels"]["team"], "edge");
        let expression = alert["expr"].as_str().unwrap();
        assert!(expression.contains("job=\"weir-system/weir-"), "{expression}");
        assert!(
            !expression.contains("OPERATOR") && !expression.contains("PROXIES"),
            "{expression}"
        );
    }
    // that is what the label `job` is made of
    for component in ["operator", "proxy"] {
        let monitor = objects.get("PodMonitor", &format!("weir-{component}"));
        let ports = &objects.pods(component)["spec"]["containers"][0]["ports"];
        let named = ports
            .as_array()
            .unwrap()
            .iter()
            .any(|port| port["name"] == monitor["spec"]["podMetricsEndpoints"][0]["port"]);
        assert!(named, "{ports}");
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_dashboard_is_json_that_grafana_takes() {
    let objects = everything();
    let map = objects.get("ConfigMap", "weir-dashboard");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    let dashboard: Value = serde_json::from_str(map["data"]["weir.json"].as_str().unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}
