use crate::support::{Folder, served, weighted};

#[test]
fn a_name_may_follow_the_path() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a") + &served("b"));
    let run = folder.run(&["graph", "-f", "a.yaml", "apps/a", "-o", "dot"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(
        run.stdout.contains("apps/a") && !run.stdout.contains("apps/b"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_path_without_its_flag_is_pointed_out() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a"));
    let run = folder.run(&["graph", "a.yaml"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("write -f before it"), "{}", run.stderr);
}

#[test]
fn a_cycle_is_drawn_and_told() {
    let folder = Folder::new();
    folder.write("a.yaml", weighted("a", &["a"]));
    let run = folder.run(&["graph", "-f", "a.yaml"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("cycle"), "{}", run.stdout);
    assert!(run.stderr.contains("1 error"), "{}", run.stderr);
}
