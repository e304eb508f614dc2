//! Plots, as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use crate::{
    growth::{Growth, Row as Services},
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

/// A line of milliseconds by number of services.
type Line = (&'static str, fn(&Services) -> Option<f64>);

const LINES: [Line; 4] = [
    ("weir compiles", |row| row.compiled.compile.median()),
    ("weir's proxy reloads", |row| row.reload.get("weir")?.median()),
    ("nginx reloads", |row| row.reload.get("nginx")?.median()),
    ("weir writes the documents", |row| row.compiled.write.median()),
];

/// Compiling and reloading by number of services, both axes logarithmic.
pub fn growth(growth: &Growth, path: &Path) -> Result<()> {
    if growth.rows.is_empty() {
        return Ok(());
    }
    lines(growth, path).map_err(|error| anyhow!("{}: {error}", path.display()))
}

fn lines(growth: &Growth, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let points = |of: fn(&Services) -> Option<f64>| -> Vec<(f64, f64)> {
        let rows = growth.rows.iter();
        rows.filter_map(|row| Some((row.services as f64, of(row)?)))
            .collect()
    };
    let highest = LINES
        .iter()
        .flat_map(|(_, of)| points(*of))
        .map(|(_, y)| y)
        .fold(10.0, f64::max);
    let root = SVGBackend::new(path, (760, 460)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "Milliseconds by number of services with ten endpoints each",
            ("sans-serif", 16),
        )
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d((80.0..60_000.0).log_scale(), (0.5..highest * 1.5).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("services")
        .y_desc("ms")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y}"))
        .draw()?;
    for ((name, of), colour) in LINES.iter().zip(COLOURS) {
        let line = points(*of);
        chart
            .draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(
            line.into_iter()
                .map(|point| Circle::new(point, 3, colour.filled())),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.filled())
        .border_style(BLACK)
        .draw()?;
    root.present()?;
    Ok(())
}
