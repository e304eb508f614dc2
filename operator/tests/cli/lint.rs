use crate::support::{Folder, served, weighted};

#[test]
fn a_cycle_prints_its_path_from_each_member_and_exits_with_1() {
    let folder = Folder::new();
    folder.write("cycle.yaml", weighted("a", &["b"]) + &weighted("b", &["a"]));
    let run = folder.run(&["lint", "cycle.yaml"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(
        run.stdout
            .contains("error[WEIR0003]: the references form a cycle: apps/a -> apps/b -> apps/a")
    );
    assert!(
        run.stdout
            .contains("error[WEIR0003]: the references form a cycle: apps/b -> apps/a -> apps/b")
    );
    assert!(run.stdout.contains(" --> cycle.yaml:7:16"), "{}", run.stdout);
}

#[test]
fn warnings_are_denied_only_when_asked() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a").replace("port: 80}", "port: 80, wieght: 2}"));
    assert_eq!(folder.run(&["lint", "a.yaml"]).code, 0);
    let run = folder.run(&["lint", "a.yaml", "--deny", "warnings"]);
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("did you mean `weight`?"), "{}", run.stdout);
}

#[test]
fn json_and_sarif_say_where() {
    let folder = Folder::new();
    folder.write("cycle.yaml", weighted("a", &["a"]));
    let json = folder.run(&["lint", "cycle.yaml", "--output", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    let finding = &value["findings"][0];
    assert_eq!(
        (json.code, &finding["code"], &finding["line"]),
        (1, &"WEIR0003".into(), &7.into())
    );
    let sarif = folder.run(&["lint", "cycle.yaml", "--output", "sarif"]);
    let value: serde_json::Value = serde_json::from_str(&sarif.stdout).expect("JSON");
    let result = &value["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "WEIR0003");
    assert_eq!(
        result["locations"][0]["physicalLocation"]["region"]["startLine"],
        7
    );
}

#[test]
fn a_broken_document_stops_no_other() {
    let folder = Folder::new();
    let mut text = String::new();
    for i in 0..100 {
        text += &served(&format!("s{i}"));
        if i == 50 {
            text += "apiVersion: v1\nkind: Service\nmetadata: [\n---\n";
        }
    }
    folder.write("all.yaml", text + &weighted("loop", &["loop"]));
    let run = folder.run(&["lint", "all.yaml"]);
    assert_eq!(run.code, 1);
    assert_eq!(run.stdout.matches("error[WEIR0053]").count(), 1, "{}", run.stdout);
    assert_eq!(run.stdout.matches("error[WEIR0003]").count(), 1);
    assert!(
        run.stdout.contains("201 objects in 1 file: 2 errors"),
        "{}",
        run.stdout
    );
}

#[test]
fn standard_input_lists_and_unrelated_kinds_are_read() {
    let folder = Folder::new();
    let list = r#"{"apiVersion":"v1","kind":"List","items":[
        {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"anything":1}},
        {"apiVersion":"traefik.io/v1alpha1","kind":"TraefikService","metadata":{"name":"t"},
         "spec":{"mirroring":{"name":"gone","port":80,"mirrors":[{"name":"gone","port":80,"percent":150}]}}}]}"#;
    let run = folder.run_with(&["lint", "-"], list);
    assert_eq!(run.code, 1);
    assert!(
        run.stdout.contains("percent 150 is outside 0 to 100"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("--> <stdin>:4:"), "{}", run.stdout);
    assert!(run.stdout.contains("1 object in 1 file"), "{}", run.stdout);
}

#[test]
fn an_object_that_is_defined_twice_is_named_with_both_places() {
    let folder = Folder::new();
    folder.write("a.yaml", served("a")).write("b.yaml", served("a"));
    let run = folder.run(&["lint", "a.yaml", "b.yaml"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stdout.contains("TraefikService apps/a is defined twice"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("a.yaml") && run.stdout.contains("b.yaml"),
        "{}",
        run.stdout
    );
}

#[test]
fn what_looks_like_a_kind_that_weir_reads_is_not_passed_over_in_silence() {
    let folder = Folder::new();
    let old = weighted("old", &["old"]).replace("traefik.io/", "traefik.containo.us/");
    let misspelt =
        weighted("b", &["b"]).replace("kind: TraefikService\nmetadata", "kind: traefikservice\nmetadata");
    folder.write("a.yaml", old + &misspelt);
    let run = folder.run(&["lint", "a.yaml", "--deny", "warnings"]);
    assert_eq!(run.code, 1);
    assert!(
        run.stdout
            .contains("weir reads TraefikService of traefik.io/v1alpha1"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("did you mean \"TraefikService\"?"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("0 objects in 1 file: 2 warnings"),
        "{}",
        run.stdout
    );
}
