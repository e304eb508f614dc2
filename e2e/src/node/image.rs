//! The images that a node is given, from the programs that cargo has built.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    binaries::Binaries,
    image::{Compression, Image},
};

/// The sandbox of each pod.
pub(super) const PAUSE: &str = "library/weir-e2e-pause:1";
/// What `examples/` runs, which nobody here could pull; [`Binaries::backend`] stands in for it.
pub const BACKEND: &str = "traefik/whoami:v1.11.0";

/// Writes an image into a folder.
pub(super) fn write(folder: &Path, name: &str, program: &Path, arguments: &[&str]) -> Result<PathBuf> {
    let archive = folder.join(format!("{}.tar", name.replace(['/', ':'], "-")));
    let image = Image {
        name: name.to_owned(),
        program,
        arguments,
        labels: BTreeMap::new(),
        created: "1970-01-01T00:00:00Z",
    };
    image.write(&archive, Compression::None)?;
    Ok(archive)
}

/// Names the folder with what `make images` has written; without, images are made of the programs beside the test.
const IMAGES: &str = "WEIR_E2E_IMAGES";

/// Writes all that a node with weir needs.
pub(super) fn write_all(folder: &Path, binaries: &Binaries) -> Result<Vec<PathBuf>> {
    let mut images = vec![
        write(folder, PAUSE, &binaries.backend, &["pause"])?,
        write(folder, BACKEND, &binaries.backend, &[])?,
    ];
    let given = env::var_os(IMAGES).map(PathBuf::from);
    for (name, program) in [
        ("weir-operator", &binaries.operator),
        ("weir-proxy", &binaries.proxy),
    ] {
        images.push(match &given {
            Some(folder) => folder.join(format!("{name}.tar")),
            None => write(
                folder,
                &format!("{name}:{}", env!("CARGO_PKG_VERSION")),
                program,
                &[],
            )?,
        });
    }
    Ok(images)
}
