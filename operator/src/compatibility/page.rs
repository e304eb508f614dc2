//! `docs/compatibility.md`.

use super::{Class, Field, Part};

/// The page, in Markdown.
pub fn page() -> String {
    let mut out = include_str!("page/head.md").to_owned();
    for part in Part::ALL {
        out.push_str(&section(part));
    }
    out + include_str!("page/tail.md")
}

fn section(part: Part) -> String {
    let (title, introduction) = heading(part);
    let mut out = format!("## {title}\n\n");
    if !introduction.is_empty() {
        out = out + introduction + "\n\n";
    }
    out.push_str("| field | | in weir | in Traefik |\n| --- | --- | --- | --- |\n");
    for field in part.fields() {
        out.push_str(&row(field));
    }
    out.push('\n');
    out
}

fn row(field: &Field) -> String {
    let class = match field.class {
        Class::Implemented => "implemented".to_owned(),
        other => format!("**{}**", other.as_str()),
    };
    let difference = if field.difference.is_empty() {
        "the same"
    } else {
        field.difference
    };
    format!(
        "| `{}` | {class} | {} | {difference} |\n",
        field.name, field.meaning
    )
}

const fn heading(part: Part) -> (&'static str, &'static str) {
    match part {
        Part::IngressRoute => (
            "IngressRoute",
            "Fields below `spec`. The fields of `routes[].services[]` are those of [a reference](#references-to-services).",
        ),
        Part::TraefikService => (
            "TraefikService",
            "Fields below `spec`. The fields of `weighted.services[]`, of `mirroring` itself (the main service) and of
`mirroring.mirrors[]` are those of [a reference](#references-to-services).",
        ),
        Part::Reference => (
            "References to services",
            "Fields of whatever names a Service or a TraefikService: `routes[].services[]` of an IngressRoute, `weighted.services[]`,
`mirroring` and `mirroring.mirrors[]` of a TraefikService. All but `name`, `namespace`, `kind`, `middlewares` and `weight` have a
meaning for a Service only; on a reference to a TraefikService they are ignored with a warning (`port`, which tools write there, with
an information).",
        ),
        Part::Cookie => (
            "Sticky cookies",
            "Fields of `sticky.cookie`, of a reference to a Service (which of its endpoints) and of `weighted` (which of its services). Levels
are independent: a client is kept on all the way down where every level on it is sticky, and a level that is not while those
below it are is the finding [StickyGap](conditions.md#stickygap). The value of a cookie is the first 16 hex digits of the SHA-256
of what was chosen, as in Traefik; values of its older versions (the plain name, FNV) lead to the same place and are rewritten.",
        ),
        Part::ServersTransport => (
            "ServersTransport",
            "Fields below `spec`. One that is wrong in any field, or whose Secret is missing, is not used at all: a reference with it is passed
over, since a connection without what it asks for could reach the wrong peer. (Traefik goes on with its default settings.)",
        ),
    }
}
