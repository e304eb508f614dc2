//! What becomes of each field of the custom resources: a catalogue that users read as `docs/compatibility.md`, and that a
//! test holds against the schemas and against what the compiler does.

mod catalogue;
mod page;

use weir_model::crd::ResourceKind;

pub use self::page::page;

/// What weir does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It does what it says.
    Implemented,
    /// Some of its values do what they say; others are refused, or ignored with a warning.
    Partly,
    /// Requests are served as if it were not there, and a finding says so.
    Ignored,
    /// What it stands in is not served with it: requests that it was to guard or to lead must not go on without.
    Refused,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Implemented, Self::Partly, Self::Ignored, Self::Refused];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Implemented => "implemented",
            Self::Partly => "in part",
            Self::Ignored => "ignored",
            Self::Refused => "refused",
        }
    }

    /// Whether what is said of a field holds for all fields below it.
    const fn covers(self) -> bool {
        matches!(self, Self::Ignored | Self::Refused)
    }
}

/// A part of the resources whose fields are listed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `IngressRoute`, without its references to services.
    IngressRoute,
    /// `TraefikService`, without its references to services.
    TraefikService,
    /// Everything that names a Service or a TraefikService.
    Reference,
    /// A sticky cookie, of a reference or of weighted services.
    Cookie,
    /// `ServersTransport`.
    ServersTransport,
}

impl Part {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 5] = [
        Self::IngressRoute,
        Self::TraefikService,
        Self::Reference,
        Self::Cookie,
        Self::ServersTransport,
    ];

    /// Where it stands: the kinds, and the field whose fields it has.
    pub const fn places(self) -> &'static [(ResourceKind, &'static str)] {
        use ResourceKind::{IngressRoute, ServersTransport, TraefikService};
        match self {
            Self::IngressRoute => &[(IngressRoute, "spec")],
            Self::TraefikService => &[(TraefikService, "spec")],
            Self::ServersTransport => &[(ServersTransport, "spec")],
            Self::Reference => &[
                (IngressRoute, "spec.routes[].services[]"),
                (TraefikService, "spec.weighted.services[]"),
                (TraefikService, "spec.mirroring"),
                (TraefikService, "spec.mirroring.mirrors[]"),
            ],
            Self::Cookie => &[
                (IngressRoute, "spec.routes[].services[].sticky.cookie"),
                (TraefikService, "spec.weighted.sticky.cookie"),
                (TraefikService, "spec.weighted.services[].sticky.cookie"),
                (TraefikService, "spec.mirroring.sticky.cookie"),
                (TraefikService, "spec.mirroring.mirrors[].sticky.cookie"),
            ],
        }
    }

    /// Its fields.
    pub fn fields(self) -> impl Iterator<Item = &'static Field> {
        catalogue::FIELDS.iter().filter(move |field| field.part == self)
    }
}

/// A field, or a field and all below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it is listed.
    pub part: Part,
    /// Its name within the part: `routes[].match`.
    pub name: &'static str,
    /// What weir does with it.
    pub class: Class,
    /// What it does, in weir.
    pub meaning: &'static str,
    /// How Traefik differs, and why; empty where it does not.
    pub difference: &'static str,
}

/// The entry for a field of a resource, such as `spec.routes[].services[].port`: its own, or that of what it stands in.
pub fn find(kind: ResourceKind, path: &str) -> Option<&'static Field> {
    let mut path = path;
    let mut own = true;
    loop {
        path = path.strip_suffix("[]").unwrap_or(path);
        let entries = catalogue::FIELDS
            .iter()
            .filter(|field| field.stands_at(kind, path));
        // what is said of one place counts more than what is said of all
        let entry = entries.min_by_key(|field| field.part.places().len());
        if let Some(entry) = entry.filter(|entry| own || entry.class.covers()) {
            return Some(entry);
        }
        own = false;
        path = path.rsplit_once('.')?.0;
    }
}

impl Field {
    /// Where it stands: the kinds, and whole paths.
    pub fn paths(&self) -> impl Iterator<Item = (ResourceKind, String)> {
        let places = self.part.places().iter();
        places.map(|(kind, place)| (*kind, format!("{place}.{}", self.name)))
    }

    fn stands_at(&self, kind: ResourceKind, path: &str) -> bool {
        self.part.places().iter().any(|(of, place)| {
            let name = path.strip_prefix(place).and_then(|rest| rest.strip_prefix('.'));
            *of == kind && name == Some(self.name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_wherever_it_stands() {
        let name = |kind, path: &str| find(kind, path).map(|field| (field.part, field.name));
        for place in [
            "spec.weighted.services[]",
            "spec.mirroring",
            "spec.mirroring.mirrors[]",
        ] {
            let path = format!("{place}.port");
            let port = name(ResourceKind::TraefikService, &path);
            assert_eq!(port, Some((Part::Reference, "port")), "{place}");
        }
        assert_eq!(
            name(ResourceKind::IngressRoute, "spec.entryPoints[]"),
            Some((Part::IngressRoute, "entryPoints"))
        );
        assert_eq!(name(ResourceKind::IngressRoute, "spec.weighted"), None);
    }

    #[test]
    fn what_is_said_of_one_place_counts_more() {
        let field = find(ResourceKind::TraefikService, "spec.mirroring.weight").unwrap();
        assert_eq!((field.part, field.class), (Part::TraefikService, Class::Ignored));
    }

    #[test]
    fn what_is_refused_is_so_with_all_below_it_and_what_is_implemented_is_not() {
        let below = "spec.failover.service.sticky.cookie.name";
        assert_eq!(
            find(ResourceKind::TraefikService, below).unwrap().name,
            "failover"
        );
        assert_eq!(find(ResourceKind::TraefikService, "spec.weighted.colour"), None);
    }
}
