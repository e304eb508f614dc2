use std::{fs, path::Path};

use crate::support::Folder;

#[test]
fn a_code_and_its_reason_are_explained_alike() {
    let folder = Folder::new();
    let by_code = folder.run(&["explain", "WEIR0020"]);
    assert_eq!(by_code.code, 0, "{by_code:?}");
    assert!(
        by_code.stdout.starts_with("error[WEIR0020]: BackendNotFound\n"),
        "{}",
        by_code.stdout
    );
    assert_eq!(folder.run(&["explain", "backendnotfound"]).stdout, by_code.stdout);
}

#[test]
fn without_a_word_all_are_listed() {
    let run = Folder::new().run(&["explain"]);
    assert_eq!(run.code, 0, "{run:?}");
    for name in ["Accepted", "WaitingForProxies", "WEIR0055"] {
        assert!(run.stdout.contains(name), "{}", run.stdout);
    }
}

#[test]
fn an_unknown_word_is_an_error_that_names_a_similar_one() {
    let run = Folder::new().run(&["explain", "NoEndpoint"]);
    assert_eq!(run.code, 2);
    assert_eq!(
        run.stderr,
        "error: there is no \"NoEndpoint\"; did you mean \"NoEndpoints\"?\n"
    );
}

#[test]
fn the_pages_of_the_documentation_are_what_the_catalogues_say() {
    let folder = Folder::new();
    for (flag, page) in [
        ("--markdown", "conditions.md"),
        ("--compatibility", "compatibility.md"),
    ] {
        let run = folder.run(&["explain", flag, "--output", page]);
        assert_eq!(run.code, 0, "{run:?}");
        let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
        assert!(
            fs::read_to_string(stored).unwrap() == folder.read(page),
            "{page}: run `make gen`"
        );
    }
}
