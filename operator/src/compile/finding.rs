//! Findings: what is wrong with an object, where, what that does to traffic, and how to mend it.

use std::{fmt, ops::Range};

use weir_model::{name::NamespacedName, path::FieldPath};

pub use super::code::{Code, Severity, Standing};

/// Kinds of objects that the compiler reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Core.
    ConfigMap,
    /// `discovery.k8s.io`.
    EndpointSlice,
    /// `traefik.io`.
    IngressRoute,
    /// Core; without a namespace.
    Node,
    /// Core.
    Secret,
    /// `traefik.io`.
    ServersTransport,
    /// Core.
    Service,
    /// `traefik.io`.
    TraefikService,
}

impl Kind {
    /// As objects carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::EndpointSlice => "EndpointSlice",
            Self::IngressRoute => "IngressRoute",
            Self::Node => "Node",
            Self::Secret => "Secret",
            Self::ServersTransport => "ServersTransport",
            Self::Service => "Service",
            Self::TraefikService => "TraefikService",
        }
    }
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: NamespacedName,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.name)
    }
}

/// One finding. The same words go into conditions, Events, the log and the command line's report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Whose finding it is.
    pub object: ObjectId,
    /// The field; the root when it is about the whole object.
    pub field: FieldPath,
    /// What it is about.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, one sentence without the field's path.
    pub message: String,
    /// The bytes of the field's text that are meant, if it is a text and not all of it is.
    pub within: Option<(usize, usize)>,
    /// What it does to traffic, one sentence.
    pub effect: String,
    /// How to mend it.
    pub help: Option<String>,
    /// Other places that take part, with what is there.
    pub related: Vec<(ObjectId, FieldPath, String)>,
}

impl Finding {
    /// A finding with its code's severity and nothing but a message.
    pub fn new(object: ObjectId, field: FieldPath, code: Code, message: impl Into<String>) -> Self {
        Self {
            object,
            field,
            code,
            severity: code.severity(),
            message: message.into(),
            within: None,
            effect: String::new(),
            help: None,
            related: Vec::new(),
        }
    }

    /// With a way to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With a way to mend it, if there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// With what it does to traffic.
    #[must_use]
    pub fn effect(mut self, effect: impl Into<String>) -> Self {
        self.effect = effect.into();
        self
    }

    /// With another severity than its code's.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// About some bytes of the field's text only.
    #[must_use]
    pub fn within(mut self, bytes: &Range<usize>) -> Self {
        self.within = Some((bytes.start, bytes.end));
        self
    }

    /// With another place that takes part.
    #[must_use]
    pub fn related(mut self, object: ObjectId, field: FieldPath, what: impl Into<String>) -> Self {
        self.related.push((object, field, what.into()));
        self
    }

    /// Whether it keeps the object, or the route it lies in, from being served as written.
    pub fn refuses(&self) -> bool {
        self.severity == Severity::Error && self.code.standing() == Standing::Accepted
    }
}

/// The most similar of some names, if one is similar enough to have been meant.
pub fn did_you_mean<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // the cost grows with the product of the lengths; names are at most 253 bytes
    let written = written.get(..253).unwrap_or(written);
    names
        .map(|name| (strsim::damerau_levenshtein(written, name), name))
        .filter(|(distance, name)| *distance > 0 && *distance <= 1 + written.len().min(name.len()) / 4)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_similar_names_are_proposed() {
        let names = ["svc1", "svc2", "checkout"];
        assert_eq!(did_you_mean("svc9", names.into_iter()), Some("svc1"));
        assert_eq!(did_you_mean("chekout", names.into_iter()), Some("checkout"));
        assert_eq!(did_you_mean("payments", names.into_iter()), None);
    }
}
