//! Tables and plots of what was measured.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::{
    goals,
    growth::Growth,
    plot,
    results::{self, Cell, Measure, Results},
};

/// What `compare` writes.
pub const COMPARISON: &str = "compare.json";
/// What `instructions` writes.
pub const INSTRUCTIONS: &str = "instructions.json";
/// What `growth` writes.
pub const GROWTH: &str = "growth.json";

/// Writes a plot for each measure and `results.md` of all that was measured so far, and gives the latter.
pub fn write(folder: &Path) -> Result<String> {
    let sections = sections(folder)?;
    for name in [COMPARISON, INSTRUCTIONS] {
        let results: Results = results::read(&folder.join(name))?;
        for measure in Measure::ALL {
            plot::bars(&results, measure, &folder.join(format!("{}.svg", measure.name())))?;
        }
    }
    plot::growth(&results::read(&folder.join(GROWTH))?, &folder.join("growth.svg"))?;
    let mut text = String::from("# Results\n");
    for (title, _, section) in sections {
        let _ = write!(text, "\n## {title}\n\n{section}");
    }
    fs::write(folder.join("results.md"), &text)?;
    Ok(text)
}

/// Writes each section into a page where it has a marker for it.
pub fn fill(page: &Path, folder: &Path) -> Result<()> {
    let mut text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    for (_, name, section) in sections(folder)? {
        let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
        let Some((before, rest)) = text.split_once(&start) else {
            continue;
        };
        let (_, after) = rest
            .split_once(&end)
            .with_context(|| format!("{}: {end} is missing", page.display()))?;
        text = format!("{before}{start}{section}{end}{after}");
    }
    fs::write(page, text).with_context(|| page.display().to_string())
}

/// Their titles, names and texts.
fn sections(folder: &Path) -> Result<Vec<(&'static str, &'static str, String)>> {
    let comparison: Results = results::read(&folder.join(COMPARISON))?;
    let instructions: Results = results::read(&folder.join(INSTRUCTIONS))?;
    let many: Growth = results::read(&folder.join(GROWTH))?;
    let mut all = vec![
        ("Measured on", "machine", format!("{}\n", comparison.machine)),
        ("Goals", "goals", goals::table(&comparison, &instructions, &many)),
    ];
    for measure in Measure::ALL {
        let results = match measure {
            Measure::Instructions => &instructions,
            _ => &comparison,
        };
        if results.of(measure).next().is_some() {
            all.push((measure.title(), measure.name(), table(results, measure)));
        }
    }
    if !many.rows.is_empty() {
        all.push((
            "Compiling by the number of services",
            "compiling",
            compiling(&many),
        ));
        all.push((
            "Reloading by the number of services",
            "reloading",
            reloading(&many),
        ));
    }
    Ok(all)
}

fn compiling(growth: &Growth) -> String {
    let mut text = String::from(
        "| services | compile, ms | write, ms | read, ms | objects, MiB | at most, MiB | config.json | stored | endpoints.json | \
         stored | left out |\n| --- |",
    ) + &" --- |".repeat(10)
        + "\n";
    for row in &growth.rows {
        let made = &row.compiled;
        let stored = |part: &str| {
            let found = made.stored.iter().filter(|(name, _)| name.contains(part));
            let sizes: Vec<_> = found.map(|(_, bytes)| kibibytes(*bytes)).collect();
            sizes.join(", ")
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            row.services,
            cell(&made.compile, number),
            cell(&made.write, number),
            cell(&made.read, number),
            number(made.objects),
            number(made.memory),
            kibibytes(made.plain[0]),
            stored("config"),
            kibibytes(made.plain[1]),
            stored("endpoints"),
            made.held_back,
        );
    }
    text
}

fn reloading(growth: &Growth) -> String {
    let mut text = String::from(
        "| services | weir, ms | nginx, ms | weir, p99 before, µs | weir, p99 meanwhile, µs | nginx, p99 before, µs | \
         nginx, p99 meanwhile, µs |\n| --- |",
    ) + &" --- |".repeat(6)
        + "\n";
    for row in growth.rows.iter().filter(|row| !row.reload.is_empty()) {
        let of = |cells: &std::collections::BTreeMap<String, Cell>, name: &str| {
            cells
                .get(name)
                .map_or_else(|| "–".to_owned(), |found| cell(found, number))
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.services,
            of(&row.reload, "weir"),
            of(&row.reload, "nginx"),
            of(&row.quiet, "weir"),
            of(&row.busy, "weir"),
            of(&row.quiet, "nginx"),
            of(&row.busy, "nginx"),
        );
    }
    text
}

fn kibibytes(bytes: usize) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}

fn table(results: &Results, measure: Measure) -> String {
    let mut text = String::new();
    if matches!(measure, Measure::P50 | Measure::P99) {
        let _ = writeln!(text, "{:.0} requests per second, evenly spread.\n", results.rate);
    }
    let _ = writeln!(
        text,
        "| work | {} | weir ÷ the better of nginx and haproxy |",
        results.names.join(" | ")
    );
    let _ = writeln!(text, "| --- |{} --- |", " --- |".repeat(results.names.len()));
    for row in results.of(measure) {
        let cells = results.names.iter().map(|name| {
            let rounds = row.rounds.get(name);
            rounds.map_or_else(|| "–".to_owned(), |rounds| cell(rounds, number))
        });
        let cells: Vec<_> = cells.collect();
        let ratio = row.ratio();
        let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| cell(&ratio, number));
        let _ = writeln!(
            text,
            "| {} ({}) | {} | {ratio} |",
            row.about,
            row.work,
            cells.join(" | ")
        );
    }
    text
}

/// The median, and the least and the most.
pub fn cell(cell: &Cell, number: impl Fn(f64) -> String) -> String {
    match (cell.median(), cell.spread()) {
        (Some(median), Some((least, most))) if least < most => {
            format!("{} ({}–{})", number(median), number(least), number(most))
        }
        (Some(median), _) => number(median),
        _ => "–".to_owned(),
    }
}

/// With as many digits as one can read.
pub fn number(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 100.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
