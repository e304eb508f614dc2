//! A matcher's call: its name and its arguments.

use std::ops::Range;

use weir_model::rule::Matcher;

use super::lex::{Spanned, Token};
use super::matchers::{self, Argument};
use super::parse::Parser;

impl<'a> Parser<'a> {
    pub(super) fn call(&mut self, name: &str) -> Option<Matcher> {
        let span = &self.bump().span;
        let open = self.peek();
        if !self.eat(&Token::Open) {
            matchers::not_a_call(name, span.clone(), self.diagnostics);
            // the argument that lacks its parentheses
            if matches!(self.peek().token, Token::Text(_)) {
                self.bump();
            }
            return None;
        }
        let definition = matchers::find(name, span.clone(), self.diagnostics);
        let arguments = self.arguments(&open.span)?;
        let whole = span.start..self.end_of_last();
        matchers::build(definition?, &arguments, whole, self.diagnostics)
    }

    /// The arguments up to and with the `)`.
    fn arguments(&mut self, open: &Range<usize>) -> Option<Vec<Argument<'a>>> {
        let errors_before = self.diagnostics.errors.len();
        let mut arguments = Vec::new();
        let mut separated = true;
        loop {
            let Spanned { token, span } = self.bump();
            let after_comma = std::mem::replace(&mut separated, false);
            let span = span.clone();
            match token {
                Token::Close => return (self.diagnostics.errors.len() == errors_before).then_some(arguments),
                Token::End => {
                    self.unclosed(open);
                    return None;
                }
                Token::Comma => {
                    separated = true;
                    if after_comma {
                        self.diagnostics
                            .error(span, "there is no argument before this comma");
                    }
                }
                Token::Text(text) => {
                    if !after_comma {
                        self.diagnostics
                            .error(span.clone(), "there is no comma before this argument");
                    }
                    arguments.push(Argument { text, span });
                }
                Token::Word(word) => self.diagnostics.error_with_help(
                    span,
                    "an argument is a string, in backticks or double quotes",
                    format!("write `` `{word}` ``"),
                ),
                Token::Open => {
                    self.skip_group();
                    self.diagnostics
                        .error(span, "an argument is a string: no parentheses here");
                }
                Token::And | Token::Or | Token::Not => {
                    separated = true;
                    self.diagnostics.error_with_help(
                        span,
                        "operators stand between matchers, not between arguments",
                        "repeat the matcher: ``Host(`a.example.com`) || Host(`b.example.com`)``",
                    );
                }
            }
        }
    }

    /// After a `(`: everything up to and with its `)`, or up to the end.
    fn skip_group(&mut self) {
        let mut open = 1;
        while open > 0 && self.peek().token != Token::End {
            match self.bump().token {
                Token::Open => open += 1,
                Token::Close => open -= 1,
                _ => {}
            }
        }
    }
}
