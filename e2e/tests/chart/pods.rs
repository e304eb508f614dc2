//! The pods: flags that both programs take, selectors that match, an end that loses no request.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::{Value, json};
use weir_e2e::binaries::Binaries;
use weir_model::entry_point::EntryPoint;

use crate::chart::{Chart, Objects, render};

/// Entry points of all sorts.
fn entry_points() -> Value {
    json!([
        {"name": "web", "port": 8000, "exposedPort": 80, "default": true, "nodePort": 30080},
        {"name": "websecure", "port": 8443, "exposedPort": 443, "tls": true},
        {"name": "internal-2", "port": 8001, "forwardedHeaders": {"insecure": true}},
        {
            "name": "other", "port": 8002, "http": {"redirections": {"entryPoint": {"to": "websecure"}}},
            "proxyProtocol": {"trustedIPs": ["10.0.0.0/8", "fd00::/8"], "insecure": false},
            "forwardedHeaders": {"trustedIPs": ["192.0.2.1"]},
        },
        {
            "name": "more", "port": 8003,
            "http": {"redirections": {"entryPoint": {"to": ":8443", "scheme": "http", "permanent": false}}},
        },
    ])
}

/// With every flag that the chart can write.
fn all_flags() -> Value {
    json!({
        "entryPoints": entry_points(),
        "ingressClass": "edge", "requireIngressClass": true,
        "allowCrossNamespace": true, "allowExternalName": true,
        "watchNamespaces": ["apps", "shop"],
        "graph": {"maxDepth": 3, "maxNodes": 4_000_000_000_u32},
        "healthCheck": {"interval": "1m30s", "timeout": "1.5s"},
        "delivery": {"endpointShards": 4, "secretShards": 2},
        "metrics": {"buckets": [0.005, 1, 10]},
        "operator": {"log": {"level": "info,weir_operator=debug", "format": "text"}, "extraArgs": ["--lease=other"]},
        "proxy": {
            "threads": 3, "drainDelaySeconds": 30, "gracePeriodSeconds": 60, "extraArgs": ["--max-headers=90"],
            "accessLog": {"enabled": true, "format": "common", "dropQuery": true},
            "log": {"level": "warn"}, "limits": {"maxHeaders": null, "mirrorMaxBytes": 10_000_000_000_u64},
        },
    })
}

/// What is wrong with a command line; none: nothing. The last argument keeps the program from doing more.
fn wrong_with(program: &Path, arguments: &[String], last: &str) -> Option<String> {
    let output = Command::new(program).args(arguments).arg(last).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!output.status.success()).then_some(said)
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_programs_take_their_flags() {
    let binaries = Binaries::beside_this().unwrap();
    for values in [json!({}), all_flags()] {
        let objects = render(values);
        let (operator, proxy) = (objects.arguments("operator"), objects.arguments("proxy"));
        println!("{}\n{}", operator.join(" "), proxy.join(" "));
        assert_eq!(wrong_with(&binaries.operator, &operator, "--help"), None);
        assert_eq!(wrong_with(&binaries.proxy, &proxy, "--version"), None);
    }
    // and this would not be taken
    let wrong = wrong_with(&binaries.proxy, &["--idle-timeout=never".to_owned()], "--version");
    assert!(wrong.unwrap().contains("never"));
}

