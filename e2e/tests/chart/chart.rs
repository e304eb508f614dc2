//! helm on the project's chart.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use weir_e2e::cluster::{kubectl::Kubectl, namespace::Namespace, tools::Tools};
use weir_operator::manifest::{Limits, Manifests};

/// A release of the chart.
#[derive(Clone, Debug)]
pub struct Chart {
    pub name: String,
    pub namespace: String,
    pub values: Value,
}

impl Chart {
    /// The release `weir` in the namespace `weir-system`, for what only looks at manifests.
    pub fn with(values: Value) -> Self {
        Self::within("weir-system", values)
    }

    /// The release `weir` in a namespace.
    pub fn within(namespace: &str, values: Value) -> Self {
        Self {
            name: "weir".to_owned(),
            namespace: namespace.to_owned(),
            values,
        }
    }

    /// All manifests but those of `helm test`; helm's message when it refuses to make them.
    pub fn render(&self) -> Result<Objects, String> {
        let text = self.template()?;
        Ok(Objects::read(&text))
    }

    /// As [`Self::render`], as text.
    pub fn template(&self) -> Result<String, String> {
        self.helm(&["template", &self.name, "CHART", "--skip-tests"], None)
    }

    /// The manifests of one of its files.
    pub fn file(&self, file: &str) -> Objects {
        let file = format!("templates/{file}.yaml");
        let template = ["template", &self.name, "CHART", "--show-only", &file];
        Objects::read(&self.helm(&template, None).unwrap())
    }

    /// What helm says about a release in a cluster. `CHART` stands for the chart; a command with it gets the values.
    pub fn helm(&self, arguments: &[&str], kubeconfig: Option<&Path>) -> Result<String, String> {
        let arguments = [arguments, &["--namespace", &self.namespace]].concat();
        let values = arguments.contains(&"CHART").then_some(&self.values);
        helm(&arguments, values, kubeconfig)
    }
}

/// What the chart makes of these values.
pub fn render(values: Value) -> Objects {
    Chart::with(values).render().unwrap()
}

/// Why the chart makes nothing of these values.
pub fn refusal(values: &Value) -> String {
    match Chart::with(values.clone()).render() {
        Ok(_) => panic!("not refused: {values}"),
        Err(message) => message,
    }
}

/// `values.yaml`.
pub fn values() -> Value {
    let head = "apiVersion: v1\nkind: Values\nmetadata: {name: values}\n";
    let text = head.to_owned() + &helm(&["show", "values", "CHART"], None, None).unwrap();
    let mut values = Objects::read(&text).get("Values", "values").clone();
    for added in ["apiVersion", "kind", "metadata"] {
        values.as_object_mut().unwrap().remove(added);
    }
    values
}

fn helm(arguments: &[&str], values: Option<&Value>, kubeconfig: Option<&Path>) -> Result<String, String> {
    let output = output(arguments, values, kubeconfig);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

fn output(arguments: &[&str], values: Option<&Value>, kubeconfig: Option<&Path>) -> Output {
    let program = Tools::find().and_then(|tools| tools.program("helm"));
    let home = tempfile::tempdir().unwrap();
    let chart = Kubectl::file("charts/weir");
    let arguments = arguments.iter().map(|argument| match *argument {
        "CHART" => chart.as_str(),
        argument => argument,
    });
    let mut command = Command::new(program.unwrap());
    command
        .args(arguments)
        .args(values.map(|_| "--values=-"))
        .env("HELM_CACHE_HOME", home.path())
        .env("HELM_CONFIG_HOME", home.path())
        .env("HELM_DATA_HOME", home.path())
        // without one there is no cluster
        .env(
            "KUBECONFIG",
            kubeconfig.unwrap_or_else(|| Path::new("/dev/null")),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    if let (Some(values), Some(mut stdin)) = (values, child.stdin.take()) {
        stdin.write_all(values.to_string().as_bytes()).unwrap();
    }
    child.wait_with_output().unwrap()
}

/// Applies manifests; those that are in no namespace go with this one.
pub async fn apply<'a>(namespace: &Namespace<'_>, objects: impl Iterator<Item = &'a Value>) {
    let cluster = namespace.cluster;
    let path = format!("/api/v1/namespaces/{}", namespace.name);
    let owner = cluster.api().get(&path).await.unwrap();
    let owner = json!([{
        "apiVersion": "v1", "kind": "Namespace", "name": namespace.name, "uid": owner["metadata"]["uid"],
    }]);
    let owned = objects.cloned().map(|mut object| {
        if object["metadata"]["namespace"].is_null() {
            object["metadata"]["ownerReferences"] = owner.clone();
        }
        object
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": owned.collect::<Vec<_>>()});
    let apply = ["apply", "-f", "-"];
    cluster
        .kubectl()
        .run_with(&apply, &list.to_string())
        .await
        .unwrap();
}

/// Manifests.
#[derive(Clone, Debug)]
pub struct Objects(Vec<Value>);

impl Objects {
    fn read(text: &str) -> Self {
        let mut manifests = Manifests::default();
        manifests.add("helm", text, &Limits::default());
        assert!(manifests.broken.is_empty(), "{:?}\n{text}", manifests.broken);
        Self(manifests.objects.into_iter().map(|object| object.value).collect())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// Those of a kind.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.iter().filter(move |object| object["kind"] == kind)
    }

    /// The one of that kind and name.
    pub fn get(&self, kind: &str, name: &str) -> &Value {
        let found = self.of(kind).find(|object| object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// The template of the operators' or proxies' pods: of the Deployment or DaemonSet `weir-COMPONENT`.
    pub fn pods(&self, component: &str) -> &Value {
        let name = format!("weir-{component}");
        let workloads = self.of("Deployment").chain(self.of("DaemonSet"));
        let mut found = workloads.filter(|object| object["metadata"]["name"] == name.as_str());
        &found.next().unwrap()["spec"]["template"]
    }

    /// The arguments of the operator or the proxy.
    pub fn arguments(&self, component: &str) -> Vec<String> {
        let arguments = &self.pods(component)["spec"]["containers"][0]["args"];
        serde_json::from_value(arguments.clone()).unwrap()
    }
}
