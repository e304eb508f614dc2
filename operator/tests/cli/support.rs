//! Runs the binary on files in a folder of its own.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// A folder for one test.
pub struct Folder(TempDir);

/// What a run left.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(name), content).expect("a file is written");
        self
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    /// Runs `weir-operator` here.
    pub fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, "")
    }

    /// Runs `weir-operator` here with that on standard input.
    pub fn run_with(&self, args: &[&str], stdin: &str) -> Run {
        let mut child = Command::new(Path::new(env!("CARGO_BIN_EXE_weir-operator")))
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(stdin.as_bytes())
            .expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Run {
            code: output.status.code().expect("it is not killed"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// A TraefikService with these references to others, in the namespace `apps`.
pub fn weighted(name: &str, children: &[&str]) -> String {
    let mut text = format!(
        "apiVersion: traefik.io/v1alpha1\nkind: TraefikService\nmetadata: {{name: {name}, namespace: apps}}\n\
         spec:\n  weighted:\n    services:\n"
    );
    let references = children
        .iter()
        .map(|child| format!("      - {{name: {child}, kind: TraefikService}}\n"));
    text.extend(references);
    text + "---\n"
}

/// A TraefikService over one Service, with that Service.
pub fn served(name: &str) -> String {
    format!(
        "apiVersion: traefik.io/v1alpha1\nkind: TraefikService\nmetadata: {{name: {name}, namespace: apps}}\n\
         spec:\n  weighted:\n    services:\n      - {{name: svc-{name}, port: 80}}\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {{name: svc-{name}, namespace: apps}}\n\
         spec: {{ports: [{{port: 80}}]}}\n---\n"
    )
}
