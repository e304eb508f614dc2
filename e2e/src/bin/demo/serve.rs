//! The demo left running, to play with.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use tokio::time;
use weir_e2e::{
    operator::{digests, revision},
    proxy::Proxy,
};

use crate::{
    scene::Scene,
    screen::Screen,
    stage::{HOST, PATH},
};

/// How often the manifests are looked at.
const EVERY: Duration = Duration::from_millis(200);

/// Runs until it is interrupted.
pub async fn run(screen: Screen, examples: &Path) -> Result<()> {
    let scene = Scene::set(examples).await?;
    screen.text(scene.compile().await?.text)?;
    let mut proxy = scene.start_proxy().await?;
    let (web, admin, manifests) = (proxy.web, proxy.admin, scene.manifests());
    screen.heading("running until Ctrl-C")?;
    screen.text(format_args!(
        "send      curl -H 'Host: {HOST}' http://{web}{PATH}"
    ))?;
    screen.text(format_args!(
        "look      curl http://{admin}/config     curl http://{admin}/metrics"
    ))?;
    screen.text(format_args!("edit      {}", manifests.display()))?;
    for backend in &scene.backends {
        screen.text(format_args!("backend   {} on {}", backend.name, backend.address))?;
    }
    screen.text("Manifests are compiled as soon as they are saved.")?;

    let mut compiled = contents(&manifests)?;
    loop {
        time::sleep(EVERY).await;
        let now = contents(&manifests)?;
        if now == compiled {
            continue;
        }
        compiled = now;
        screen.heading("edited")?;
        // whatever fails, the proxy serves on what it has
        if let Err(error) = publish(screen, &scene, &mut proxy).await {
            screen.text(format_args!("{error:#}"))?;
        }
    }
}

async fn publish(screen: Screen, scene: &Scene, proxy: &mut Proxy) -> Result<()> {
    screen.text(scene.compile().await?.text)?;
    proxy.wait_until_loaded(&digests(&scene.documents())?).await?;
    screen.text(format_args!(
        "revision {} is served",
        revision(&scene.documents())?
    ))
}

/// The manifests' bytes.
fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // one that an editor replaces at this moment is there again the next time
        if let Ok(bytes) = fs::read(&path) {
            contents.insert(path, bytes);
        }
    }
    Ok(contents)
}
