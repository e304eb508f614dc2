//! The admin port and the log of a running operator.

use hyper::StatusCode;
use serde_json::Value;
use weir_e2e::{
    cluster::{
        Cluster,
        namespace::Namespace,
        operator::OperatorProcess,
        release::Release,
        resource::{INGRESS_ROUTE, TRAEFIK_SERVICE},
        wait::eventually,
    },
    http,
};

use crate::{
    shape::{impossible, route, silent_service, traefik_service, weighted},
    told::{LIMIT, NO_PROXIES, await_told, told},
};

/// Each with its type in the exposition.
const METRICS: [(&str, &str); 18] = [
    ("weir_build_info", "gauge"),
    ("weir_compile_failures", "counter"),
    ("weir_compile_seconds", "histogram"),
    ("weir_compiled_revision", "gauge"),
    ("weir_events", "counter"),
    ("weir_findings", "gauge"),
    ("weir_leader", "gauge"),
    ("weir_objects", "gauge"),
    ("weir_proxies", "gauge"),
    ("weir_proxy_acknowledgements", "counter"),
    ("weir_proxy_notifications", "counter"),
    ("weir_publish_failures", "counter"),
    ("weir_publish_seconds", "histogram"),
    ("weir_published_bytes", "counter"),
    ("weir_published_objects", "counter"),
    ("weir_resource_condition", "gauge"),
    ("weir_status_writes", "counter"),
    ("weir_watch", "gauge"),
];

async fn page(operator: &OperatorProcess, path: &str) -> (StatusCode, String) {
    let (status, body) = http::get(operator.admin, path).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned())
}

async fn good_and_bad(namespace: &Namespace<'_>) {
    silent_service(namespace, "svc1").await.unwrap();
    let create = async |name, spec| namespace.create(TRAEFIK_SERVICE, name, spec).await.unwrap();
    create("good", weighted(&[("svc1", 1)])).await;
    create("bad", impossible("svc1")).await;
    let spec = route("example.com", &traefik_service("good"));
    namespace.create(INGRESS_ROUTE, "web", spec).await.unwrap();
}

