//! The demo's course.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::{
    expected::{Row, Shares},
    mistakes::{MISTAKES, Mistake},
    scene::Scene,
    screen::Screen,
    stage::{HOST, PATH, Published, REQUESTS, Stage},
};

/// Plays it all.
pub async fn run(screen: Screen, examples: &Path) -> Result<()> {
    let mut stage = open(screen, examples).await?;
    let mut shares = Shares::EXAMPLE;
    screen.heading(format_args!("{REQUESTS} requests for {HOST}{PATH}"))?;
    measure(screen, &mut stage, &shares).await?;

    screen.heading("under load, wrr2 gets weight 2 in wrr1")?;
    let child = |weight| format!("- name: wrr2\n        kind: TraefikService\n        weight: {weight}\n");
    let edit = |scene: &Scene| scene.edit("weighted.yaml", &child(1), &child(2));
    let published = stage.publish(edit).await?;
    ensure!(
        published.report.clean,
        "an edit that is none of the mistakes is refused:\n{}",
        published.report.text
    );
    shares.wrr1[1] = 2;
    screen.text("weighted.yaml, wrr2 below wrr1: weight: 1 becomes weight: 2")?;
    went_live(screen, &published)?;
    measure(screen, &mut stage, &shares).await?;

    for (number, mistake) in (1..).zip(&MISTAKES) {
        screen.heading(format_args!(
            "mistake {number} of {}: {}",
            MISTAKES.len(),
            mistake.title
        ))?;
        make(screen, &mut stage, &shares, mistake).await?;
    }

    stage.check_late_copies()?;
    let (requests, connections) = stage.totals();
    screen.result(format_args!(
        "all numbers as expected; {requests} requests, none failed; {connections} connections, none closed"
    ))
}

/// Sets the scene, checks and compiles it, starts the proxy.
async fn open(screen: Screen, examples: &Path) -> Result<Stage> {
    screen.heading(format_args!("lint and compile {}", examples.display()))?;
    let scene = Scene::set(examples).await?;
    let lint = scene.lint().await?;
    screen.text(&lint.text)?;
    ensure!(lint.clean, "the examples are not clean:\n{}", lint.text);
    let compiled = scene.compile().await?;
    ensure!(compiled.clean, "the examples do not compile:\n{}", compiled.text);
    screen.text(&compiled.text)?;
    Stage::open(scene).await
}

/// Makes a mistake, shows what comes of it, and mends it.
async fn make(screen: Screen, stage: &mut Stage, shares: &Shares, mistake: &Mistake) -> Result<()> {
    let published = stage.publish(|scene| mistake.change.make(scene)).await?;
    let report = &published.report;
    screen.text(&report.text)?;
    ensure!(
        report.text.contains(mistake.code),
        "no finding {} in:\n{}",
        mistake.code,
        report.text
    );
    ensure!(
        report.clean != mistake.is_error,
        "compile ended as if it were clean: {}",
        report.clean
    );
    screen.gap()?;
    screen.text(mistake.effect)?;
    went_live(screen, &published)?;
    measure(screen, stage, &(mistake.shares)(*shares)).await?;

    let mended = stage.publish(|scene| mistake.change.mend(scene)).await?;
    ensure!(mended.report.clean, "mended, and still:\n{}", mended.report.text);
    let rows = stage.measure(shares).await?;
    check(&rows)?;
    screen.text(format_args!(
        "mended: {} requests meanwhile, none failed; the shares from before",
        mended.meanwhile
    ))
}

fn went_live(screen: Screen, published: &Published) -> Result<()> {
    let Published {
        changed,
        took,
        meanwhile,
        ..
    } = published;
    let result = if *changed {
        format!("served {} ms after the manifest was saved", took.as_millis())
    } else {
        "nothing changes for the proxy".to_owned()
    };
    screen.text(format_args!(
        "{result}; {meanwhile} requests meanwhile, none failed"
    ))
}

async fn measure(screen: Screen, stage: &mut Stage, shares: &Shares) -> Result<()> {
    let rows = stage.measure(shares).await?;
    screen.table(REQUESTS, &rows)?;
    check(&rows)
}

fn check(rows: &[(Row, Row)]) -> Result<()> {
    rows.iter().try_for_each(|(expected, measured)| {
        ensure!(
            expected == measured,
            "expected {expected:?}, measured {measured:?}"
        );
        Ok(())
    })
}
