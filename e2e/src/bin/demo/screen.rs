//! What the demo prints.

use std::{
    fmt::Display,
    io::{self, Write as _},
};

use anyhow::Result;

use crate::expected::Row;

/// Standard output. A reader that went away is an error like any other.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Whether only results are printed.
    pub quiet: bool,
}

impl Screen {
    /// A heading.
    pub fn heading(self, text: impl Display) -> Result<()> {
        self.print(format_args!("\n== {text}\n"))
    }

    /// Lines, indented.
    pub fn text(self, text: impl Display) -> Result<()> {
        let text = text.to_string();
        for line in text.lines() {
            self.print(format_args!("{}\n", format!("    {line}").trim_end()))?;
        }
        Ok(())
    }

    /// An empty line.
    pub fn gap(self) -> Result<()> {
        self.print("\n")
    }

    /// Expected and measured numbers, one line a backend.
    pub fn table(self, requests: u64, rows: &[(Row, Row)]) -> Result<()> {
        let share = |count: u64| format!("{count:5}  {:4.1} %", 100.0 * count as f64 / requests as f64);
        self.text(format_args!(
            "{:8}  {:13}  {:13}  mirrored copies",
            "backend", "    expected", "    measured"
        ))?;
        for (expected, measured) in rows {
            self.text(format_args!(
                "{:8}  {:13}  {:13}  {:4} of {:4}{}",
                expected.backend,
                share(expected.answered),
                share(measured.answered),
                measured.copies,
                expected.copies,
                if expected == measured { "" } else { "   <- off" },
            ))?;
        }
        Ok(())
    }

    /// The last line, also when quiet.
    pub fn result(self, text: impl Display) -> Result<()> {
        Ok(writeln!(
            io::stdout(),
            "{}{text}",
            if self.quiet { "" } else { "\n" }
        )?)
    }

    fn print(self, text: impl Display) -> Result<()> {
        if !self.quiet {
            let mut out = io::stdout().lock();
            write!(out, "{text}")?;
            out.flush()?;
        }
        Ok(())
    }
}
