//! Rule text to tokens.

use std::ops::Range;

use super::{Diagnostics, literal};

/// A piece of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    And,
    Or,
    Not,
    Open,
    Close,
    Comma,
    /// A string literal's content.
    Text(String),
    /// A name, or anything else that is none of the above.
    Word(String),
    End,
}

/// A token and where it stands, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

/// The tokens of `text`; the last one, and only that, is [`Token::End`].
pub(super) fn lex(text: &str, diagnostics: &mut Diagnostics) -> Vec<Spanned> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let start = at;
        let rest = &text[start..];
        let (token, length) = match first {
            space if space.is_whitespace() => {
                at += space.len_utf8();
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '!' => (Token::Not, 1),
            '&' => operator(rest, "&&", start, Token::And, diagnostics),
            '|' => operator(rest, "||", start, Token::Or, diagnostics),
            '`' => literal::raw(rest, start, diagnostics),
            '"' => literal::interpreted(rest, start, diagnostics),
            '\'' => literal::single_quoted(rest, start, diagnostics),
            _ => {
                let length = rest.find(ends_word).unwrap_or(rest.len());
                (Token::Word(rest[..length].to_owned()), length)
            }
        };
        at += length;
        tokens.push(Spanned {
            token,
            span: start..at,
        });
    }
    tokens.push(Spanned {
        token: Token::End,
        span: at..at,
    });
    tokens
}

fn ends_word(character: char) -> bool {
    character.is_whitespace() || matches!(character, '(' | ')' | ',' | '!' | '&' | '|' | '`' | '"' | '\'')
}

/// `&&` or `||`; a single character is an error that is read as the double one.
fn operator(
    rest: &str,
    whole: &str,
    start: usize,
    token: Token,
    diagnostics: &mut Diagnostics,
) -> (Token, usize) {
    if rest.starts_with(whole) {
        return (token, whole.len());
    }
    let single = &rest[..1];
    diagnostics.error_with_help(
        start..start + 1,
        format!("`{single}` is not an operator"),
        format!("write `{whole}`"),
    );
    (token, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let mut diagnostics = Diagnostics::default();
        let tokens = lex(text, &mut diagnostics)
            .into_iter()
            .map(|spanned| spanned.token)
            .collect();
        assert_eq!(diagnostics.errors, []);
        tokens
    }

    #[test]
    fn a_rule_falls_into_its_tokens() {
        let text = |text: &str| Token::Text(text.into());
        let word = |word: &str| Token::Word(word.into());
        assert_eq!(
            tokens("!Host(`a`)&&(Query( \"q\",`1` ) ||\n\tx.y)"),
            [
                Token::Not,
                word("Host"),
                Token::Open,
                text("a"),
                Token::Close,
                Token::And,
                Token::Open,
                word("Query"),
                Token::Open,
                text("q"),
                Token::Comma,
                text("1"),
                Token::Close,
                Token::Or,
                word("x.y"),
                Token::Close,
                Token::End
            ]
        );
    }

    #[test]
    fn a_single_operator_character_is_an_error_that_is_read_as_two() {
        let mut diagnostics = Diagnostics::default();
        let found = lex("a & b | c", &mut diagnostics);
        assert_eq!(found[1].token, Token::And);
        assert_eq!(found[3].token, Token::Or);
        assert_eq!(diagnostics.errors[0].span, 2..3);
        assert_eq!(diagnostics.errors[1].help.as_deref(), Some("write `||`"));
    }
}
