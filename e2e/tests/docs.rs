//! What the pages show is real, and their links lead somewhere.

#![cfg(test)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use weir_e2e::markdown::{anchors, blocks, links};
use weir_model::document::{
    Config, Endpoints, Secrets,
    text::{Document, read},
    validate::validate,
};
use weir_operator::{
    compile::{Options, Snapshot, compile},
    manifest::{Limits, Manifests},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All pages.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<_> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "charts/weir/README.md"].map(|page| root().join(page)));
    assert!(pages.len() > 5, "{pages:?}");
    pages
}

/// The fenced block of this language below the heading of the document's file.
fn shown<D: Document>(page: &str) -> Option<D> {
    let (_, section) = page.split_once(&format!("\n## {}.json\n", D::STEM))?;
    let (_, block) = section.split_once("```json\n")?;
    let (text, _) = block.split_once("```\n")?;
    read(text).ok().map(|(document, _)| document)
}

#[test]
fn the_documents_that_the_page_shows_are_whole_and_fit_together() {
    let page = fs::read_to_string(root().join("docs/documents.md")).unwrap();
    let config: Config = shown(&page).unwrap();
    let endpoints: Endpoints = shown(&page).unwrap();
    let secrets: Secrets = shown(&page).unwrap();
    validate(&config).unwrap();
    assert_eq!(
        (config.routes.len(), endpoints.sets.len(), secrets.entries.len()),
        (1, 2, 1)
    );
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_of_it() {
    let mut broken = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            count += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap().join(file)
            };
            let found = if anchor.is_empty() {
                target.exists()
            } else {
                fs::read_to_string(&target)
                    .is_ok_and(|text| anchors(&text).iter().any(|known| known == anchor))
            };
            if !found {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(count > 80, "{count}");
}

#[test]
fn the_page_of_conditions_has_an_anchor_once() {
    let page = fs::read_to_string(root().join("docs/conditions.md")).unwrap();
    let mut anchors = anchors(&page);
    for name in ["weir0020", "backendnotfound", "waitingforproxies", "programmed"] {
        assert!(anchors.iter().any(|anchor| anchor == name), "{name}");
    }
    anchors.sort();
    assert!(anchors.windows(2).all(|pair| pair[0] != pair[1]), "{anchors:?}");
}

#[test]
fn the_compiler_refuses_nothing_that_the_readme_shows() {
    let page = fs::read_to_string(root().join("README.md")).unwrap();
    let mut manifests = Manifests::default();
    for (_, block) in blocks(&page)
        .into_iter()
        .filter(|(language, _)| *language == "yaml")
    {
        manifests.add("README.md", block, &Limits::default());
    }
    assert!(manifests.broken.is_empty(), "{:?}", manifests.broken);
    let objects: Vec<_> = manifests.objects.into_iter().map(|object| object.value).collect();
    let compilation = compile(
        &Snapshot::from_objects(&objects),
        &Options::default(),
        &Config::default(),
    );
    // its Services are not shown
    let wrong: Vec<_> = compilation
        .findings
        .iter()
        .filter(|finding| finding.refuses())
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(compilation.reports.services.len(), 2);
    assert_eq!(compilation.config.routes.len(), 1);
}
