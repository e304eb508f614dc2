use std::fmt::Write;

use super::*;

/// The only broken document: line, column, the text there, message and help.
fn broken(text: impl Into<Vec<u8>>) -> (usize, usize, String, String, String) {
    let manifests = manifests(text);
    assert_eq!(manifests.broken.len(), 1, "{:?}", manifests.broken);
    let broken = &manifests.broken[0];
    let text = text_at(&manifests.files[broken.file], broken.span).to_owned();
    let help = broken.help.clone().unwrap_or_default();
    (
        broken.span.line,
        broken.span.column,
        text,
        broken.message.clone(),
        help,
    )
}

#[test]
fn a_broken_document_leaves_those_around_it_alone() {
    let good = |name: &str| format!("apiVersion: v1\nkind: A\nmetadata:\n  name: {name}\n");
    let text = format!(
        "{}---\na: b: c\n---\n{}---\n\"x\n---\n{}",
        good("one"),
        good("two"),
        good("three")
    );
    let manifests = manifests(text);
    assert_eq!(names(&manifests), ["one", "two", "three"]);
    let lines: Vec<_> = manifests.broken.iter().map(|broken| broken.span.line).collect();
    assert_eq!(lines, [6, 13]);
}

#[test]
fn a_field_deeper_than_its_sibling_is_explained() {
    let text = "apiVersion: v1\nkind: Service\nspec:\n  ports:\n  - name: http\n      port: 80\n  selector:\n    app: x\n";
    let manifests = manifests(text);
    let broken = &manifests.broken[0];
    assert_eq!((broken.span.line, broken.span.column), (6, 7));
    assert_eq!(
        broken.message,
        "`port` is indented deeper than its sibling key `name`"
    );
    let help = broken.help.as_deref().unwrap();
    assert!(help.contains("start `port` in column 5"), "{help}");
    let (place, _) = broken.related.as_ref().unwrap();
    assert_eq!((place.line, place.column), (5, 5));
}

#[test]
fn a_key_written_twice_is_told_with_both_places() {
    let manifests = manifests("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 4\n");
    let places: Vec<_> = manifests
        .broken
        .iter()
        .map(|broken| (broken.related.as_ref().unwrap().0.line, broken.span.line))
        .collect();
    assert_eq!(places, [(3, 5), (1, 6)]);
    assert!(manifests.broken[0].message.contains("`c` is written twice"));
    assert_eq!(manifests.objects.len(), 0);
}

#[test]
fn common_mistakes_have_a_place_and_a_way_out() {
    for (text, line, column, at, message, help) in [
        ("a:\n\tb: 1\n", 2, 1, "\t", "a tab", "spaces only"),
        ("a:\n  b: x\n\tc: 1\n", 3, 1, "\t", "a tab", "spaces only"),
        ("a: \"x\nb: 1\n", 1, 4, "\"", "not closed", "close it"),
        ("a: 'x\n", 1, 4, "'", "not closed", "close it"),
        (
            "a: \"x\" y\n",
            1,
            8,
            "y",
            "behind the closing quote",
            "whole value",
        ),
        ("a: \"x\\.y\"\n", 1, 6, "\\.", "escape", "single quotes"),
        ("a: b: c\n", 1, 4, "b: c", "in quotes", "write `a: 'b: c'`"),
        (
            "a:\n  b: 1\n c: 1\n",
            3,
            2,
            "c: 1",
            "indented by 1 space,",
            "0 or 2 spaces",
        ),
        (
            "a:\n- b: 1\n c: 1\n",
            3,
            2,
            "c: 1",
            "indented by 1 space,",
            "0 or 2 spaces",
        ),
        ("a: 1\n- b\n", 2, 1, "- b", "among the fields", "indent it"),
        ("a: 1\nb\nc: 1\n", 2, 1, "b", "no `:`", "name: value"),
        ("a: `x`\n", 1, 4, "`", "backtick", "quotes"),
        ("a: @x\n", 1, 4, "@", "cannot start with `@`", "quotes"),
        ("a: *x y\n", 1, 4, "*x", "anchor `&x`", "quotes"),
        ("a: - x\n", 1, 4, "-", "list cannot start", "next line"),
        ("a: [1, 2\nb: 1\n", 2, 2, ":", "not closed", "close the bracket"),
        ("a: {{ .Values.x }}\n", 1, 5, "{", "key must be", "template"),
        ("{{- if .x }}\na: 1\n", 1, 3, "-", "inside a block", "template"),
        ("a: &x [*x]\n", 1, 8, "*x", "not complete", "ended before"),
        ("a: .inf\n", 1, 4, ".inf", "no form in JSON", ""),
        (": 1\n", 1, 1, "", "without a key", "before the colon"),
        ("a: 1\n<<: 1\n", 2, 1, "<<", "mappings only", "alias"),
        ("{\"a\": 1 \"b\": 2}", 1, 9, "\"", "expected `,` or `}`", ""),
        ("{\"a\": 1", 1, 8, "", "end of the document", ""),
    ] {
        let found = broken(text);
        assert_eq!((found.0, found.1, found.2.as_str()), (line, column, at), "{text}");
        assert!(found.3.contains(message), "{text}: {}", found.3);
        assert!(found.4.contains(help), "{text}: {}", found.4);
    }
}

