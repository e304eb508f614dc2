use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

fn object(name: &str) -> String {
    format!("apiVersion: v1\nkind: A\nmetadata:\n  name: {name}\n")
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_directory_is_read_in_the_order_of_names_without_what_is_hidden() {
    let root = tempfile::tempdir().unwrap();
    for name in [
        "b.yaml",
        "a/z.yml",
        "a/y.json",
        "c.txt",
        ".hidden.yaml",
        ".git/x.yaml",
        "d/.keep",
    ] {
        write(root.path(), name, &object(&name.replace(['/', '.'], "-")));
    }
    let manifests = read(&[root.path().to_owned()], &Limits::default()).unwrap();
    assert_eq!(names(&manifests), ["a-y-json", "a-z-yml", "b-yaml"]);
    assert_eq!(manifests.objects[2].file, 2);
    assert!(manifests.files[2].name.ends_with("b.yaml"));
}

#[test]
fn a_named_file_is_read_whatever_it_is_called_and_only_once() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "c.txt", &object("c"));
    write(root.path(), "d.yaml", &object("d"));
    let (text, all) = (root.path().join("c.txt"), root.path().to_owned());
    let manifests = read(&[all.join("d.yaml"), text, all], &Limits::default()).unwrap();
    assert_eq!(names(&manifests), ["d", "c"]);
}

#[test]
fn links_are_followed_but_not_in_circles() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "real/a.yaml", &object("a"));
    symlink("..", root.path().join("real/up")).unwrap();
    symlink("real", root.path().join("zlink")).unwrap();
    // as kubelet mounts a ConfigMap
    write(root.path(), "mount/..2024/b.yaml", &object("b"));
    symlink("..2024", root.path().join("mount/..data")).unwrap();
    symlink("..data/b.yaml", root.path().join("mount/b.yaml")).unwrap();
    let manifests = read(&[root.path().to_owned()], &Limits::default()).unwrap();
    assert_eq!(names(&manifests), ["b", "a"]);
    let same = root.path().join("zlink");
    read(&[root.path().to_owned(), same], &Limits::default()).unwrap();
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_path() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("missing.yaml");
    let error = read(std::slice::from_ref(&missing), &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", missing.display()));

    symlink("nowhere", root.path().join("dangling.yaml")).unwrap();
    let error = read(&[root.path().to_owned()], &Limits::default()).unwrap_err();
    assert!(error.to_string().ends_with("dangling.yaml"), "{error}");
}

#[test]
fn a_directory_without_manifests_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a.txt", "x");
    let error = read(&[root.path().to_owned()], &Limits::default()).unwrap_err();
    assert!(matches!(error, ReadError::NoManifests { path } if path == root.path()));
}

#[test]
fn sizes_are_limited_for_a_file_and_for_all() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a.yaml", &object("a"));
    write(root.path(), "b.yaml", &object("b"));
    let size = object("a").len() as u64;
    let limits = |file, total| Limits {
        max_file_bytes: file,
        max_total_bytes: total,
        ..Limits::default()
    };
    let paths = [root.path().to_owned()];
    assert!(read(&paths, &limits(size, 2 * size)).is_ok());
    for (limits, culprit) in [
        (limits(size - 1, 2 * size), "a.yaml"),
        (limits(size, 2 * size - 1), "b.yaml"),
    ] {
        let error = read(&paths, &limits).unwrap_err();
        assert!(matches!(error, ReadError::TooLarge { path, .. } if path.ends_with(culprit)));
    }
}
