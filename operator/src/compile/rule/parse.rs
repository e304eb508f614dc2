//! Tokens to a tree, by recursive descent: alternatives of conjunctions of negations of calls and groups.
//!
//! Every method gives `None` after an error that it has reported, and leaves the tokens where the next part of
//! the rule can be read.

use std::ops::Range;

use weir_model::rule::{MAX_RULE_BYTES, MAX_RULE_DEPTH, Matcher};

use super::lex::{Spanned, Token, lex};
use super::{Diagnostics, Parsed, RuleError, matchers};

/// More errors in one rule help nobody.
const MAX_ERRORS: usize = 20;

/// Reads a rule.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text, at most 20 of them; never an empty list.
pub fn parse(text: &str) -> Result<Parsed, Vec<RuleError>> {
    let mut diagnostics = Diagnostics::default();
    if text.len() > MAX_RULE_BYTES {
        diagnostics.error(
            0..text.len(),
            format!("the rule is longer than {MAX_RULE_BYTES} bytes"),
        );
        return Err(diagnostics.errors);
    }
    let tokens = lex(text, &mut diagnostics);
    let mut parser = Parser {
        tokens: &tokens,
        next: 0,
        depth: 0,
        stopped: false,
        diagnostics: &mut diagnostics,
    };
    let matcher = parser.rule();
    if let Some(matcher) = &matcher {
        matchers::check_whole(matcher, 0..text.len(), &mut diagnostics);
    }
    let Diagnostics { mut errors, warnings } = diagnostics;
    match matcher {
        Some(matcher) if errors.is_empty() => Ok(Parsed { matcher, warnings }),
        _ => {
            errors.sort_by_key(|error| (error.span.start, error.span.end));
            errors.truncate(MAX_ERRORS);
            Err(errors)
        }
    }
}

