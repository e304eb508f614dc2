//! What was measured.

use serde_json::{Value, json};

/// One proxy's numbers for one measure of one work.
#[derive(Clone, Debug, Default)]
pub struct Cell(Vec<f64>);

impl Cell {
    /// Another round's.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// In the middle.
    pub fn median(&self) -> Option<f64> {
        let middle = self.0.len() / 2;
        match self.0.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(self.0[middle]),
            _ => Some(f64::midpoint(self.0[middle - 1], self.0[middle])),
        }
    }

    /// The least and the most.
    pub fn spread(&self) -> Option<(f64, f64)> {
        Some((*self.0.first()?, *self.0.last()?))
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Microseconds of the processor for each request.
    Cpu,
    /// Requests in a second.
    Rate,
    /// Mebibytes of memory while at work.
    Memory,
    /// Microseconds that half of requests do not exceed at half load.
    Median,
    /// Microseconds that 99 of 100 do not exceed.
    Late,
    /// Kibibytes of memory for each connection.
    Connection,
}

impl Measure {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::Cpu,
        Self::Rate,
        Self::Median,
        Self::Late,
        Self::Memory,
        Self::Connection,
    ];

    /// In titles.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU time per request, µs",
            Self::Rate => "Requests per second, one core for the proxy, one for clients and backends",
            Self::Memory => "Memory at work, MiB",
            Self::Median => "Latency at half load, median, µs",
            Self::Late => "Latency at half load, 99th percentile, µs",
            Self::Connection => "Memory per idle connection, KiB",
        }
    }

    /// In file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Rate => "rate",
            Self::Memory => "memory",
            Self::Median => "p50",
            Self::Late => "p99",
            Self::Connection => "idle",
        }
    }
}

/// One measure of one work.
#[derive(Clone, Debug)]
pub struct Row {
    /// The work's name.
    pub work: &'static str,
    /// What is done.
    pub about: &'static str,
    /// What is measured.
    pub measure: Measure,
    /// Of each contestant.
    pub cells: Vec<Cell>,
}

impl Row {
    /// A new one.
    pub fn new(work: &'static str, about: &'static str, measure: Measure, cells: Vec<Cell>) -> Self {
        Self {
            work,
            about,
            measure,
            cells,
        }
    }
}

/// All that was measured.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// Who took part.
    pub names: Vec<&'static str>,
    /// The rate of half load.
    pub rate: f64,
    /// What they did.
    pub rows: Vec<Row>,
}

impl Results {
    /// One more row.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Each contestant's median.
    pub fn medians(&self, work: &str, measure: Measure) -> Vec<Option<f64>> {
        let row = self
            .rows
            .iter()
            .find(|row| row.work == work && row.measure == measure);
        row.map(|row| row.cells.iter().map(Cell::median).collect())
            .unwrap_or_default()
    }

    /// weir's median divided by the better one of nginx and haproxy; above 1 is more than they need.
    pub fn ratio(&self, row: &Row) -> Option<f64> {
        let of = |name: &str| {
            let place = self.names.iter().position(|other| *other == name)?;
            row.cells[place].median()
        };
        let peers = [of("nginx"), of("haproxy")];
        let more_is_better = row.measure == Measure::Rate;
        let better = peers
            .into_iter()
            .flatten()
            .reduce(if more_is_better { f64::max } else { f64::min })?;
        Some(of("weir")? / better)
    }

    /// Everything, for programs.
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            let cells = self.names.iter().zip(&row.cells).map(|(name, cell)| ((*name).to_owned(), json!(cell.0)));
            json!({"work": row.work, "measure": row.measure.name(), "rounds": cells.collect::<serde_json::Map<_, _>>()})
        });
        json!({"rate": self.rate, "rows": rows.collect::<Vec<_>>()})
    }
}
