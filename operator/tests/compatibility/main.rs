//! The catalogue of fields says what is so: it has every field of the resources and no other, and a manifest with a field
//! compiles to what its class promises.

#![cfg(test)]

mod samples;
mod schema;
mod world;

use std::collections::BTreeSet;

use weir_model::crd::ResourceKind;
use weir_operator::{
    compatibility::{Class, Field, Part, find},
    compile::finding::{Code, Finding, Severity},
};

use self::{
    samples::{Sample, sample},
    world::Compiled,
};

fn fields() -> impl Iterator<Item = &'static Field> {
    Part::ALL.into_iter().flat_map(Part::fields)
}

#[test]
fn every_field_of_the_resources_has_an_entry() {
    let mut missing = Vec::new();
    let mut count = 0;
    for kind in ResourceKind::ALL {
        for path in schema::paths(kind) {
            count += 1;
            if find(kind, &path).is_none() {
                missing.push(format!("{kind:?} {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert!(count > 300, "{count}");
}

#[test]
fn every_entry_is_a_field_of_the_resources() {
    let known: BTreeSet<_> = ResourceKind::ALL
        .into_iter()
        .flat_map(|kind| schema::paths(kind).into_iter().map(move |path| (kind, path)))
        .collect();
    for field in fields() {
        for place in field.paths() {
            assert!(known.contains(&place), "{place:?}");
        }
    }
}

#[test]
fn an_entry_says_all_in_sentences() {
    for field in fields() {
        for text in [field.meaning, field.difference] {
            let ends = text.is_empty() || text.ends_with(['.', ')']);
            assert!(ends && !text.contains("  ") && !text.contains('\n'), "{field:?}");
        }
        assert!(!field.meaning.is_empty(), "{field:?}");
        let cells = field.meaning.replace("\\|", "") + field.difference;
        assert!(!cells.contains('|'), "{field:?}");
    }
}

/// A manifest with a field, everywhere where the field can stand.
fn each(class: Class, check: impl Fn(&Sample, &Compiled, &Compiled)) {
    let mut count = 0;
    for field in fields().filter(|field| field.class == class) {
        for (kind, path) in field.paths() {
            // another entry speaks for this place
            if find(kind, &path) != Some(field) {
                continue;
            }
            let sample = sample(field, kind, &path);
            let without = world::compile(kind, &sample.before);
            let with = world::compile(kind, &sample.after);
            assert_eq!(without.told(&sample.path), Vec::<&Finding>::new(), "{sample:#?}");
            check(&sample, &without, &with);
            count += 1;
        }
    }
    assert!(count > 0, "{class:?}");
}

#[test]
fn an_implemented_field_is_told_nothing_and_changes_what_is_published() {
    each(Class::Implemented, |sample, without, with| {
        assert_eq!(with.told(&sample.path), Vec::<&Finding>::new(), "{sample:#?}");
        // it has one value, which is its default
        let changes = !sample.path.ends_with("routes[0].kind");
        assert_eq!(with.documents() != without.documents(), changes, "{sample:#?}");
    });
}

#[test]
fn an_ignored_field_is_told_so_and_changes_nothing_that_is_published() {
    each(Class::Ignored, |sample, without, with| {
        let told = with.told(&sample.path);
        let codes = [Code::IgnoredField, Code::UnsupportedFeature];
        let told_so = |finding: &&&Finding| {
            codes.contains(&finding.code) && finding.severity == Severity::Warning && !finding.refuses()
        };
        assert!(told.iter().any(|f| told_so(&f)), "{sample:#?}: {told:#?}");
        assert_eq!(with.documents(), without.documents(), "{sample:#?}");
    });
}

#[test]
fn a_refused_field_is_told_so_and_nothing_is_served_without_it() {
    each(Class::Refused, |sample, _, with| {
        let told = with.told(&sample.path);
        let refused = |finding: &&Finding| finding.code == Code::UnsupportedFeature && finding.refuses();
        assert!(told.into_iter().any(|f| refused(&f)), "{sample:#?}");
        assert!(!with.serves(), "{sample:#?}: {:#?}", with.documents());
    });
}

#[test]
fn of_a_field_that_is_implemented_in_part_some_values_are_told_nothing_and_others_that_they_do_nothing() {
    each(Class::Partly, |sample, _, with| {
        assert_eq!(with.told(&sample.path), Vec::<&Finding>::new(), "{sample:#?}");
        assert!(!sample.others.is_empty(), "{sample:#?}");
        for other in &sample.others {
            let told = world::compile(sample.kind, other);
            let codes: Vec<_> = told.told(&sample.path).iter().map(|f| f.code).collect();
            let code = codes.first().copied();
            assert!(
                matches!(code, Some(Code::UnsupportedFeature | Code::IgnoredField)),
                "{other:#}: {codes:?}"
            );
        }
    });
}

/// `followRedirect` is how the page spells it.
#[test]
fn the_spelling_of_the_page_means_the_same() {
    let kind = ResourceKind::IngressRoute;
    let check = |check: &str| {
        let path = "spec.routes[].services[].healthCheck";
        let mut spec = samples::base(kind, path);
        samples::put(&mut spec, path, &serde_json::from_str(check).unwrap());
        world::compile(kind, &spec)
    };
    let page = check(r#"{ "interval": "10s", "followRedirect": false }"#);
    let crd = check(r#"{ "interval": "10s", "followRedirects": false }"#);
    assert_eq!(page.told("spec"), Vec::<&Finding>::new());
    assert_eq!(page.documents(), crd.documents());
}
