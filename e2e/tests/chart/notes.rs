//! What helm prints after an installation.

use serde_json::{Value, json};

use crate::chart::Chart;

/// Its commands: lines that are indented.
fn commands(values: Value) -> Vec<String> {
    let install = ["install", "weir", "CHART", "--dry-run=client"];
    let said = Chart::with(values).helm(&install, None).unwrap();
    let (_, notes) = said.split_once("NOTES:\n").unwrap();
    let lines = notes.lines().filter_map(|line| line.strip_prefix("  "));
    lines.map(str::to_owned).collect()
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_first_request_goes_where_the_service_can_be_reached() {
    for (kind, way) in [
        ("LoadBalancer", r#""http://$ADDRESS:8080/foo""#),
        ("NodePort", r#""http://$NODE:$PORT/foo""#),
        ("ClusterIP", "http://127.0.0.1:8080/foo"),
    ] {
        let entry = json!({"name": "public", "port": 8000, "exposedPort": 8080});
        let values = json!({"service": {"type": kind}, "entryPoints": [entry]});
        let commands = commands(values);
        let curl = commands.iter().find(|line| line.starts_with("curl ")).unwrap();
        assert!(curl.ends_with(way), "{curl}");
        let service = "service weir-proxy --namespace weir-system ";
        let finds = |line: &String| {
            line.replace("service/weir-proxy", "service weir-proxy")
                .contains(service)
        };
        assert!(commands.iter().any(finds), "{commands:?}");
        let port = commands.iter().any(|line| {
            line.contains("8080:8080") || line.contains("'public'") || line.contains("\"public\"")
        });
        assert!(port || kind == "LoadBalancer", "{commands:?}");
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn conditions_are_read_where_it_watches() {
    let first = |values| commands(values).swap_remove(0);
    assert_eq!(
        first(json!({})),
        "kubectl get traefikservices,ingressroutes --all-namespaces"
    );
    assert_eq!(
        first(json!({"watchNamespaces": ["apps", "shop"]})),
        "kubectl get traefikservices,ingressroutes --namespace apps"
    );
}