pub(super) struct Parser<'a> {
    tokens: &'a [Spanned],
    next: usize,
    /// How many parentheses are open.
    depth: usize,
    /// Set where reading on makes no sense; suppresses what would only follow from that.
    stopped: bool,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> &'a Spanned {
        // the last token is `End`, which `bump` never passes
        &self.tokens[self.next]
    }

    /// Where the token before the next one ends.
    pub(super) fn end_of_last(&self) -> usize {
        self.tokens[self.next.saturating_sub(1)].span.end
    }

    pub(super) fn bump(&mut self) -> &'a Spanned {
        let token = self.peek();
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    pub(super) fn eat(&mut self, token: &Token) -> bool {
        let found = self.peek().token == *token;
        if found {
            self.bump();
        }
        found
    }

    /// Gives up on everything that is left.
    fn stop(&mut self) {
        self.stopped = true;
        self.next = self.tokens.len() - 1;
    }

    fn rule(&mut self) -> Option<Matcher> {
        let first = self.peek();
        if first.token == Token::End {
            self.diagnostics.error(0..first.span.end, "the rule is empty");
            return None;
        }
        let matcher = self.alternatives();
        loop {
            let Spanned { token, span } = self.peek();
            match token {
                Token::End => return matcher,
                Token::Close => {
                    self.diagnostics.error(span.clone(), "this `)` closes nothing");
                    self.bump();
                    let _ = self.eat(&Token::And) || self.eat(&Token::Or);
                }
                _ => drop(self.alternatives()),
            }
        }
    }

    fn alternatives(&mut self) -> Option<Matcher> {
        let mut children = vec![self.conjunction()];
        while self.eat(&Token::Or) {
            children.push(self.conjunction());
        }
        Some(Matcher::any(children.into_iter().collect::<Option<Vec<_>>>()?))
    }

    fn conjunction(&mut self) -> Option<Matcher> {
        let mut children = vec![self.negation()];
        while self.conjoined() {
            children.push(self.negation());
        }
        Some(Matcher::all(children.into_iter().collect::<Option<Vec<_>>>()?))
    }

    /// Takes an `&&`, or reports what stands in its place, if another condition follows.
    fn conjoined(&mut self) -> bool {
        const HELP: &str = "write `&&` (both) or `||` (either) between two matchers";
        let Spanned { token, span } = self.peek();
        match token {
            Token::Or | Token::Close | Token::End => return false,
            Token::And => {}
            Token::Comma => {
                self.diagnostics
                    .error_with_help(span.clone(), "a comma does not join matchers", HELP);
            }
            Token::Word(word) if matches!(word.to_ascii_lowercase().as_str(), "and" | "or") => {
                self.diagnostics
                    .error_with_help(span.clone(), format!("`{word}` is not an operator"), HELP);
            }
            _ => {
                self.diagnostics
                    .error_with_help(span.clone(), "there is no operator before this", HELP);
                return true;
            }
        }
        self.bump();
        true
    }

    fn negation(&mut self) -> Option<Matcher> {
        let mut negated = false;
        loop {
            let Spanned { token, span } = self.peek();
            match token {
                Token::Not => {}
                Token::Word(word) if word.eq_ignore_ascii_case("not") => {
                    self.diagnostics.error_with_help(
                        span.clone(),
                        format!("`{word}` is not an operator"),
                        "write `!`",
                    );
                }
                _ => break,
            }
            self.bump();
            negated = !negated;
        }
        let matcher = self.operand()?;
        Some(if negated { matcher.negated() } else { matcher })
    }

    fn operand(&mut self) -> Option<Matcher> {
        let Spanned { token, span } = self.peek();
        match token {
            Token::Open => self.group(),
            Token::Word(name) => self.call(name),
            Token::Text(_) => {
                self.diagnostics.error_with_help(
                    span.clone(),
                    "a string stands only inside a matcher",
                    "for example ``Host(`example.com`)``",
                );
                self.bump();
                None
            }
            Token::Comma => {
                self.diagnostics
                    .error(span.clone(), "expected a matcher, found a comma");
                self.bump();
                None
            }
            Token::And | Token::Or | Token::Not | Token::Close | Token::End => self.missing_operand(),
        }
    }

    /// Reports that there is no matcher where one must be; what stands there is left to the caller.
    fn missing_operand(&mut self) -> Option<Matcher> {
        let found = self.peek();
        let before = self.next.checked_sub(1).map(|index| &self.tokens[index]);
        match (before.map(|before| (&before.token, &before.span)), &found.token) {
            (Some((token @ (Token::And | Token::Or | Token::Not), span)), _) => {
                self.diagnostics.error(
                    span.clone(),
                    format!("there is no matcher after this `{}`", symbol(token)),
                );
            }
            (_, token @ (Token::And | Token::Or)) => {
                let message = format!("there is no matcher before this `{}`", symbol(token));
                self.diagnostics.error(found.span.clone(), message);
            }
            (Some((Token::Open, open)), Token::Close) => {
                self.diagnostics.error(
                    open.start..found.span.end,
                    "there is nothing between these parentheses",
                );
            }
            // an unclosed `(` or a `)` that closes nothing: who meets it reports it
            _ => {}
        }
        None
    }

    fn group(&mut self) -> Option<Matcher> {
        let open = &self.bump().span;
        if self.depth == MAX_RULE_DEPTH {
            let message = format!("parentheses are nested more than {MAX_RULE_DEPTH} levels deep");
            self.diagnostics.error(open.clone(), message);
            self.stop();
            return None;
        }
        self.depth += 1;
        let matcher = self.alternatives();
        self.depth -= 1;
        if self.eat(&Token::Close) {
            return matcher;
        }
        self.unclosed(open);
        None
    }

    /// Only the end of the rule keeps a parenthesis from being closed.
    pub(super) fn unclosed(&mut self, open: &Range<usize>) {
        if !self.stopped {
            self.diagnostics.error(open.clone(), "this `(` is never closed");
        }
        self.stop();
    }
}

