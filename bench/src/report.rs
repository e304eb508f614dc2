//! Tables and plots.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::results::{Cell, Measure, Results, Row};

/// Writes `results.json`, `results.md` and a plot for each measure into a folder.
pub fn write(results: &Results, machine: &str, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("results.json"), format!("{:#}\n", results.json()))?;
    fs::write(folder.join("results.md"), markdown(results, machine))?;
    for measure in Measure::ALL {
        let rows: Vec<_> = results.rows.iter().filter(|row| row.measure == measure).collect();
        if !rows.is_empty() {
            let path = folder.join(format!("{}.svg", measure.name()));
            plot(results, measure, &rows, &path).map_err(|error| anyhow!("{}: {error}", path.display()))?;
        }
    }
    Ok(())
}

/// The tables.
pub fn markdown(results: &Results, machine: &str) -> String {
    let mut text = format!("# Results\n\n{machine}\n");
    for measure in Measure::ALL {
        let rows: Vec<_> = results.rows.iter().filter(|row| row.measure == measure).collect();
        if rows.is_empty() {
            continue;
        }
        let _ = writeln!(
            text,
            "\n## {}\n\n| work | {} | weir ÷ the better of nginx and haproxy |",
            measure.title(),
            results.names.join(" | ")
        );
        let _ = writeln!(text, "| --- |{} --- |", " --- |".repeat(results.names.len()));
        for row in rows {
            let cells: Vec<_> = row.cells.iter().map(cell).collect();
            let ratio = results
                .ratio(row)
                .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
            let _ = writeln!(
                text,
                "| {} ({}) | {} | {ratio} |",
                row.about,
                row.work,
                cells.join(" | ")
            );
        }
    }
    text
}

/// The median, and the least and the most.
fn cell(cell: &Cell) -> String {
    match (cell.median(), cell.spread()) {
        (Some(median), Some((least, most))) => {
            format!("{} ({}–{})", number(median), number(least), number(most))
        }
        _ => "–".to_owned(),
    }
}

fn number(value: f64) -> String {
    match value {
        value if value >= 1000.0 => format!("{value:.0}"),
        value if value >= 100.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

const COLOURS: [RGBColor; 4] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x94, 0x67, 0xbd),
];

/// Bars: of each work its proxies, as parts of the work's longest one.
fn plot(
    results: &Results,
    measure: Measure,
    rows: &[&Row],
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    const BAR: i32 = 16;
    const LEFT: i32 = 130;
    const WIDTH: i32 = 560;
    let each = BAR * results.names.len() as i32 + 14;
    let height = 40 + each * rows.len() as i32;
    let root = SVGBackend::new(path, ((LEFT + WIDTH + 170) as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let style = ("sans-serif", 13).into_font();
    root.draw(&Text::new(
        measure.title(),
        (8, 10),
        ("sans-serif", 15).into_font(),
    ))?;
    for (line, row) in rows.iter().enumerate() {
        let top = 34 + each * line as i32;
        let longest = row.cells.iter().filter_map(Cell::median).fold(0.0, f64::max);
        root.draw(&Text::new(row.work, (8, top), style.clone()))?;
        for (place, (name, cell)) in results.names.iter().zip(&row.cells).enumerate() {
            let top = top + BAR * place as i32;
            let colour = COLOURS[place % COLOURS.len()];
            let median = cell.median();
            let length = median.map_or(0, |median| (median / longest * f64::from(WIDTH)) as i32);
            root.draw(&Rectangle::new(
                [(LEFT, top), (LEFT + length, top + BAR - 2)],
                colour.filled(),
            ))?;
            let label = median.map_or_else(
                || format!("{name}: –"),
                |median| format!("{name}: {}", number(median)),
            );
            root.draw(&Text::new(label, (LEFT + length + 6, top), style.clone()))?;
        }
    }
    root.present()?;
    Ok(())
}
