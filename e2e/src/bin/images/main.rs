//! Writes the images of weir: `weir-operator.tar` and `weir-proxy.tar`, each with the list of what is in it.

mod bill;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use weir_e2e::image::{Compression, Image, Written};

/// Makes container images of weir's programs, without a container engine.
#[derive(Debug, Parser)]
#[command(name = "weir-images", version)]
struct Cli {
    /// The folder with weir-operator and weir-proxy as cargo has built them.
    #[arg(long, value_name = "DIR")]
    programs: PathBuf,
    /// Where the images go.
    #[arg(long, value_name = "DIR", default_value = "images")]
    output: PathBuf,
    /// Put before the images' names, such as registry.example.com/team.
    #[arg(long, default_value = "")]
    registry: String,
    /// The tag of both.
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    tag: String,
    /// The commit that they are built from.
    #[arg(long, default_value = "")]
    revision: String,
    /// When, as RFC 3339 writes it.
    #[arg(long, default_value = "1970-01-01T00:00:00Z")]
    created: String,
}

const MIB: u32 = 1 << 20;
/// They are pulled onto each node. Programs built for debugging do not fit.
const LIMIT_MIB: u32 = 20;
const LICENSE: &str = "Apache-2.0";
const DESCRIPTIONS: [(&str, &str); 2] = [
    (
        "weir-operator",
        "Compiles TraefikServices and IngressRoutes into static files for weir-proxy",
    ),
    (
        "weir-proxy",
        "Serves weighted and mirrored HTTP traffic from static files",
    ),
];

fn main() -> Result<()> {
    let cli = Cli::parse();
    fs::create_dir_all(&cli.output).with_context(|| cli.output.display().to_string())?;
    for (program, description) in DESCRIPTIONS {
        let archive = cli.output.join(format!("{program}.tar"));
        let written = cli.write(program, description, &archive)?;
        let size = format!(
            "{}: {:.1} MiB",
            archive.display(),
            written.bytes as f64 / f64::from(MIB)
        );
        println!("{size}");
        ensure!(
            written.bytes < u64::from(LIMIT_MIB * MIB),
            "{size} are more than {LIMIT_MIB}"
        );
        let bill = bill::of(program, &written.files)?;
        let path = cli.output.join(format!("{program}.cdx.json"));
        fs::write(&path, serde_json::to_string_pretty(&bill)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

impl Cli {
    fn write(&self, program: &str, description: &str, archive: &Path) -> Result<Written> {
        let label = |name: &str, value: &str| (format!("org.opencontainers.image.{name}"), value.to_owned());
        let mut labels = BTreeMap::from([
            label("title", program),
            label("description", description),
            label("licenses", LICENSE),
            label("version", env!("CARGO_PKG_VERSION")),
            label("created", &self.created),
        ]);
        if !self.revision.is_empty() {
            labels.extend([label("revision", &self.revision)]);
        }
        let separator = if self.registry.is_empty() { "" } else { "/" };
        let image = Image {
            name: format!("{}{separator}{program}:{}", self.registry, self.tag),
            program: &self.programs.join(program),
            arguments: &[],
            labels,
            created: &self.created,
        };
        image.write(archive, Compression::Gzip)
    }
}

#[cfg(test)]
mod tests {
    use weir_e2e::image::USER;

    use super::*;

    #[test]
    fn the_containerfile_makes_the_same_images() {
        let file = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Containerfile")).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        for (program, description) in DESCRIPTIONS {
            for (name, value) in [
                ("title", program),
                ("description", description),
                ("licenses", LICENSE),
                ("version", version),
            ] {
                let label = format!("org.opencontainers.image.{name}=\"{value}\"");
                assert!(file.contains(&label), "{label}");
            }
            assert!(file.contains(&format!("ENTRYPOINT [\"/{program}\"]")));
        }
        let users = file.lines().filter(|line| *line == format!("USER {USER}"));
        assert_eq!(users.count(), DESCRIPTIONS.len());
        let toolchain =
            fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../rust-toolchain.toml")).unwrap();
        let rust = file
            .lines()
            .find_map(|line| line.strip_prefix("ARG RUST=rust:")?.split('-').next());
        assert!(
            toolchain.contains(&format!("\"{}\"", rust.unwrap())),
            "{rust:?}: {toolchain}"
        );
    }
}
