//! The characters that the YAML scanner reads, with a limit on how far it may run ahead of its reader.
//!
//! To know whether `[` opens a key or a value, the scanner reads on until the bracket closes and keeps a token for
//! each character on the way. A few megabytes of brackets and commas would become gigabytes of tokens.

use std::cell::Cell;
use std::rc::Rc;

use saphyr_parser::{Input, StrInput, input::SkipTabs};

/// How many characters the scanner may still read before its next event.
#[derive(Clone)]
pub(super) struct Allowance {
    left: Rc<Cell<usize>>,
    full: usize,
}

impl Allowance {
    pub(super) fn new(characters: usize) -> Self {
        Self {
            left: Rc::new(Cell::new(characters)),
            full: characters,
        }
    }

    /// Called for each event.
    pub(super) fn renew(&self) {
        self.left.set(self.full);
    }

    /// Whether the scanner was told that the text ends where it does not.
    pub(super) fn is_used_up(&self) -> bool {
        self.left.get() == 0
    }
}

/// A text that ends early when the allowance is used up.
pub(super) struct LimitedInput<'t> {
    text: StrInput<'t>,
    allowance: Allowance,
}

impl<'t> LimitedInput<'t> {
    pub(super) fn new(text: &'t str, allowance: Allowance) -> Self {
        Self {
            text: StrInput::new(text),
            allowance,
        }
    }

    fn spend(&mut self, characters: usize) {
        let left = self.allowance.left.get().saturating_sub(characters);
        self.allowance.left.set(left);
        if left == 0 {
            self.text = StrInput::new("");
            self.text.lookahead(self.text.bufmaxlen());
        }
    }
}

// What moves forward spends; what only looks is passed on, for the speed of the original.
impl Input for LimitedInput<'_> {
    fn lookahead(&mut self, count: usize) {
        self.text.lookahead(count);
    }

    fn buflen(&self) -> usize {
        self.text.buflen()
    }

    fn bufmaxlen(&self) -> usize {
        self.text.bufmaxlen()
    }

    fn raw_read_ch(&mut self) -> char {
        let read = self.text.raw_read_ch();
        self.spend(1);
        read
    }

    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        let read = self.text.raw_read_non_breakz_ch();
        self.spend(read.map_or(0, |_| 1));
        read
    }

    fn skip(&mut self) {
        self.text.skip();
        self.spend(1);
    }

    fn skip_n(&mut self, count: usize) {
        self.text.skip_n(count);
        self.spend(count);
    }

    fn peek(&self) -> char {
        self.text.peek()
    }

    fn peek_nth(&self, n: usize) -> char {
        self.text.peek_nth(n)
    }

    fn peek_opt(&self) -> Option<char> {
        self.text.peek_opt()
    }

    fn next_is_document_indicator(&self) -> bool {
        self.text.next_is_document_indicator()
    }

    fn next_is_document_start(&self) -> bool {
        self.text.next_is_document_start()
    }

    fn next_is_document_end(&self) -> bool {
        self.text.next_is_document_end()
    }

    fn next_can_be_plain_scalar(&self, in_flow: bool) -> bool {
        self.text.next_can_be_plain_scalar(in_flow)
    }

    fn skip_ws_to_eol(&mut self, skip_tabs: SkipTabs) -> (usize, Result<SkipTabs, &'static str>) {
        let (count, result) = self.text.skip_ws_to_eol(skip_tabs);
        self.spend(count);
        (count, result)
    }

    fn skip_while_non_breakz(&mut self) -> usize {
        let count = self.text.skip_while_non_breakz();
        self.spend(count);
        count
    }

    fn skip_while_blank(&mut self) -> usize {
        let count = self.text.skip_while_blank();
        self.spend(count);
        count
    }
}
