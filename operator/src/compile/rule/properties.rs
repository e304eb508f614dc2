//! Printing and parsing are inverse, and no text makes the parser panic.

use proptest::prelude::*;
use weir_model::rule::Matcher;

use super::parse;

fn leaf() -> impl Strategy<Value = Matcher> {
    let text = || "[ -~é\\n`\"\\\\]{1,8}";
    let name = || "[A-Za-z][A-Za-z0-9-]{0,8}";
    let pattern = || {
        prop_oneof![
            "[a-z^$.]{1,6}",
            Just(r"^/\d+(`|\.x)$".to_owned()),
            Just("[a&&b]{2}".to_owned())
        ]
    };
    prop_oneof![
        "[A-Za-z0-9*.-]{1,12}".prop_filter_map("a host", |host| Matcher::host(&host).ok()),
        pattern().prop_map(|pattern| Matcher::host_regexp(&pattern).unwrap()),
        text().prop_map(|path| Matcher::path(&format!("/{path}")).unwrap()),
        text().prop_map(|path| Matcher::path_prefix(&format!("/{path}")).unwrap()),
        pattern().prop_map(|pattern| Matcher::path_regexp(&pattern).unwrap()),
        "[a-zA-Z-]{1,8}".prop_map(|method| Matcher::method(&method).unwrap()),
        (name(), text()).prop_map(|(name, value)| Matcher::header(&name, &value).unwrap()),
        (name(), pattern()).prop_map(|(name, pattern)| Matcher::header_regexp(&name, &pattern).unwrap()),
        (text(), proptest::option::of(text())).prop_map(|(key, value)| Matcher::query(
            &key,
            value.as_deref()
        )
        .unwrap()),
        (text(), pattern()).prop_map(|(key, pattern)| Matcher::query_regexp(&key, &pattern).unwrap()),
        (any::<std::net::IpAddr>(), 0..=32u8)
            .prop_map(|(address, prefix)| Matcher::client_ip(&format!("{address}/{prefix}")).unwrap()),
    ]
}

fn tree() -> impl Strategy<Value = Matcher> {
    leaf().prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Matcher::all),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Matcher::any),
            inner.prop_map(Matcher::negated),
        ]
    })
}

/// Pieces of rules in any order: nearer to the parser's branches than random characters.
fn pieces() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "Host",
        "(",
        ")",
        "`a`",
        "\"\\x41",
        "\"b\"",
        "'",
        "`",
        ",",
        "&&",
        "||",
        "!",
        "&",
        "Path(`/a`)",
        "not",
        "or",
        "\n",
        "é",
        "Header",
        "\\",
        "PathRegexp(`(`)",
    ]);
    proptest::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

/// Either a valid rule, or errors that lie within the text on character boundaries.
fn check(text: &str) {
    match parse(text) {
        Ok(parsed) => parsed.matcher.validate().unwrap(),
        Err(errors) => {
            assert!(!errors.is_empty(), "{text}");
            assert!(
                errors.iter().all(|error| text.get(error.span.clone()).is_some()),
                "{text}: {errors:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn a_printed_tree_parses_to_itself(tree in tree()) {
        let text = tree.to_string();
        let parsed = parse(&text).map(|parsed| parsed.matcher);
        prop_assert_eq!(parsed, Ok(tree), "{}", text);
    }

    #[test]
    fn any_text_gives_a_rule_or_errors_within_it(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_order_of_pieces_gives_a_rule_or_errors_within_it(text in pieces()) {
        check(&text);
    }
}
