//! Text of clients inside a line of the log.
//!
//! Whatever it is, it neither ends a line nor a field, and it moves no cursor of the terminal that the log is read on.

use std::fmt::{self, Write as _};

/// Text inside quotes of JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<'a>(pub(super) &'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if is_odd(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Text between spaces or quotes of the Common Log Format, as Apache's server has it; `-` for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Common<'a>(pub(super) &'a str);

impl fmt::Display for Common<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("-");
        }
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                ' ' => f.write_str("\\x20")?,
                c if is_odd(c) => {
                    for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                        write!(f, "\\x{byte:02x}")?;
                    }
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Control characters, and what some readers take for the end of a line or turn text around with. All of them are in the
/// first plane.
fn is_odd(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn json_is_one_line_and_says_the_same(text in any::<String>()) {
            let escaped = format!("\"{}\"", Json(&text));
            prop_assert!(!escaped.chars().any(is_odd));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }

        #[test]
        fn a_field_has_neither_spaces_nor_quotes(text in any::<String>()) {
            let escaped = Common(&text).to_string();
            prop_assert!(!escaped.chars().any(|c| is_odd(c) || c == ' '));
            prop_assert_eq!(escaped.replace("\\\\", "").replace("\\\"", "").find('"'), None);
        }
    }

    #[test]
    fn what_could_forge_a_line_is_told_as_it_was() {
        let forged = "/\" 200 1\n10.0.0.1 - \u{1b}[2K\u{9b}1m\u{2028}";
        assert_eq!(
            Common(forged).to_string(),
            r#"/\"\x20200\x201\x0a10.0.0.1\x20-\x20\x1b[2K\xc2\x9b1m\xe2\x80\xa8"#
        );
        assert_eq!(
            Json(forged).to_string(),
            r#"/\" 200 1\u000a10.0.0.1 - \u001b[2K\u009b1m\u2028"#
        );
        assert_eq!(Common("").to_string(), "-");
    }
}