#[test]
#[ignore = "needs helm: make e2e"]
fn limits_are_those_of_the_proxy_itself() {
    let help = Command::new(Binaries::beside_this().unwrap().proxy)
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, help) = help.split_once("Limits:").unwrap();
    // `--max-headers <N>`, and some lines later `[default: 100]`
    let flags = help.split("      --").skip(1).map(|flag| {
        let default = flag
            .split_once("[default: ")
            .unwrap()
            .1
            .split_once(']')
            .unwrap()
            .0;
        format!("--{}={default}", flag.split_whitespace().next().unwrap())
    });
    let arguments: BTreeSet<_> = render(json!({})).arguments("proxy").into_iter().collect();
    let missing: Vec<_> = flags.filter(|flag| !arguments.contains(flag)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
#[ignore = "needs helm: make e2e"]
fn entry_points_are_the_same_for_both_programs_the_service_and_the_network_policy() {
    let objects = render(
        json!({"entryPoints": entry_points(), "networkPolicy": {"enabled": true}, "service": {"type": "NodePort"}}),
    );
    let of = |component| -> Vec<EntryPoint> {
        let arguments = objects.arguments(component);
        arguments
            .iter()
            .filter_map(|flag| flag.strip_prefix("--entrypoint="))
            .map(|text| text.parse().unwrap())
            .collect()
    };
    let told = of("proxy");
    assert_eq!(told, of("operator"));
    let summary: Vec<_> = told
        .iter()
        .map(|e| (e.name.as_str(), e.address.port(), e.public_port, e.tls, e.default))
        .collect();
    let expected = [
        ("web", 8000, 80, false, true),
        ("websecure", 8443, 443, true, false),
        ("internal-2", 8001, 8001, false, false),
        ("other", 8002, 8002, false, false),
        ("more", 8003, 8003, false, false),
    ];
    assert_eq!(summary, expected);
    let with = |options: &str| format!("e=:1,{options}").parse::<EntryPoint>().unwrap();
    let secure = with("http.redirections.entryPoint.to=websecure");
    assert_eq!(told[3].redirection, secure.redirection);
    let trusted = with("proxyProtocol.trustedIPs=10.0.0.0/8,fd00::/8,forwardedHeaders.trustedIPs=192.0.2.1");
    assert_eq!(told[3].proxy_protocol, trusted.proxy_protocol);
    assert_eq!(told[3].forwarded_headers, trusted.forwarded_headers);
    assert_eq!(
        told[2].forwarded_headers,
        with("forwardedHeaders.insecure").forwarded_headers
    );
    let elsewhere = "http.redirections.entryPoint.to=:8443,http.redirections.entryPoint.scheme=http,\
        http.redirections.entryPoint.permanent=false";
    assert_eq!(told[4].redirection, with(elsewhere).redirection);

    let container = &objects.pods("proxy")["spec"]["containers"][0];
    let service = &objects.get("Service", "weir-proxy")["spec"];
    let policy = &objects.get("NetworkPolicy", "weir-proxy")["spec"];
    for (place, entry_point) in told.iter().enumerate() {
        let (name, port) = (&entry_point.name, entry_point.address.port());
        assert_eq!(
            container["ports"][place],
            json!({"name": name, "containerPort": port})
        );
        assert_eq!(service["ports"][place]["targetPort"], name.as_str());
        assert_eq!(service["ports"][place]["port"], entry_point.public_port);
        assert_eq!(policy["ingress"][0]["ports"][place]["port"], port);
    }
    assert_eq!(service["ports"][0]["nodePort"], 30080);
    assert_eq!(
        container["ports"][5],
        json!({"name": "admin", "containerPort": 9000})
    );
    assert!(
        objects
            .arguments("proxy")
            .contains(&"--admin=[::]:9000".to_owned())
    );
}

#[test]
#[ignore = "needs helm: make e2e"]
fn selectors_find_their_pods_and_no_others() {
    let on = json!({"proxy": {"podLabels": {"app.kubernetes.io/name": "mine", "team": "a"}}, "networkPolicy": {"enabled": true}});
    let objects = render(on);
    let labels = |component| objects.pods(component)["metadata"]["labels"].clone();
    let finds = |selector: &Value, component| {
        let labels = labels(component);
        selector
            .as_object()
            .unwrap()
            .iter()
            .all(|(key, value)| labels[key] == *value)
    };
    let mut selectors = 0;
    for object in objects.iter() {
        let spec = &object["spec"];
        let selector = match object["kind"].as_str().unwrap() {
            "Service" => &spec["selector"],
            "NetworkPolicy" => &spec["podSelector"]["matchLabels"],
            "Deployment" | "PodDisruptionBudget" => &spec["selector"]["matchLabels"],
            _ => continue,
        };
        let component = object["metadata"]["name"]
            .as_str()
            .unwrap()
            .strip_prefix("weir-")
            .unwrap();
        let other = if component == "proxy" { "operator" } else { "proxy" };
        assert!(finds(selector, component) && !finds(selector, other), "{object}");
        selectors += 1;
    }
    assert_eq!(selectors, 7);
    let asks = &objects.get("NetworkPolicy", "weir-proxy")["spec"]["ingress"][1]["from"][0]["podSelector"]["matchLabels"];
    assert!(finds(asks, "operator"));
    assert_eq!(labels("proxy")["team"], "a");
    // as the operator looks for them unless told otherwise
    for (key, value) in [("name", "weir"), ("instance", "weir"), ("component", "proxy")] {
        assert_eq!(labels("proxy")[format!("app.kubernetes.io/{key}")], value);
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn a_proxy_has_the_time_that_it_takes_to_end() {
    let objects = render(json!({"proxy": {"drainDelaySeconds": 40, "gracePeriodSeconds": 300}}));
    assert_eq!(
        objects.pods("proxy")["spec"]["terminationGracePeriodSeconds"],
        345
    );
    let arguments = objects.arguments("proxy");
    assert!(
        arguments.contains(&"--drain-delay=40s".to_owned())
            && arguments.contains(&"--grace-period=300s".to_owned())
    );
    let strategy = |objects: &Objects, kind, field: &str| {
        objects.get(kind, "weir-proxy")["spec"][field]["rollingUpdate"].clone()
    };
    let one_more = json!({"maxSurge": 1, "maxUnavailable": 0});
    assert_eq!(strategy(&objects, "Deployment", "strategy"), one_more);
    let daemons = render(json!({"proxy": {"kind": "DaemonSet"}}));
    assert_eq!(strategy(&daemons, "DaemonSet", "updateStrategy"), one_more);
    // two pods cannot have one port of a node
    let hosts = json!({"proxy": {"kind": "DaemonSet"}, "entryPoints": [{"name": "web", "port": 8000, "hostPort": 80}]});
    assert_eq!(
        strategy(&render(hosts), "DaemonSet", "updateStrategy"),
        json!({"maxSurge": 0, "maxUnavailable": 1})
    );
}

#[test]
#[ignore = "needs helm: make e2e"]
fn proxies_have_no_token_and_the_operators_one() {
    let objects = render(json!({}));
    assert_eq!(
        objects.pods("proxy")["spec"]["automountServiceAccountToken"],
        false
    );
    assert_eq!(
        objects.pods("operator")["spec"]["automountServiceAccountToken"],
        true
    );
    for account in objects.of("ServiceAccount") {
        assert_eq!(account["automountServiceAccountToken"], false);
    }
    let bound = objects.of("RoleBinding").chain(objects.of("ClusterRoleBinding"));
    for subject in bound.flat_map(|binding| binding["subjects"].as_array().unwrap()) {
        assert_eq!(subject["name"], "weir-operator");
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn replicas_are_spread_and_not_all_gone_at_once() {
    let count = |values: Value| render(values).of("PodDisruptionBudget").count();
    assert_eq!(count(json!({})), 2);
    assert_eq!(
        count(json!({"operator": {"replicas": 1}, "proxy": {"replicas": 1}})),
        0
    );
    assert_eq!(
        count(json!({"proxy": {"replicas": 1, "autoscaling": {"enabled": true}}})),
        2
    );
    assert_eq!(count(json!({"proxy": {"kind": "DaemonSet"}})), 1);
    let objects = render(json!({"proxy": {"autoscaling": {"enabled": true}}}));
    assert_eq!(
        objects.get("Deployment", "weir-proxy")["spec"]["replicas"],
        Value::Null
    );
    for component in ["operator", "proxy"] {
        let spread = &objects.pods(component)["spec"]["topologySpreadConstraints"][0];
        let selector = &objects.get("Deployment", &format!("weir-{component}"))["spec"]["selector"];
        assert_eq!(&spread["labelSelector"], selector);
    }
}

#[test]
#[ignore = "needs helm: make e2e"]
fn names_are_those_of_the_release() {
    let other = Chart {
        name: "edge".to_owned(),
        ..Chart::with(json!({}))
    }
    .render()
    .unwrap();
    for object in other.iter() {
        let name = object["metadata"]["name"].as_str().unwrap();
        let namespaced = object["metadata"]["namespace"].is_string();
        let own = if namespaced {
            name.starts_with("edge-")
        } else {
            name.ends_with("edge.weir-system.weir.dev")
        };
        assert!(own, "{name}");
    }
    let arguments =
        other.get("Deployment", "edge-operator")["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    assert_eq!(arguments[1], "--release=edge");
}

#[test]
#[ignore = "needs helm: make e2e"]
fn the_service_has_the_ports_of_http_and_https() {
    let objects = render(json!({}));
    let ports = &objects.get("Service", "weir-proxy")["spec"]["ports"];
    let of = |place: usize| {
        (
            &ports[place]["name"],
            &ports[place]["port"],
            &ports[place]["targetPort"],
        )
    };
    assert_eq!(of(0), (&json!("web"), &json!(80), &json!("web")));
    assert_eq!(of(1), (&json!("websecure"), &json!(443), &json!("websecure")));
    let container = &objects.pods("proxy")["spec"]["containers"][0]["ports"];
    assert_eq!(
        (&container[0]["containerPort"], &container[1]["containerPort"]),
        (&json!(8080), &json!(8443))
    );
    let arguments = objects.arguments("proxy");
    for flag in [
        "web=:8080,public=80,default",
        "websecure=:8443,tls,public=443,default",
    ] {
        assert!(
            arguments.contains(&format!("--entrypoint={flag}")),
            "{arguments:?}"
        );
    }
    // and the operator's own defaults are the same
    let defaults = weir_operator::compile::Options::default().entry_points;
    let said = arguments
        .iter()
        .filter_map(|flag| flag.strip_prefix("--entrypoint="));
    for (default, said) in defaults.iter().zip(said) {
        let said: EntryPoint = said.parse().unwrap();
        assert_eq!(
            (&default.name, default.address.port(), default.public_port),
            (&said.name, said.address.port(), said.public_port)
        );
        assert_eq!((default.tls, default.default), (said.tls, said.default));
    }
}
