//! What the API server says about a missing permission, as the rule that gives it.

use std::fmt;

/// What may not be done, out of the words of Kubernetes' own authorizers:
/// `… User "USER" cannot VERB resource "RESOURCE" in API group "GROUP" in the namespace "NAMESPACE"…`, or
/// `… at the cluster scope…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing<'a> {
    user: &'a str,
    verb: &'a str,
    resource: &'a str,
    group: &'a str,
    /// Nothing: in all namespaces, or for what is in none.
    namespace: Option<&'a str>,
}

impl<'a> Missing<'a> {
    /// Nothing for other words, as those of admission or of a namespace that is on its way out.
    pub fn read(message: &'a str) -> Option<Self> {
        let (_, rest) = message.split_once("User \"")?;
        let (user, rest) = rest.split_once("\" cannot ")?;
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once("\" in API group \"")?;
        let (group, place) = rest.split_once("\" ")?;
        let namespace = match place.strip_prefix("in the namespace \"") {
            Some(rest) => Some(rest.split_once('"')?.0),
            None => {
                place.strip_prefix("at the cluster scope")?;
                None
            }
        };
        Some(Self {
            user,
            verb,
            resource,
            group,
            namespace,
        })
    }
}

/// Who needs what, the rule, and where it belongs.
impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            user,
            verb,
            resource,
            group,
            namespace,
        } = self;
        let account = user.strip_prefix("system:serviceaccount:");
        match account.and_then(|account| account.split_once(':')) {
            Some((namespace, name)) => write!(f, "the operator's ServiceAccount {namespace}/{name}")?,
            None => write!(f, "user {user:?}")?,
        }
        write!(f, " needs verb {verb:?} on {resource:?}")?;
        // whoever lists goes on to watch
        let verbs = match *verb {
            "list" | "watch" => r#""list", "watch""#.to_owned(),
            verb => format!("{verb:?}"),
        };
        let rule = format!("{{apiGroups: [{group:?}], resources: [{resource:?}], verbs: [{verbs}]}}");
        match namespace {
            Some(namespace) => write!(
                f,
                " in namespace {namespace:?}; the rule for a Role there: {rule}"
            ),
            None => write!(f, " in the whole cluster; the rule for a ClusterRole: {rule}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> Option<String> {
        Missing::read(message).map(|missing| missing.to_string())
    }

    #[test]
    fn a_missing_permission_in_a_namespace_becomes_a_rule_for_a_role() {
        let message = r#"pods "p" is forbidden: User "system:serviceaccount:weir:weir-operator" cannot patch resource "pods" in API group "" in the namespace "weir""#;
        assert_eq!(
            told(message).unwrap(),
            r#"the operator's ServiceAccount weir/weir-operator needs verb "patch" on "pods" in namespace "weir"; the rule for a Role there: {apiGroups: [""], resources: ["pods"], verbs: ["patch"]}"#
        );
        let message = r#"traefikservices.traefik.io "a" is forbidden: User "me" cannot update resource "traefikservices/status" in API group "traefik.io" in the namespace "apps": RBAC: role.rbac.authorization.k8s.io "x" not found"#;
        assert_eq!(
            told(message).unwrap(),
            r#"user "me" needs verb "update" on "traefikservices/status" in namespace "apps"; the rule for a Role there: {apiGroups: ["traefik.io"], resources: ["traefikservices/status"], verbs: ["update"]}"#
        );
    }

    #[test]
    fn a_missing_permission_in_the_cluster_becomes_a_rule_for_a_cluster_role() {
        let message = r#"services is forbidden: User "system:serviceaccount:weir:weir-operator" cannot list resource "services" in API group "" at the cluster scope"#;
        assert_eq!(
            told(message).unwrap(),
            r#"the operator's ServiceAccount weir/weir-operator needs verb "list" on "services" in the whole cluster; the rule for a ClusterRole: {apiGroups: [""], resources: ["services"], verbs: ["list", "watch"]}"#
        );
    }

    #[test]
    fn what_somebody_else_forbids_is_no_missing_permission() {
        for message in [
            "",
            "cannot list services",
            r#"User "a" cannot get path "/metrics""#,
            r#"User "a" cannot get resource "pods" in API group "" in the namespace "weir"#,
            r#"User "a" cannot get resource "pods" in API group "" somewhere"#,
            r#"admission webhook "x" denied the request: no"#,
            r#"events "a.1" is forbidden: unable to create new content in namespace apps because it is being terminated"#,
        ] {
            assert_eq!(told(message), None, "{message}");
        }
    }
}
