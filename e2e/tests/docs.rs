//! The documents that docs/documents.md shows are real ones.

use std::{fs, path::Path};

use weir_model::document::{
    Config, Endpoints, Secrets,
    text::{Document, read},
    validate::validate,
};

/// The fenced block of this language below the heading of the document's file.
fn shown<D: Document>(page: &str) -> Option<D> {
    let (_, section) = page.split_once(&format!("\n## {}.json\n", D::STEM))?;
    let (_, block) = section.split_once("```json\n")?;
    let (text, _) = block.split_once("```\n")?;
    read(text).ok().map(|(document, _)| document)
}

#[test]
fn the_documents_that_the_page_shows_are_whole_and_fit_together() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/documents.md");
    let page = fs::read_to_string(page).unwrap();
    let config: Config = shown(&page).unwrap();
    let endpoints: Endpoints = shown(&page).unwrap();
    let secrets: Secrets = shown(&page).unwrap();
    validate(&config).unwrap();
    assert_eq!(
        (config.routes.len(), endpoints.sets.len(), secrets.entries.len()),
        (1, 2, 1)
    );
}
