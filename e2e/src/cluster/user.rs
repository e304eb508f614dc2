//! Users of the API server with rights of their own, so that the audit log tells them apart.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{Cluster, namespace::Namespace, resource::SERVICE_ACCOUNT, wait::eventually};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
/// Within which a change of rights is in force.
const LIMIT: Duration = Duration::from_secs(30);

/// What somebody may do, in all namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The API group; empty for the core's.
    pub group: &'static str,
    /// The resource, with its subresource if that is meant: `traefikservices/status`.
    pub resource: &'static str,
    /// What may be done with it.
    pub verbs: &'static [&'static str],
}

/// Everything.
pub const ALL: Rule = Rule {
    group: "*",
    resource: "*",
    verbs: &["*"],
};

/// A ServiceAccount with a role and a kubeconfig. All of it goes with the namespace.
#[derive(Debug)]
pub struct User<'a> {
    namespace: &'a Namespace<'a>,
    /// The ServiceAccount's name.
    pub account: String,
    /// As the API server calls it.
    pub name: String,
    /// With a token that outlives the tests.
    pub kubeconfig: PathBuf,
    rules: Vec<Rule>,
}

impl<'a> User<'a> {
    /// One that may do what anybody may.
    pub async fn new(namespace: &'a Namespace<'a>, account: &str) -> Result<Self> {
        let mut user = Self {
            namespace,
            account: account.to_owned(),
            name: format!("system:serviceaccount:{}:{account}", namespace.name),
            kubeconfig: namespace
                .cluster
                .folder()
                .join(format!("{}-{account}.kubeconfig", namespace.name)),
            rules: Vec::new(),
        };
        namespace.create(SERVICE_ACCOUNT, account, json!({})).await?;
        user.write_kubeconfig().await?;
        user.create_role().await?;
        user.allow(&[]).await?;
        Ok(user)
    }

    /// One that may do everything.
    pub async fn administrator(namespace: &'a Namespace<'a>, account: &str) -> Result<Self> {
        let mut user = Self::new(namespace, account).await?;
        user.allow(&[ALL]).await?;
        Ok(user)
    }

    /// Gives these rights and takes all others, and waits until that is in force.
    pub async fn allow(&mut self, rules: &[Rule]) -> Result<()> {
        let lists = rules.iter().map(
            |rule| json!({"apiGroups": [rule.group], "resources": [rule.resource], "verbs": rule.verbs}),
        );
        let change = json!({"rules": lists.collect::<Vec<_>>()});
        let path = format!("{RBAC}/clusterroles/{}", self.role());
        self.namespace.cluster.api().patch(&path, &change).await?;
        let before = std::mem::replace(&mut self.rules, rules.to_vec());
        for (rule, verb) in rights(&before).chain(rights(rules)) {
            let expected = rights(rules).any(|right| right == (rule, verb));
            let what = format!("{} may {verb} {}: {expected}", self.name, rule.resource);
            eventually(&what, LIMIT, async || {
                let may = self.may(rule, verb).await?;
                ensure!(may == expected, "it is {may}");
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    async fn may(&self, rule: Rule, verb: &str) -> Result<bool> {
        let (resource, subresource) = rule.resource.split_once('/').unwrap_or((rule.resource, ""));
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": self.name, "resourceAttributes": {
                "namespace": self.namespace.name,
                "verb": verb,
                "group": rule.group,
                "resource": resource,
                "subresource": subresource,
            }},
        });
        let answer = self.namespace.cluster.api().create(REVIEWS, &review).await?;
        Ok(answer["status"]["allowed"] == true)
    }

    fn role(&self) -> String {
        format!("{}:{}", self.namespace.name, self.account)
    }

    async fn create_role(&self) -> Result<()> {
        let api = self.namespace.cluster.api();
        let namespace = api
            .get(&format!("/api/v1/namespaces/{}", self.namespace.name))
            .await?;
        // what is in no namespace would stay otherwise
        let metadata = json!({"name": self.role(), "ownerReferences": [{
            "apiVersion": "v1",
            "kind": "Namespace",
            "name": self.namespace.name,
            "uid": namespace["metadata"]["uid"],
        }]});
        let group = "rbac.authorization.k8s.io";
        let role = json!({
            "apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": metadata, "rules": [],
        });
        api.create(&format!("{RBAC}/clusterroles"), &role).await?;
        let binding = json!({
            "apiVersion": format!("{group}/v1"),
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": self.role()},
            "subjects": [{"kind": "ServiceAccount", "name": self.account, "namespace": self.namespace.name}],
        });
        api.create(&format!("{RBAC}/clusterrolebindings"), &binding)
            .await?;
        Ok(())
    }

    async fn write_kubeconfig(&self) -> Result<()> {
        let cluster = self.namespace.cluster;
        let view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"];
        let mut kubeconfig: Value = serde_json::from_str(&cluster.kubectl().run(&view).await?)?;
        let path = format!(
            "{}/token",
            SERVICE_ACCOUNT.object(&self.namespace.name, &self.account)
        );
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 86_400},
        });
        let answer = cluster.api().create(&path, &request).await?;
        let token = &answer["status"]["token"];
        ensure!(token.is_string(), "there is no token in {answer}");
        kubeconfig["users"] = json!([{"name": self.account, "user": {"token": token}}]);
        kubeconfig["contexts"][0]["context"]["user"] = self.account.clone().into();
        fs::write(&self.kubeconfig, kubeconfig.to_string())?;
        Ok(())
    }
}

/// The same cluster for a ServiceAccount, with a token as its pods have one.
pub async fn as_account(namespace: &Namespace<'_>, account: &str) -> Result<Cluster> {
    let cluster = namespace.cluster;
    let token = namespace.kubectl(&["create", "token", account]).await?;
    let view = ["config", "view", "--raw", "--minify", "--flatten", "-o", "json"];
    let mut kubeconfig: Value = serde_json::from_str(&cluster.kubectl().run(&view).await?)?;
    kubeconfig["users"][0]["user"] = json!({"token": token.trim()});
    kubeconfig["contexts"][0]["context"]["namespace"] = namespace.name.clone().into();
    let name = format!("{}-{account}.kubeconfig", namespace.name);
    let path = cluster.folder().join(name);
    fs::write(&path, kubeconfig.to_string())?;
    Cluster::existing(&path).await
}

fn rights(rules: &[Rule]) -> impl Iterator<Item = (Rule, &'static str)> {
    rules
        .iter()
        .flat_map(|rule| rule.verbs.iter().map(move |verb| (*rule, *verb)))
}
