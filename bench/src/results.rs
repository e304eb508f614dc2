//! What was measured.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// One proxy's numbers for one measure of one work, in the order of the rounds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell(Vec<f64>);

impl Cell {
    /// Another round's.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    /// In the middle.
    pub fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => None,
            odd if odd % 2 == 1 => Some(sorted[middle]),
            _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        }
    }

    /// The least and the most.
    pub fn spread(&self) -> Option<(f64, f64)> {
        let sorted = self.sorted();
        Some((*sorted.first()?, *sorted.last()?))
    }

    /// Both together, round by round.
    pub fn plus(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a + b).collect())
    }

    /// What it is of another one, round by round: whatever else the machine did in a round, both of them felt.
    pub fn over(&self, other: &Self) -> Self {
        Self(
            self.0
                .iter()
                .zip(&other.0)
                .map(|(ours, theirs)| ours / theirs)
                .collect(),
        )
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// Microseconds of the processor for each request.
    Cpu,
    /// Requests in a second.
    Rate,
    /// Mebibytes of memory while at work.
    Memory,
    /// Microseconds that half of requests do not exceed at half load.
    P50,
    /// Microseconds that 99 of 100 do not exceed.
    P99,
    /// Kibibytes of memory for each connection.
    Idle,
    /// Instructions in user space for each request.
    Instructions,
}

impl Measure {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Cpu,
        Self::Instructions,
        Self::Rate,
        Self::P50,
        Self::P99,
        Self::Memory,
        Self::Idle,
    ];

    /// In titles.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU time per request, µs",
            Self::Rate => "Requests per second, one core for the proxy, one for clients and backends",
            Self::Memory => "Memory at work, MiB",
            Self::P50 => "Latency at half load, median, µs",
            Self::P99 => "Latency at half load, 99th percentile, µs",
            Self::Idle => "Memory per idle connection, KiB",
            Self::Instructions => "Instructions in user space per request",
        }
    }

    /// In file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Rate => "rate",
            Self::Memory => "memory",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Idle => "idle",
            Self::Instructions => "instructions",
        }
    }
}

/// One measure of one work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The work's name.
    pub work: String,
    /// What is done.
    pub about: String,
    /// What is measured.
    pub measure: Measure,
    /// Of each contestant that can do it.
    pub rounds: BTreeMap<String, Cell>,
}

/// All that was measured in one run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// What it was measured on, and which versions.
    pub machine: String,
    /// Who took part.
    pub names: Vec<String>,
    /// The rate of half load.
    pub rate: f64,
    /// What they did.
    pub rows: Vec<Row>,
}

impl Results {
    /// One more row.
    pub fn add(&mut self, work: &str, about: &str, measure: Measure, rounds: BTreeMap<String, Cell>) {
        self.rows.push(Row {
            work: work.to_owned(),
            about: about.to_owned(),
            measure,
            rounds,
        });
    }

    /// The rows of a measure.
    pub fn of(&self, measure: Measure) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.measure == measure)
    }

    /// A row.
    pub fn row(&self, work: &str, measure: Measure) -> Option<&Row> {
        self.of(measure).find(|row| row.work == work)
    }
}

impl Row {
    /// weir's numbers divided by those of the better one of nginx and haproxy; above 1 is more than that one needs.
    pub fn ratio(&self) -> Option<Cell> {
        let better = |one: f64, other: f64| match self.measure {
            Measure::Rate => one > other,
            _ => one < other,
        };
        let peers = ["nginx", "haproxy"]
            .iter()
            .filter_map(|name| self.rounds.get(*name));
        let (_, peer) = peers
            .filter_map(|cell| Some((cell.median()?, cell)))
            .reduce(|one, other| if better(other.0, one.0) { other } else { one })?;
        Some(self.rounds.get("weir")?.over(peer))
    }

    /// The same against another one.
    pub fn against(&self, name: &str) -> Option<Cell> {
        Some(self.rounds.get("weir")?.over(self.rounds.get(name)?))
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self(vec![value])
    }
}

/// Reads what an earlier run has written, if there was one.
pub fn read<T: DeserializeOwned + Default>(path: &Path) -> Result<T> {
    if !path.exists() {
        return Ok(T::default());
    }
    let text = fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&text).with_context(|| path.display().to_string())
}

/// Writes it for later runs and for other programs.
pub fn write<T: Serialize>(path: &Path, results: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(results)?;
    fs::write(path, text + "\n").with_context(|| path.display().to_string())
}
