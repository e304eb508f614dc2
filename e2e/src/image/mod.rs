//! Container images without a container engine: a program, what it needs to run, and nothing else.
//!
//! The result is one file that `docker load`, `podman load`, `skopeo` and containerd read: an OCI image layout in a tar,
//! with the index of `docker save` beside it. The same input makes the same bytes.

mod archive;
mod program;
mod tar;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use weir_model::hex::hex;

pub use self::archive::Compression;
use self::{archive::Archive, program::Program, tar::Tar};

/// Who the program runs as, unless the cluster says otherwise: nobody that exists on a node.
pub const USER: &str = "65532:65532";

/// An image of one program.
#[derive(Clone, Debug)]
pub struct Image<'a> {
    /// As pods name it: `weir-proxy:0.1.0`.
    pub name: String,
    /// The program; its shared libraries are found by themselves.
    pub program: &'a Path,
    /// What it is started with, before a pod's `args`.
    pub arguments: &'a [&'a str],
    /// `org.opencontainers.image.…`
    pub labels: BTreeMap<String, String>,
    /// When, as RFC 3339 writes it.
    pub created: &'a str,
}

/// What an archive has.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its length.
    pub bytes: u64,
    /// The files of the image by their absolute path, each with its SHA-256 as hexadecimal digits.
    pub files: BTreeMap<String, String>,
}

impl Image<'_> {
    /// Writes the archive, without symbols that only a debugger reads.
    pub fn write(&self, archive: &Path, compression: Compression) -> Result<Written> {
        let program = Program::read(self.program)?;
        let mut layer = Tar::default();
        for (path, content) in program.files() {
            layer.file(&path, 0o755, content)?;
        }
        let layer = layer.finish();
        let files = program
            .files()
            .map(|(path, content)| (format!("/{path}"), hex(&Sha256::digest(content))));
        let mut entrypoint = vec![program.path()];
        entrypoint.extend(self.arguments.iter().map(|&argument| argument.to_owned()));
        let config = json!({
            "created": self.created,
            "architecture": program.architecture,
            "os": "linux",
            "config": {
                "Entrypoint": entrypoint,
                "User": USER,
                "WorkingDir": "/",
                "Labels": self.labels,
            },
        });
        let archived = Archive::new(&self.name, &layer, config, compression)?.write(archive);
        Ok(Written {
            bytes: archived.with_context(|| archive.display().to_string())?,
            files: files.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn image(program: &Path) -> Image<'_> {
        Image {
            name: "weir-test:1".to_owned(),
            program,
            arguments: &["--version"],
            labels: [("org.opencontainers.image.title".to_owned(), "test".to_owned())].into(),
            created: "2026-11-24T00:00:00Z",
        }
    }

    #[test]
    fn the_same_program_makes_the_same_bytes_and_nothing_else_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        let program = Path::new("/bin/sleep");
        for archive in [&one, &other] {
            image(program).write(archive, Compression::Gzip).unwrap();
        }
        assert_eq!(fs::read(&one).unwrap(), fs::read(&other).unwrap());

        let read = |arguments: &[&str]| {
            let output = std::process::Command::new("tar")
                .args(arguments)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let archive = one.to_str().unwrap();
        let manifest: serde_json::Value =
            serde_json::from_str(&read(&["-xOf", archive, "manifest.json"])).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "weir-test:1");
        let layer = folder.path().join("layer");
        let blob = manifest[0]["Layers"][0].as_str().unwrap();
        let output = std::process::Command::new("tar")
            .args(["-xOf", archive, blob])
            .output();
        fs::write(&layer, output.unwrap().stdout).unwrap();
        let listed = read(&["-tvzf", layer.to_str().unwrap()]);
        let lines: Vec<_> = listed.lines().collect();
        assert!(lines.iter().all(|line| line.contains(" 0/0 ")), "{listed}");
        let mut files = lines.iter().filter(|line| line.starts_with('-'));
        assert!(
            files.all(|file| file.contains(" lib") || file.ends_with(" sleep")),
            "{listed}"
        );
        assert!(listed.contains("libc.so.6"), "{listed}");
    }

    #[test]
    fn what_is_no_program_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("text");
        fs::write(&text, "text").unwrap();
        let error = image(&text)
            .write(&folder.path().join("a"), Compression::None)
            .unwrap_err();
        assert!(format!("{error:#}").contains("is no program"), "{error:#}");
    }
}
