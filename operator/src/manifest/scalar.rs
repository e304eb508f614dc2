//! What a scalar means, as `kubectl` reads it.
//!
//! `kubectl` turns manifests into JSON with `sigs.k8s.io/yaml`, whose reader is a fork of Go's `yaml.v2`: YAML 1.1
//! rules, not the 1.2 core schema. So an unquoted `yes`, `no`, `on`, `off`, `y` or `n` is a boolean, `0777` and
//! `0o777` are octal, `1_000` is a number, and a timestamp stays a string. A number beyond 64 bits becomes a float,
//! one beyond a float a string. JSON has one kind of number, so `1.0` and `1e3` arrive as the integers 1 and 1000.

use serde_json::{Number, Value};

/// A scalar that has no JSON value; the text says why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoValue(pub(super) String);

/// The tag of a scalar, as far as it changes the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag<'t> {
    /// No tag: an unquoted text may be a number, a boolean or null.
    None,
    /// `!!int`, `!!bool` and so on, without the exclamation marks.
    Core(&'t str),
    /// A tag that means nothing to Kubernetes: the text stays text.
    Other,
}

/// The value of a scalar with this text, which was written without quotes if `plain`.
pub(super) fn resolve(text: &str, plain: bool, tag: Tag<'_>) -> Result<Value, NoValue> {
    match tag {
        Tag::None if plain => implicit(text),
        Tag::Core(wanted @ ("null" | "bool" | "int" | "float")) => {
            let value = implicit(text)?;
            if fits(&value, wanted) {
                Ok(value)
            } else {
                Err(NoValue(format!("`{text}` is not a !!{wanted}")))
            }
        }
        Tag::Core("binary") => Err(NoValue("!!binary has no form in JSON".to_owned())),
        Tag::None | Tag::Core(_) | Tag::Other => Ok(Value::from(text)),
    }
}

fn fits(value: &Value, tag: &str) -> bool {
    match value {
        Value::Null => tag == "null",
        Value::Bool(_) => tag == "bool",
        Value::Number(number) => tag == "float" || !number.is_f64(),
        _ => false,
    }
}

fn implicit(text: &str) -> Result<Value, NoValue> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => return Err(NoValue(format!("the number `{text}` has no form in JSON"))),
        _ => number(text).map_or_else(|| Value::from(text), Value::Number),
    })
}

fn number(text: &str) -> Option<Number> {
    match text.bytes().next()? {
        b'.' => float(text),
        b'0'..=b'9' | b'+' | b'-' => {
            let digits = text.replace('_', "");
            integer(&digits).or_else(|| float(&digits))
        }
        _ => None,
    }
}

/// An integer as Go's `strconv.ParseInt` with base 0 takes it, or its unsigned sister for what is larger.
fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, &text[1..]),
        [b'+', ..] => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // from_str_radix takes a sign of its own
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        0i64.checked_sub_unsigned(size).map(Number::from)
    } else {
        Some(Number::from(size))
    }
}

/// A decimal number with a fraction, an exponent or too many digits for an integer.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Rust also parses `inf`, `infinity` and `nan`, which are words here
    if !unsigned.starts_with(|first: char| first == '.' || first.is_ascii_digit()) {
        return None;
    }
    normalised(text.parse().ok()?)
}

/// A float as Go writes it into JSON: without a fraction it is an integer. An infinite one is no number.
pub(super) fn normalised(number: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        Some(Number::from(number as i64))
    } else {
        Number::from_f64(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plain(text: &str) -> Value {
        resolve(text, true, Tag::None).unwrap()
    }

    #[test]
    fn an_unquoted_text_means_what_kubectl_takes_it_for() {
        for (text, value) in [
            ("", Value::Null),
            ("~", Value::Null),
            ("yes", json!(true)),
            ("n", json!(false)),
            ("Off", json!(false)),
            ("oFF", json!("oFF")),
            ("80", json!(80)),
            ("+80", json!(80)),
            ("-0x1F", json!(-31)),
            ("0777", json!(511)),
            ("0o777", json!(511)),
            ("0b11", json!(3)),
            ("089", json!(89)),
            ("1_000", json!(1000)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
            ("1.0", json!(1)),
            ("1e3", json!(1000)),
            (".5", json!(0.5)),
            ("-1.5e-3", json!(-0.0015)),
            ("1e999", json!("1e999")),
            ("1.2.3", json!("1.2.3")),
            ("0x", json!("0x")),
            ("--1", json!("--1")),
            ("+-1", json!("+-1")),
            ("-", json!("-")),
            ("-inf", json!("-inf")),
            (".", json!(".")),
            ("2024-01-02", json!("2024-01-02")),
            ("12:30", json!("12:30")),
            ("10s", json!("10s")),
            ("_1", json!("_1")),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }

    #[test]
    fn quotes_and_tags_decide_before_the_text_does() {
        assert_eq!(resolve("yes", false, Tag::None), Ok(json!("yes")));
        assert_eq!(resolve("80", true, Tag::Core("str")), Ok(json!("80")));
        assert_eq!(resolve("80", false, Tag::Core("int")), Ok(json!(80)));
        assert_eq!(resolve("80", true, Tag::Other), Ok(json!("80")));
        assert!(resolve("x", true, Tag::Core("int")).is_err());
        assert!(resolve("1.5", true, Tag::Core("int")).is_err());
        assert!(resolve("x", true, Tag::Core("binary")).is_err());
    }

    #[test]
    fn what_json_cannot_hold_is_an_error() {
        assert!(resolve(".inf", true, Tag::None).is_err());
        assert!(resolve("-.Inf", true, Tag::None).is_err());
        assert!(resolve(".nan", true, Tag::None).is_err());
    }
}
