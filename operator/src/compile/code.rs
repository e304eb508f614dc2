//! The catalogue of findings: every code with its number, reason and standing.
//!
//! Numbers are stable: one is never given to another finding, nor does a finding change its number.

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something that was asked for does not happen.
    Error,
    /// It works, though likely not as meant.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// In lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// What an error with some code turns false, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// `Accepted`: the object, or the route, as written is not served.
    Accepted,
    /// `ResolvedRefs`: a reference leads nowhere; the rest is served.
    ResolvedRefs,
    /// No condition of an object.
    None,
}

macro_rules! catalogue {
    ($($number:literal $name:ident $severity:ident $standing:ident $summary:literal),* $(,)?) => {
        /// What a finding is about. `{:?}` is the reason that conditions show.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $summary] $name,)*
        }

        impl Code {
            /// Every code, by number.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The number in `WEIR0003`.
            pub const fn number(self) -> u16 {
                match self { $(Self::$name => $number,)* }
            }

            /// The reason that conditions and Events show: `CycleDetected`.
            pub const fn reason(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// How much it matters, unless the finding says otherwise.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// The condition that an error turns false.
            pub const fn standing(self) -> Standing {
                match self { $(Self::$name => Standing::$standing,)* }
            }

            /// One sentence about what it means.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$name => $summary,)* }
            }
        }
    };
}

catalogue! {
    1 InvalidSpec Error Accepted "A field has a type or value that the resource does not allow, or one that it needs is missing.",
    2 InvalidName Error Accepted "A name contains `@` or is otherwise no name of a Kubernetes object.",
    3 CycleDetected Error Accepted "The TraefikService reaches itself through its references.",
    4 NoServiceType Error Accepted "A TraefikService sets none of `weighted`, `mirroring`, `highestRandomWeight`, `failover`.",
    5 AmbiguousServiceType Error Accepted "A TraefikService sets several of `weighted`, `mirroring`, `highestRandomWeight`, `failover`.",
    6 InvalidWeight Error Accepted "A weight is outside 0 to 2147483647.",
    7 InvalidPercent Error Accepted "A mirror's percent is outside 0 to 100.",
    8 InvalidDuration Error Accepted "A duration is neither a Go duration nor a number, or is outside its range.",
    9 InvalidScheme Error Accepted "A scheme is none of `http`, `https`, `h2c`.",
    10 InvalidSticky Error Accepted "A sticky cookie cannot be made from what is written.",
    11 InvalidHealthCheck Error Accepted "A health check cannot be made from what is written.",
    12 InvalidKind Error Accepted "The kind of a reference is neither `Service` nor `TraefikService`, or a route's is not `Rule`.",
    13 InvalidPort Error Accepted "A port is outside 1 to 65535 or is no port's name.",
    14 InvalidRule Error Accepted "A match rule cannot be read.",
    15 GraphTooLarge Error Accepted "A TraefikService has too many levels or too many nodes below it.",
    16 UnsupportedFeature Error Accepted "Something that decides about security or routing is asked for, and weir does not have it.",
    20 BackendNotFound Error ResolvedRefs "A Service or TraefikService that is referred to does not exist, or cannot be read.",
    21 ServicePortNotFound Error ResolvedRefs "The Service has no such port.",
    22 RefNotPermitted Error ResolvedRefs "A reference into another namespace is not allowed.",
    23 ExternalNameNotAllowed Error ResolvedRefs "References to Services of type ExternalName are not allowed.",
    24 DependencyInvalid Error ResolvedRefs "What is referred to is not accepted, and no earlier form of it is served.",
    25 ServersTransportNotFound Error ResolvedRefs "The ServersTransport that a reference names does not exist.",
    26 SecretNotFound Error ResolvedRefs "A Secret or ConfigMap that is referred to does not exist.",
    27 InvalidSecret Error ResolvedRefs "A Secret or ConfigMap does not hold what it is referred to for.",
    28 AddressNotFound Error ResolvedRefs "The Service has no cluster IP, no nodes or no usable external name, though it is to be reached there.",
    29 EntryPointNotFound Error ResolvedRefs "A route names an entry point that is not configured, or that cannot serve it.",
    41 NoUsableWeight Warning None "No child has a weight above 0.",
    42 ImplicitWeight Info None "A weight is left out beside weights that are written; it counts as 1.",
    43 StickyGap Warning None "Children are sticky and their parent is not, so that clients still change between the children.",
    44 StickyAmbiguous Info None "Two children have the same Traefik name; the second one's cookie differs from Traefik's.",
    45 UnknownField Warning None "The resource has no such field.",
    46 IgnoredField Warning None "weir does not use this field; traffic flows without it.",
    47 UnboundedMirrorBody Info None "Copies of request bodies have no limit of their own.",
    48 Orphaned Info None "No route reaches the TraefikService.",
    49 NoEndpoints Warning None "What is referred to has no endpoint that could serve.",
    50 Conflicted Warning None "Another route has the same rule and priority and wins.",
    51 DefaultInterval Info None "A health check has no interval and uses the configured default.",
    52 RuleNeverMatches Warning None "A part of a match rule never matches.",
    53 BrokenDocument Error None "A document of a manifest cannot be read.",
    54 DuplicateObject Error None "Two documents define the same object.",
    55 UnknownKind Warning None "An object of Traefik's group has a kind or version that weir does not read.",
}

impl Code {
    /// The stable code: `WEIR0003`.
    pub fn id(self) -> String {
        format!("WEIR{:04}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_distinct_and_ascending() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| pair[0].number() < pair[1].number())
        );
    }

    #[test]
    fn only_errors_turn_a_condition_false() {
        for code in Code::ALL {
            assert!(
                code.standing() == Standing::None || code.severity() == Severity::Error,
                "{code:?}"
            );
        }
    }
}
