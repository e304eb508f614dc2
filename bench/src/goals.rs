//! What weir should reach, and whether it does.

use std::fmt::Write as _;

use crate::{
    growth::Growth,
    report::{cell, number},
    results::{Cell, Measure, Results, Row},
};

/// A ratio and its limits: none to be below, where a number is all that is asked for.
struct Goal {
    what: String,
    must: Option<f64>,
    aim: Option<f64>,
    reached: Option<Cell>,
}

/// A table of them.
pub fn table(comparison: &Results, instructions: &Results, growth: &Growth) -> String {
    let mut text =
        String::from("| what | must | aim | measured | reached |\n| --- | --- | --- | --- | --- |\n");
    let mut goals = all(comparison, instructions);
    goals.extend(of_growth(growth));
    for goal in goals {
        let limit =
            |limit: Option<f64>| limit.map_or_else(|| "–".to_owned(), |limit| format!("≤ {}", number(limit)));
        let median = goal.reached.as_ref().and_then(Cell::median);
        let reached = match (median, goal.must, goal.aim) {
            (None, _, _) => "not measured",
            (Some(value), _, Some(aim)) if value <= aim => "aim",
            (Some(value), Some(must), _) if value <= must => "yes",
            (Some(_), Some(_), _) => "**no**",
            (Some(_), None, _) => "not the aim",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {reached} |",
            goal.what,
            limit(goal.must),
            limit(goal.aim),
            goal.reached
                .as_ref()
                .map_or_else(|| "–".to_owned(), |reached| cell(reached, number)),
        );
    }
    text
}

fn all(comparison: &Results, instructions: &Results) -> Vec<Goal> {
    let goal = |what: &str, must, aim, reached| Goal {
        what: what.to_owned(),
        must,
        aim,
        reached,
    };
    let row = |work, measure| comparison.row(work, measure);
    let ratio = |work, measure| row(work, measure).and_then(Row::ratio);
    let ours = |results: &Results, work, other, measure| {
        let of = |work| results.row(work, measure)?.rounds.get("weir").cloned();
        Some(of(work)?.over(&of(other)?))
    };
    let mut all = vec![
        goal(
            "CPU per request (one), against the better of nginx and haproxy",
            Some(1.0),
            Some(0.85),
            ratio("one", Measure::Cpu),
        ),
        goal(
            "the same, against Traefik",
            Some(0.25),
            Some(0.2),
            row("one", Measure::Cpu).and_then(|row| row.against("traefik")),
        ),
        goal(
            "instructions per request, tree against one",
            Some(1.03),
            None,
            ours(instructions, "tree", "one", Measure::Instructions),
        ),
        goal(
            "instructions per request, sticky against one",
            Some(1.1),
            None,
            ours(instructions, "sticky", "one", Measure::Instructions),
        ),
        goal(
            "CPU per request, mirror against one",
            Some(2.2),
            Some(2.0),
            ours(comparison, "mirror", "one", Measure::Cpu),
        ),
        goal(
            "99th percentile at half load, against the better of the two",
            Some(1.1),
            Some(0.9),
            ratio("one", Measure::P99),
        ),
    ];
    for (works, about, must, aim) in [
        (
            &["64k-down", "64k-up", "10m-down", "10m-up"][..],
            "CPU per byte",
            Some(1.1),
            0.9,
        ),
        (
            &["tls", "tls-full", "tls-resumed"],
            "CPU per request",
            Some(1.1),
            0.9,
        ),
        (&["http2", "grpc"], "CPU per request", None, 1.2),
    ] {
        for work in works {
            let what = format!("{about} ({work}), against the better of the two");
            all.push(goal(&what, must, Some(aim), ratio(work, Measure::Cpu)));
        }
    }
    for (measure, results) in [(Measure::Cpu, comparison), (Measure::Instructions, instructions)] {
        let what = format!("{}, 10,000 routes against 10", measure.title());
        let reached = ours(results, "routes-10k", "routes-10", measure);
        all.push(goal(&what, Some(1.2), Some(1.05), reached));
    }
    let idle = row("idle", Measure::Idle).and_then(|row| row.rounds.get("weir"));
    all.push(goal(
        "KiB of memory for an idle connection",
        Some(4.0),
        Some(2.0),
        idle.cloned(),
    ));
    all
}

fn of_growth(growth: &Growth) -> Vec<Goal> {
    let many = growth.rows.iter().find(|row| row.services == 10_000);
    let goal = |what: &str, must, aim, reached| Goal {
        what: what.to_owned(),
        must: Some(must),
        aim,
        reached,
    };
    vec![
        goal(
            "10,000 services: ms to compile and to write the documents, but for gzip",
            150.0,
            Some(60.0),
            many.map(|row| row.compiled.compile.plus(&row.compiled.write)),
        ),
        goal(
            "10,000 services: MiB of memory at most meanwhile",
            300.0,
            None,
            many.map(|row| Cell::from(row.compiled.memory)),
        ),
        goal(
            "10,000 services: ms until the proxy serves by a new config",
            100.0,
            Some(30.0),
            many.and_then(|row| row.reload.get("weir").cloned()),
        ),
        goal(
            "10,000 services: 99th percentile during that, against before",
            1.1,
            None,
            many.and_then(|row| Some(row.busy.get("weir")?.over(row.quiet.get("weir")?))),
        ),
    ]
}
