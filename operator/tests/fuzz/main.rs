//! Golden cases, with bytes changed at random: nothing may panic, what is published must hold, and the same input must give the
//! same.

#![cfg(test)]

use std::{fs, path::Path};

use weir_model::{
    document::{Config, Endpoints, Secrets, text, validate::validate},
    fuzz::fuzz,
};
use weir_operator::{
    compile::{Options, Snapshot, compile, rule},
    manifest::{Limits, Manifests},
};

/// The files of this name in the golden cases.
fn seeds(file: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let folders = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = folders.map(|folder| folder.unwrap().path().join(file)).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().filter_map(|path| fs::read(path).ok()).collect();
    assert!(seeds.len() > 20, "{file}");
    seeds
}

#[test]
fn manifests_compile_to_what_holds_and_twice_to_the_same() {
    fuzz(&seeds("input.yaml"), |input| {
        let mut manifests = Manifests::default();
        manifests.add("input.yaml", input, &Limits::default());
        let snapshot = Snapshot::from_objects(manifests.objects.iter().map(|object| &object.value));
        let options = Options::default();
        let compilation = compile(&snapshot, &options, &Config::default());
        assert_eq!(compilation.violations, []);
        assert_eq!(validate(&compilation.config), Ok(()));
        assert!(compile(&snapshot, &options, &Config::default()) == compilation);
        let again = compile(&snapshot, &options, &compilation.config);
        assert!(again == compilation, "{:#?}", again.findings);
    });
}

#[test]
fn documents_are_read_or_refused_and_what_is_read_is_written_the_same() {
    fuzz(&seeds("config.json"), |input| {
        let Ok(input) = String::from_utf8(input) else {
            return;
        };
        drop(text::read::<Endpoints>(&input));
        drop(text::read::<Secrets>(&input));
        let Ok((config, _)) = text::read::<Config>(&input) else {
            return;
        };
        // whatever it says: the operator keeps what was published before, if it holds
        if validate(&config).is_ok() {
            let compilation = compile(&Snapshot::default(), &Options::default(), &config);
            assert_eq!(compilation.violations, []);
        }
        let written = text::write(&config).unwrap().0;
        assert!(text::read::<Config>(&written).unwrap().0 == config);
    });
}

#[test]
fn rules_are_parsed_or_refused_at_a_place_within_them() {
    let rules = [
        "Host(`example.com`) && PathPrefix(`/foo`)",
        "!(Path(`/a`) || Query(`k`, `v`)) && HeaderRegexp(\"X-A\", \"^\\\\d+$\")",
        "ClientIP(`10.0.0.0/8`) || ClientIP(`::1`) || Method(`GET`)",
        "HostRegexp(`^[a-z]+\\.example\\.com$`) && QueryRegexp(`q`, `(?i)x{1,3}`)",
        "host(`*.example.com`) && PATHREGEXP(`\\pL`) && Query(`flag`)",
    ];
    let seeds: Vec<_> = rules.iter().map(|rule| rule.as_bytes().to_vec()).collect();
    fuzz(&seeds, |input| {
        let input = String::from_utf8_lossy(&input);
        match rule::parse(&input) {
            Ok(parsed) => {
                let text = serde_json::to_string(&parsed.matcher).unwrap();
                assert!(serde_json::from_str::<weir_model::rule::Matcher>(&text).unwrap() == parsed.matcher);
            }
            Err(errors) => {
                assert!(!errors.is_empty());
                for error in errors {
                    assert!(input.get(error.span.clone()).is_some(), "{input:?}: {error:?}");
                }
            }
        }
    });
}