#[test]
fn what_is_no_kubernetes_object_is_told_so() {
    for (text, line, message, help) in [
        ("- a\n", 1, "is a mapping, this is a list", "apiVersion"),
        ("hello\n", 1, "is a mapping, this is a single value", "apiVersion"),
        (
            "replicas: 1\n",
            1,
            "no `apiVersion` and no `kind`",
            "every object",
        ),
        ("kind: A\n", 1, "no `apiVersion`:", "every object"),
        (
            "Kind: A\napiVersion: v1\n",
            1,
            "no `kind`:",
            "`Kind` is written `kind`",
        ),
        ("kind: A\napiVersion: 1\n", 2, "`apiVersion` reads as 1", "quotes"),
        (
            "kind: A\napiVersion: v1\nmetadata:\nname: x\n",
            3,
            "this A has no `metadata.name`",
            "deeper",
        ),
        (
            "kind: A\napiVersion: v1\nmetadata:\n  name: y\n",
            4,
            "`metadata.name` reads as true",
            "quotes",
        ),
        (
            "kind: A\napiVersion: v1\nmetadata:\n  generateName: a-\n",
            3,
            "has no `metadata.name`",
            "only in a cluster",
        ),
        ("kind: List\napiVersion: v1\nitems: 1\n", 3, "not a list", ""),
        (
            "kind: List\napiVersion: v1\nitems:\n- {kind: A, apiVersion: v1, metadata: {name: x}}\n- a: 1\n",
            5,
            "items[1]: no `apiVersion`",
            "every",
        ),
        (
            "kind: List\napiVersion: v1\nitems:\n-\n",
            4,
            "items[0]: a Kubernetes object is a mapping, this is nothing",
            "",
        ),
    ] {
        let found = broken(text);
        assert!(found.3.contains(message), "{text}: {}", found.3);
        assert!(found.4.contains(help), "{text}: {}", found.4);
        assert_eq!(found.0, line, "{text}");
    }
}

#[test]
fn an_object_of_a_foreign_group_may_have_no_name() {
    let manifests = manifests("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n");
    assert_eq!((manifests.objects.len(), manifests.broken.len()), (1, 0));
}

#[test]
fn bytes_that_are_no_text_break_only_their_document() {
    let good = "apiVersion: v1\nkind: A\nmetadata:\n  name: x\n";
    for (bad, message, line) in [
        (b"a: \xFF\xFE\n".as_slice(), "not UTF-8", 6),
        (b"a: 1\nb: \0\n", "a NUL byte", 7),
        (b"a: \x1B[0m\n", "control character U+001B", 6),
    ] {
        let text = [good.as_bytes(), b"---\n", bad, b"---\n", good.as_bytes()].concat();
        let manifests = manifests(text);
        assert_eq!(names(&manifests), ["x", "x"]);
        let [broken] = &manifests.broken[..] else {
            panic!("{:?}", manifests.broken)
        };
        assert!(broken.message.contains(message), "{}", broken.message);
        assert_eq!(broken.span.line, line);
    }
}

#[test]
fn aliases_of_aliases_do_not_explode() {
    let mut text = "a0: &a0 [lol]\n".to_owned();
    for level in 1..30 {
        let above = format!("*a{},", level - 1).repeat(10);
        writeln!(text, "a{level}: &a{level} [{above}]").unwrap();
    }
    let found = broken(text);
    assert!(found.3.contains("repeat too much"), "{}", found.3);
}

#[test]
fn aliases_do_not_add_up_to_more_depth_than_allowed() {
    let nest = |inner: &str, levels| format!("{}{inner}{}", "[".repeat(levels), "]".repeat(levels));
    let text = format!("a: &a {}\nb: {}\n", nest("x", 150), nest("*a", 150));
    let found = broken(text);
    assert!(found.3.contains("256 levels"), "{}", found.3);
}

#[test]
fn a_hundred_thousand_levels_are_an_error_not_a_crash() {
    const LEVELS: usize = 100_000;
    for text in [
        "[".repeat(LEVELS),
        "{\"a\":".repeat(LEVELS),
        "{".repeat(LEVELS),
        "- ".repeat(LEVELS),
        "? ".repeat(LEVELS),
        format!("a: {}", "[".repeat(LEVELS)),
        format!("x: {}", "!a &b ".repeat(LEVELS)),
        "a: ".repeat(LEVELS),
    ] {
        let manifests = manifests(text);
        assert_eq!((manifests.objects.len(), manifests.broken.len()), (0, 1));
    }
}

#[test]
fn ten_megabytes_of_garbage_are_an_error_and_take_no_more_memory_than_allowed() {
    const SIZE: usize = 10 << 20;
    for (text, message) in [
        ("\u{7f}garbage ".repeat(SIZE / 9), "control character"),
        ("x\n".repeat(SIZE / 2), "goes on for more than"),
        (format!("- [{}", "1,".repeat(SIZE / 2)), "goes on for more than"),
        (format!("a: \"{}", "x ".repeat(SIZE / 2)), "goes on for more than"),
        (
            format!("{{\"a\": [{}", "1,".repeat(SIZE / 2)),
            "end of the document",
        ),
        ("}{][".repeat(SIZE / 4), "nothing opened"),
    ] {
        let found = broken(text);
        assert!(found.3.contains(message), "{}", found.3);
    }
}

#[test]
fn after_too_many_broken_documents_the_file_is_left() {
    let limits = Limits {
        max_broken: 3,
        ..Limits::default()
    };
    let mut manifests = Manifests::default();
    manifests.add("a", "---\nx\n".repeat(100), &limits);
    assert_eq!(manifests.broken.len(), 4);
    assert!(manifests.broken[3].message.contains("not read"));
}