fn symbol(token: &Token) -> &'static str {
    match token {
        Token::And => "&&",
        Token::Or => "||",
        _ => "!",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Matcher {
        parse(text)
            .unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
            .matcher
    }

    /// Each error as the part of the text that it points at, and its message.
    fn errors(text: &str) -> Vec<(&str, String)> {
        let errors = parse(text).unwrap_err();
        errors
            .into_iter()
            .map(|error| (&text[error.span], error.message))
            .collect()
    }

    #[track_caller]
    fn has_error(text: &str, part: &str, message: &str) {
        assert_eq!(errors(text), [(part, message.to_owned())], "{text}");
    }

    fn path(path: &str) -> Matcher {
        Matcher::path(path).unwrap()
    }

    #[test]
    fn and_binds_tighter_than_or_and_not_tighter_than_both() {
        let rule = parsed("Path(`/a`) || Path(`/b`) && !Path(`/c`) || Path(`/d`)");
        let b_not_c = Matcher::all([path("/b"), path("/c").negated()]);
        assert_eq!(rule, Matcher::any([path("/a"), b_not_c, path("/d")]));
    }

    #[test]
    fn parentheses_group_and_negation_reaches_the_leaves() {
        let rule = parsed("!(Path(`/a`) || !Path(`/b`)) && (((Path(`/c`))))");
        assert_eq!(rule, Matcher::all([path("/a").negated(), path("/b"), path("/c")]));
        assert_eq!(parsed("!!Path(`/a`)"), path("/a"));
    }

    #[test]
    fn a_rule_may_span_lines_and_end_its_arguments_with_a_comma() {
        assert_eq!(
            parsed("\n Path(\n`/a`,\n)\n && Path(`/b`)\n"),
            Matcher::all([path("/a"), path("/b")])
        );
    }

    #[test]
    fn nothing_is_not_a_rule() {
        has_error("", "", "the rule is empty");
        has_error(" \n", " \n", "the rule is empty");
    }

    #[test]
    fn operators_need_both_sides() {
        has_error("Path(`/a`) &&", "&&", "there is no matcher after this `&&`");
        has_error(
            "Path(`/a`) || || Path(`/b`)",
            "||",
            "there is no matcher after this `||`",
        );
        has_error("&& Path(`/a`)", "&&", "there is no matcher before this `&&`");
        has_error("(|| Path(`/a`))", "||", "there is no matcher before this `||`");
        has_error("Path(`/a`) && !", "!", "there is no matcher after this `!`");
    }

    #[test]
    fn matchers_need_an_operator_between_them() {
        has_error(
            "Path(`/a`) Path(`/b`)",
            "Path",
            "there is no operator before this",
        );
        has_error("Path(`/a`), Path(`/b`)", ",", "a comma does not join matchers");
        has_error("Path(`/a`) AND Path(`/b`)", "AND", "`AND` is not an operator");
        has_error("Path(`/a`) & Path(`/b`)", "&", "`&` is not an operator");
        has_error("not Path(`/a`)", "not", "`not` is not an operator");
    }

    #[test]
    fn parentheses_have_to_balance() {
        has_error("(Path(`/a`) && (Path(`/b`)", "(", "this `(` is never closed");
        has_error("Path(`/a`", "(", "this `(` is never closed");
        has_error("Path(`/a`)) && Path(`/b`)", ")", "this `)` closes nothing");
        has_error(")", ")", "this `)` closes nothing");
        has_error(
            "() || Path(`/a`)",
            "()",
            "there is nothing between these parentheses",
        );
    }

    #[test]
    fn arguments_are_strings_between_commas() {
        has_error(
            "Host(example.com)",
            "example.com",
            "an argument is a string, in backticks or double quotes",
        );
        has_error(
            "Host('a.b')",
            "'a.b'",
            "a string stands in backticks or double quotes, not in single quotes",
        );
        has_error("Query(`a` `b`)", "`b`", "there is no comma before this argument");
        has_error("Query(`a`,,`b`)", ",", "there is no argument before this comma");
        has_error(
            "Host(`a` || `b`)",
            "||",
            "operators stand between matchers, not between arguments",
        );
        has_error("Host((`a`))", "(", "an argument is a string: no parentheses here");
        has_error("`a.b`", "`a.b`", "a string stands only inside a matcher");
    }

    #[test]
    fn several_mistakes_are_reported_together_and_in_order() {
        let found = errors("Hots(`a`) && (Path(`b`) || Method()) Host('x') &&");
        let parts: Vec<_> = found.iter().map(|(part, _)| *part).collect();
        assert_eq!(parts, ["Hots", "`b`", "Method()", "Host", "'x'", "&&"]);
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let nested = |levels: usize| format!("{}Path(`/a`){}", "(".repeat(levels), ")".repeat(levels));
        assert_eq!(parsed(&nested(MAX_RULE_DEPTH)), path("/a"));
        has_error(
            &nested(49),
            "(",
            "parentheses are nested more than 48 levels deep",
        );
        assert_eq!(errors(&"(".repeat(16_000)).len(), 1);
        assert_eq!(
            errors(&"(".repeat(100_000))[0].1,
            "the rule is longer than 16384 bytes"
        );
        assert_eq!(parsed(&format!("{}Path(`/a`)", "!".repeat(10_000))), path("/a"));
        assert_eq!(errors(&", ".repeat(5_000)).len(), MAX_ERRORS);
    }

    #[test]
    fn a_tree_beyond_its_bounds_is_an_error_on_the_whole_rule() {
        let many = vec!["Path(`/`)"; 1_000].join("||");
        has_error(&many, &many, "the rule has more than 1000 matchers and operators");
        let deep = format!(
            "{}Path(`/`){}",
            "Path(`/`)||Path(`/`)&&(".repeat(30),
            ")".repeat(30)
        );
        has_error(&deep, &deep, "the rule has more than 48 levels");
    }
}
