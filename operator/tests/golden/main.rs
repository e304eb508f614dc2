//! Golden cases: each folder in `tests/cases` holds manifests and what they compile to.
//!
//! ```text
//! input.yaml       the manifests
//! previous.yaml    manifests that were compiled before (optional)
//! options          flags of the compiler, one a line (optional; previous.options where those were others)
//! config.json  endpoints.json  findings.txt  reports.txt     what comes of it
//! ```
//!
//! `UPDATE_GOLDEN=1 cargo test -p weir-operator --test golden` writes what comes of it. Read it before
//! you commit it: it is the description of what the compiler does.

// Lints make an exception for tests where they see this attribute.
#[cfg(test)]
mod case;
#[cfg(test)]
mod diff;
#[cfg(test)]
mod print;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use weir_model::document::{NodeSpec, Target, validate::validate};
use weir_operator::compile::{
    compile,
    finding::{Code, Severity},
    report::State,
};

use self::case::Case;

/// All cases, sorted by name.
#[cfg(test)]
fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "there are no cases");
    folders.iter().map(|folder| Case::read(folder)).collect()
}

#[test]
fn every_case_compiles_to_what_stands_beside_it() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut failures = Vec::new();
    for case in cases() {
        for (file, text) in print::all(&case) {
            let path = case.folder.join(file);
            if update {
                fs::write(&path, text).unwrap();
                continue;
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            if expected != text {
                failures.push(format!("{}/{file}\n{}", case.name, diff::lines(&expected, &text)));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{}\nUPDATE_GOLDEN=1 writes them anew",
        failures.join("\n")
    );
}

#[test]
fn every_published_config_is_valid_and_a_second_compile_changes_nothing() {
    for case in cases() {
        let compilation = &case.compilation;
        assert_eq!(compilation.violations, [], "{}", case.name);
        assert_eq!(validate(&compilation.config), Ok(()), "{}", case.name);
        let again = compile(&case.snapshot, &case.options, &compilation.config);
        assert!(again == *compilation, "{}: {again:#?}", case.name);
    }
}

/// What `kubectl describe` shows must be found in the manifest, say what happens, and read well.
#[test]
fn every_finding_has_a_place_an_effect_and_a_readable_message() {
    for case in cases() {
        for finding in &case.compilation.findings {
            let what = format!("{}: {finding:#?}", case.name);
            let manifest = case
                .manifests
                .objects
                .iter()
                .rfind(|object| case::is(&object.value, &finding.object));
            let manifest = manifest.unwrap_or_else(|| panic!("{what}: no such object"));
            // the last step may be a field that is missing
            let parent = finding.field.parent().unwrap_or_default();
            assert!(
                case::field(&manifest.value, &parent).is_some(),
                "{what}: no such field"
            );
            for text in [&finding.message, &finding.effect] {
                assert!(!text.is_empty(), "{what}: nothing is said");
                assert!(
                    !text.ends_with('.') && !text.contains("  ") && !text.contains('\n'),
                    "{what}: {text}"
                );
                let first = text.split(' ').next().unwrap_or_default();
                let is_kind = first.starts_with(|c: char| c.is_uppercase());
                assert!(!is_kind || PROPER.contains(&first), "{what}: {text}");
            }
        }
    }
}

/// Words that are capitals wherever they stand.
const PROPER: [&str; 10] = [
    "TraefikService",
    "IngressRoute",
    "ServersTransport",
    "Service",
    "Services",
    "Secret",
    "ConfigMap",
    "TLS",
    "HTTP",
    "503",
];

#[test]
fn every_code_has_a_case() {
    // those that who reads the manifests reports
    let mut missing: BTreeSet<Code> = Code::ALL.iter().copied().collect();
    missing.remove(&Code::DuplicateObject);
    missing.remove(&Code::UnknownKind);
    for case in cases() {
        for finding in &case.compilation.findings {
            missing.remove(&finding.code);
        }
        if !case.manifests.broken.is_empty() {
            missing.remove(&Code::BrokenDocument);
        }
    }
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn mended_examples_are_clean_and_serve() {
    let mended: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.name.ends_with("-mended"))
        .collect();
    assert!(mended.len() >= 4);
    for case in mended {
        assert!(case.manifests.broken.is_empty(), "{}", case.name);
        let compilation = &case.compilation;
        let bad: Vec<_> = compilation
            .findings
            .iter()
            .filter(|f| f.severity < Severity::Info)
            .collect();
        assert!(bad.is_empty(), "{}: {bad:#?}", case.name);
        for route in compilation
            .reports
            .ingress_routes
            .values()
            .flat_map(|report| &report.routes)
        {
            assert_eq!(route.state, State::Served, "{}", case.name);
        }
        assert!(!compilation.config.routes.is_empty(), "{}", case.name);
        for route in compilation.config.routes.values() {
            assert!(matches!(route.target, Target::Node(_)), "{}", case.name);
            assert!(!route.entry_points.is_empty(), "{}", case.name);
        }
        for (id, node) in &compilation.config.nodes {
            let NodeSpec::Leaf(leaf) = &node.spec else {
                continue;
            };
            let set = leaf
                .endpoints
                .as_ref()
                .and_then(|set| compilation.endpoints.sets.get(set));
            assert!(
                set.is_some_and(|set| !set.ready.is_empty()),
                "{}: {id}",
                case.name
            );
        }
    }
}
