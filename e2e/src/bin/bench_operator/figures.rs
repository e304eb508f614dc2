//! A table of figures and their limits.

use std::fmt;

/// Figures in the order in which they were taken.
#[derive(Debug, Default)]
pub struct Figures(Vec<Figure>);

#[derive(Debug)]
struct Figure {
    what: String,
    value: f64,
    limit: Option<f64>,
}

impl Figures {
    /// One that may not be more than `limit`.
    pub fn at_most(&mut self, what: &str, value: f64, limit: f64) {
        self.push(what, value, Some(limit));
    }

    /// One without a limit.
    pub fn note(&mut self, what: &str, value: f64) {
        self.push(what, value, None);
    }

    /// How many are more than their limits.
    pub fn missed(&self) -> usize {
        self.0.iter().filter(|figure| figure.missed()).count()
    }

    fn push(&mut self, what: &str, value: f64, limit: Option<f64>) {
        self.0.push(Figure {
            what: what.to_owned(),
            value,
            limit,
        });
    }
}

impl Figure {
    fn missed(&self) -> bool {
        self.limit.is_some_and(|limit| self.value > limit)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for figure in &self.0 {
            let Figure { what, value, limit } = figure;
            write!(f, "{what:<48} {value:>10.1}")?;
            match limit {
                Some(limit) if figure.missed() => writeln!(f, "   MISSED: at most {limit}")?,
                Some(limit) => writeln!(f, "   (at most {limit})")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
