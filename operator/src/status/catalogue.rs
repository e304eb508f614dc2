//! The catalogue of conditions: their types, and why `Programmed` does not hold. Why the others do not hold is in the
//! catalogue of findings.

/// A type of condition. Further types are those of findings that turn none of these false; see
/// [`Code`](crate::compile::finding::Code).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConditionType {
    /// Its `type`; also its reason while it is `True`.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What it says about traffic.
    pub effect: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
}

macro_rules! conditions {
    ($($constant:ident $name:literal $meaning:literal $effect:literal $remedy:literal),* $(,)?) => {
        $(#[doc = $meaning] pub const $constant: &str = $name;)*

        impl ConditionType {
            /// All of them, in the order in which objects show them.
            pub const ALL: &[Self] = &[$(Self {
                name: $name,
                meaning: $meaning,
                effect: $effect,
                remedy: $remedy,
            },)*];
        }
    };
}

conditions! {
    ACCEPTED "Accepted"
        "Whether what is written is valid. The message lists everything that is not, each with its field, what it does to traffic and a remedy; the reason is that of the finding with the lowest code."
        "While it is `False`, what was accepted before keeps being served. What never was accepted is not served."
        "Correct the fields that the message names.",
    RESOLVED_REFS "ResolvedRefs"
        "Whether all references lead somewhere: to Services and their ports, TraefikServices, ServersTransports, Secrets and entry points. The message and the reason are made as those of `Accepted`."
        "While it is `False`, the references that lead nowhere are passed over, and everything else is served as written."
        "Create what is missing or correct the reference; nothing has to be restarted.",
    PROGRAMMED "Programmed"
        "Whether every ready proxy serves what is written. Once it is `True` it stays so until what the object compiles to changes, however proxies come and go. ServersTransports have none: they are served as part of the Services that name them."
        "While it is `True`, proxies serve it as written. While it is `False`, some proxies, or all of them, serve an earlier form or nothing; the reason says which."
        "Wait for it after an edit: `kubectl wait --for=condition=Programmed`. Where it stays `False`, the reason says what to do.",
    READY "Ready"
        "The summary: `True` while the three above are. Otherwise it has the reason and the message of the first of them that is not. Whether endpoints are healthy plays no part."
        "While it is `True`, it works as written."
        "Look up the reason: `weir-operator explain REASON`.",
    PARTIALLY_INVALID "PartiallyInvalid"
        "Only on IngressRoutes, and only while it is `True`: some routes are served, others not as they are written. The message says what became of each of these; the reason is that of the first finding that refuses one."
        "Each route stands for itself: the good ones are served as written, a bad one keeps its last accepted form or answers 503."
        "Correct the routes that the message names.",
}

macro_rules! reasons {
    ($($name:ident $meaning:literal $effect:literal $remedy:literal),* $(,)?) => {
        /// Why `Programmed` does not hold. `{:?}` is what the condition shows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum NotProgrammed {
            $(#[doc = $meaning] $name,)*
        }

        impl NotProgrammed {
            /// Every reason, from what is written to what serves it.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As the condition shows it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// What it means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// What it does to traffic.
            pub const fn effect(self) -> &'static str {
                match self { $(Self::$name => $effect,)* }
            }

            /// What to do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)* }
            }
        }
    };
}

reasons! {
    NotAccepted
        "What is written is not accepted, and nothing of it was before."
        "Nothing of it is served. References to the TraefikService are passed over; requests that match the IngressRoute's routes get 503, but for routes whose rule cannot be read, which match nothing."
        "Correct what `Accepted` or `ResolvedRefs` names.",
    LastGoodServed
        "What is written is not accepted. What was accepted before is served instead; the message names its generation."
        "Traffic flows by the earlier form, with today's endpoints and permissions. The edit has no effect."
        "Correct what `Accepted` names, or go back to the earlier form. Deleting the object and creating it anew loses that form.",
    ConfigTooLarge
        "All objects together make a config that does not fit into a ConfigMap, which holds 1 MiB. The newest objects are held back, and this is one of them; the message has the sizes."
        "It is not served: references to the TraefikService are passed over, and requests for the IngressRoute may reach other routes or get 404. Objects that are not held back are served as written."
        "Delete objects that are not needed, or let a second release serve some of the namespaces (`watchNamespaces`).",
    InternalError
        "The compiler made a config that does not hold: a defect of weir."
        "What was published before stays in force, for all objects."
        "Report it with the message. Undoing the last change brings publishing back.",
    Pending
        "It is compiled and about to be published."
        "Proxies serve what was published before."
        "Wait a moment. Where it stays: /readyz of the operator's admin port and its log say what it waits for, and `kubectl get lease` who leads.",
    PublishFailed
        "The API server does not take what is to be published; the message has its answer."
        "Proxies serve what was published last. Changes of resources and of endpoints do not reach them."
        "forbidden: the operator's Role is not the chart's. A quota or an admission webhook: let ConfigMaps and Secrets of the release pass. Another version of the operator: the message says what to choose between. The operator tries again by itself.",
    ProxiesUnknown
        "Whether proxies run it is not known, since their pods cannot be watched. It is published; the message says what keeps the operator from watching."
        "Proxies load it, but later: nobody tells the nodes, which look by themselves every minute or so."
        "Give the operator the permission that the message names, as the chart's Role does. Where the API server does not answer, it goes on by itself.",
    ProxyRejected
        "A proxy refuses what is published; the message names it, with its reason."
        "It serves what it loaded before. One that has nothing yet does not get ready and gets no requests."
        "An unknown schema or field: the proxy is older than the operator; finish the upgrade. Otherwise /config of its admin port (9000) has the reason as lastRejection; please report it.",
    NoProxies
        "No proxy is ready. It is published; the message names those that start."
        "Nothing is served by this release."
        "`kubectl get pods -l app.kubernetes.io/component=proxy` and `kubectl describe pod` in the release's namespace say why they are not ready. A release has its own proxies: those of another name or namespace do not count.",
    WaitingForProxies
        "Some proxies that are ready do not run it yet. It is published; the message names them, with what is wrong where something is."
        "Those that are named serve what they loaded before; all others serve it."
        "Usually, wait a second. An admin port that cannot be reached: a NetworkPolicy between the operator and port 9000 of the proxies. A pod that cannot be changed: the operator's Role is not the chart's, or an admission webhook or policy refuses it; the node then looks by itself every minute or so. Otherwise `kubectl describe pod` shows events about its volumes.",
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::finding::Code;

    #[test]
    fn no_reason_has_two_meanings() {
        let names = ConditionType::ALL.iter().map(|kind| kind.name);
        let mut names: Vec<_> = names
            .chain(NotProgrammed::ALL.iter().map(|reason| reason.as_str()))
            .chain(Code::ALL.iter().map(|code| code.reason()))
            .map(str::to_lowercase)
            .collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
