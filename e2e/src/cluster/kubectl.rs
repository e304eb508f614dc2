//! kubectl, as a user types it.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    time,
};

/// Longer than whatever it waits for by itself here.
const LIMIT: Duration = Duration::from_secs(90);

/// kubectl with a kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubectl {
    pub(super) program: PathBuf,
    pub(super) kubeconfig: PathBuf,
    /// What it learns about the cluster's API it keeps there, and not in the user's home.
    pub(super) cache: PathBuf,
}

/// What it has printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The answer.
    pub stdout: String,
    /// Warnings, the API server's among them.
    pub stderr: String,
}

impl Kubectl {
    /// Runs it and returns what it prints to stdout. When it fails, the error has both its outputs.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        Ok(self.say(arguments, None).await?.stdout)
    }

    /// Runs it with `-f -` reading `input`.
    pub async fn run_with(&self, arguments: &[&str], input: &str) -> Result<String> {
        Ok(self.say(arguments, Some(input)).await?.stdout)
    }

    /// A command line for what this module cannot do.
    pub(super) fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--cache-dir")
            .arg(&self.cache);
        command
    }

    /// Runs it and returns all that it prints. When it fails, that is in the error.
    pub async fn say(&self, arguments: &[&str], input: Option<&str>) -> Result<Said> {
        let mut command = Command::from(self.command());
        command
            .args(arguments)
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let child = command
            .spawn()
            .with_context(|| format!("{} does not start", self.program.display()))?;
        let run = time::timeout(LIMIT, feed(child, input)).await;
        let shown = || shown(arguments, input);
        let output = run
            .with_context(|| format!("{}: not within {LIMIT:?}", shown()))?
            .with_context(shown)?;
        let [stdout, stderr] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let status = output.status;
        ensure!(status.success(), "{}: {status}\n{stderr}{stdout}", shown());
        Ok(Said { stdout, stderr })
    }

    /// The path of a file below the project's root, as an argument.
    pub fn file(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        root.join(path).display().to_string()
    }
}

async fn feed(mut child: Child, input: Option<&str>) -> std::io::Result<std::process::Output> {
    let stdin = child.stdin.take();
    let write = async {
        if let (Some(mut stdin), Some(input)) = (stdin, input) {
            // when it does not want to read all, its exit status says why
            drop(stdin.write_all(input.as_bytes()).await);
        }
    };
    let (output, ()) = futures::future::join(child.wait_with_output(), write).await;
    output
}

fn shown(arguments: &[&str], input: Option<&str>) -> String {
    let input = input.map(|input| input.chars().take(300).collect::<String>());
    let input = input.map_or_else(String::new, |head| format!(" <<< {head}"));
    format!("kubectl {}{input}", arguments.join(" "))
}