async fn await_good_and_bad(namespace: &Namespace<'_>) {
    await_told(namespace, TRAEFIK_SERVICE, "good", &[NO_PROXIES])
        .await
        .unwrap();
    await_told(namespace, INGRESS_ROUTE, "web", &[NO_PROXIES])
        .await
        .unwrap();
    let refused = [told("Accepted", "False", "InvalidPercent", "150")];
    await_told(namespace, TRAEFIK_SERVICE, "bad", &refused)
        .await
        .unwrap();
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn the_admin_port_tells_health_and_metrics() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    good_and_bad(&namespace).await;
    let release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    await_good_and_bad(&namespace).await;

    assert_eq!(
        page(&operator, "/livez").await,
        (StatusCode::OK, "ok\n".to_owned())
    );
    let ready = "ready: this replica writes\n".to_owned();
    assert_eq!(page(&operator, "/readyz").await, (StatusCode::OK, ready));
    assert_eq!(page(&operator, "/nothing").await.0, StatusCode::NOT_FOUND);

    let metrics = operator.metrics().await.unwrap();
    let described: Vec<_> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    let expected = METRICS.map(|(name, kind)| format!("{name} {kind}"));
    let mut sorted = described.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected, "{metrics}");
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");

    let name = &namespace.name;
    for series in [
        "weir_leader 1".to_owned(),
        "weir_objects{kind=\"TraefikService\"} 2".to_owned(),
        "weir_objects{kind=\"IngressRoute\"} 1".to_owned(),
        "weir_proxies{state=\"ready\"} 0".to_owned(),
        "weir_status_writes_total{result=\"written\"} 3".to_owned(),
        "weir_events_total{result=\"created\"} 1".to_owned(),
        "weir_published_objects_total{kind=\"ConfigMap\"} 2".to_owned(),
        "weir_published_objects_total{kind=\"Secret\"} 1".to_owned(),
        "weir_publish_failures_total{reason=\"owner_gone\"} 0".to_owned(),
        "weir_proxy_notifications_total{attempt=\"repeated\"} 0".to_owned(),
        "weir_compiled_revision{} 1".to_owned(),
        "weir_findings{code=\"WEIR0007\",reason=\"InvalidPercent\",severity=\"error\"} 1".to_owned(),
        format!("weir_watch{{kind=\"Secret\",namespace=\"{name}\",state=\"watching\"}} 1"),
    ] {
        assert!(
            metrics.lines().any(|line| line == series),
            "{series} is not in {metrics}"
        );
    }
    let condition = |kind: &str, object: &str, condition: &str, status: &str| {
        format!(
            "weir_resource_condition{{kind=\"{kind}\",namespace=\"{name}\",name=\"{object}\",type=\"{condition}\",status=\"{status}\"}} 1"
        )
    };
    for series in [
        condition("TraefikService", "good", "Accepted", "True"),
        condition("TraefikService", "good", "ResolvedRefs", "True"),
        condition("TraefikService", "good", "Programmed", "False"),
        condition("TraefikService", "good", "Ready", "False"),
        condition("TraefikService", "bad", "Accepted", "False"),
        condition("TraefikService", "bad", "Ready", "False"),
        condition("IngressRoute", "web", "Accepted", "True"),
        condition("IngressRoute", "web", "Programmed", "False"),
    ] {
        assert!(
            metrics.lines().any(|line| line == series),
            "{series} is not in {metrics}"
        );
    }
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn the_log_level_can_be_changed_while_it_runs() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    good_and_bad(&namespace).await;
    let release = Release::new(&namespace).unwrap();
    let operator = release.operator("first").await.unwrap();
    await_good_and_bad(&namespace).await;
    let compiled = || operator.process.log().matches("DEBUG").count();
    assert_eq!(compiled(), 0, "{}", operator.process.log());
    assert_eq!(page(&operator, "/log-level").await.1, "info\n");

    let put = async |level: &str| {
        let (status, body) = http::put(operator.admin, "/log-level", level).await.unwrap();
        (status, String::from_utf8_lossy(&body).into_owned())
    };
    let (status, said) = put("loud").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(said.contains("\"loud\" is no log level"), "{said}");
    assert_eq!(page(&operator, "/log-level").await.1, "info\n");

    let level = "info,weir_operator=debug";
    assert_eq!(put(level).await.0, StatusCode::OK);
    assert_eq!(
        page(&operator, "/log-level").await.1,
        "weir_operator=debug,info\n"
    );
    namespace.delete(TRAEFIK_SERVICE, "bad").await.unwrap();
    eventually("the next compilation is logged", LIMIT, async || {
        let log = operator.process.log();
        let told = log
            .lines()
            .any(|line| line.contains("DEBUG") && line.contains("compiled changes="));
        anyhow::ensure!(told, "{log}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "needs Kubernetes: make e2e"]
async fn each_line_of_a_json_log_is_an_object_with_time_level_and_message() {
    let cluster = Cluster::shared().await.unwrap();
    let namespace = cluster.namespace().await.unwrap();
    good_and_bad(&namespace).await;
    let mut release = Release::new(&namespace).unwrap();
    release
        .operators
        .arguments
        .extend(["--log-format=json", "--log-level=debug"].map(str::to_owned));
    let mut operator = release.operator("first").await.unwrap();
    await_good_and_bad(&namespace).await;
    operator.process.terminate(LIMIT).await.unwrap();

    let log = operator.process.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        for field in ["timestamp", "level", "message", "target"] {
            assert!(line[field].is_string(), "{field} of {line}");
        }
    }
    let name = &namespace.name;
    let told = |fields: &[(&str, &str)]| {
        let matching = lines
            .iter()
            .filter(|line| fields.iter().all(|(key, value)| line[*key] == *value));
        matching.count()
    };
    let finding = format!("TraefikService {name}/bad");
    let finding = [
        ("level", "WARN"),
        ("object", &finding),
        ("code", "WEIR0007"),
        ("reason", "InvalidPercent"),
    ];
    assert_eq!(told(&finding), 1, "{log}");
    assert_eq!(
        told(&[("level", "INFO"), ("message", "gave the lease back")]),
        1,
        "{log}"
    );
}
