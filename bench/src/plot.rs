//! Plots, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::{
    report::number,
    results::{Cell, Measure, Results, Row},
};

/// One for each proxy.
pub const COLOURS: [RGBColor; 4] = [
    RGBColor(0x1f, 0x77, 0xb4),
    RGBColor(0x2c, 0xa0, 0x2c),
    RGBColor(0xff, 0x7f, 0x0e),
    RGBColor(0x94, 0x67, 0xbd),
];

/// Bars: of each work its proxies, as parts of the work's longest one.
pub fn bars(results: &Results, measure: Measure, path: &Path) -> Result<()> {
    let rows: Vec<_> = results.of(measure).collect();
    if rows.is_empty() {
        return Ok(());
    }
    draw(results, measure, &rows, path).map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn draw(
    results: &Results,
    measure: Measure,
    rows: &[&Row],
    path: &Path,
) -> Result<(), Box<dyn std::error::Error>> {
    const BAR: i32 = 16;
    const LEFT: i32 = 130;
    const WIDTH: i32 = 560;
    let each = BAR * i32::try_from(results.names.len())? + 14;
    let height = 40 + each * i32::try_from(rows.len())?;
    let root = SVGBackend::new(path, ((LEFT + WIDTH + 170) as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let style = ("sans-serif", 13).into_font();
    root.draw(&Text::new(
        measure.title(),
        (8, 10),
        ("sans-serif", 15).into_font(),
    ))?;
    for (line, row) in (0..).zip(rows) {
        let top = 34 + each * line;
        let longest = row.rounds.values().filter_map(Cell::median).fold(0.0, f64::max);
        root.draw(&Text::new(row.work.as_str(), (8, top), style.clone()))?;
        for ((place, name), colour) in (0..).zip(&results.names).zip(COLOURS.iter().cycle()) {
            let top = top + BAR * place;
            let median = row.rounds.get(name).and_then(Cell::median);
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
