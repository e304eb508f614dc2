//! What is watched: kinds, in all namespaces or some.

use std::{collections::BTreeSet, fmt};

use crate::compile::finding::Kind;

/// Kinds that have to be known before anything is built. Nodes come later, when a reference uses them.
const KINDS: [Kind; 7] = [
    Kind::ConfigMap,
    Kind::EndpointSlice,
    Kind::IngressRoute,
    Kind::Secret,
    Kind::ServersTransport,
    Kind::Service,
    Kind::TraefikService,
];

/// The namespaces whose objects are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    namespaces: BTreeSet<String>,
}

impl Scope {
    /// These namespaces, or all when there are none.
    pub fn new(namespaces: impl IntoIterator<Item = String>) -> Self {
        Self {
            namespaces: namespaces.into_iter().collect(),
        }
    }

    /// Whether objects of this namespace are read.
    pub fn includes(&self, namespace: &str) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(namespace)
    }

    /// All watches but that of Nodes.
    pub fn sources(&self) -> Vec<Source> {
        let places: Vec<Option<String>> = if self.namespaces.is_empty() {
            vec![None]
        } else {
            self.namespaces.iter().cloned().map(Some).collect()
        };
        let of = |kind| {
            places.iter().map(move |namespace| Source {
                kind,
                namespace: namespace.clone(),
            })
        };
        KINDS.into_iter().flat_map(of).collect()
    }
}

/// One watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// Of objects of this kind.
    pub kind: Kind,
    /// In this namespace; nothing: in all.
    pub namespace: Option<String>,
}

impl Source {
    /// The watch of Nodes.
    pub const NODES: Self = Self {
        kind: Kind::Node,
        namespace: None,
    };
}

/// `Services in namespace apps`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.kind.as_str())?;
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_namespace_has_a_watch_for_each_kind() {
        assert_eq!(Scope::default().sources().len(), KINDS.len());
        let scope = Scope::new(["b".to_owned(), "a".to_owned(), "a".to_owned()]);
        let sources: Vec<String> = scope.sources().iter().map(ToString::to_string).collect();
        assert_eq!(sources.len(), 2 * KINDS.len());
        assert_eq!(
            sources[..2],
            ["ConfigMaps in namespace a", "ConfigMaps in namespace b"]
        );
        assert!(scope.includes("a") && !scope.includes("c"));
    }
}
