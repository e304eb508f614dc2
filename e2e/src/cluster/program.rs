//! Programs that run, say something and end.

use std::{
    io,
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{io::AsyncWriteExt as _, process::Child, time};

/// What a program has printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The answer.
    pub stdout: String,
    /// Warnings, the API server's among them.
    pub stderr: String,
}

/// Runs a command and returns all that it prints. When it fails, that is in the error, which calls it `shown`.
pub async fn say(mut command: Command, shown: &str, input: Option<&str>, limit: Duration) -> Result<Said> {
    command
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    let child = command
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{shown} does not start"))?;
    let output = time::timeout(limit, feed(child, input)).await;
    let output = output
        .with_context(|| format!("{shown}: not within {limit:?}"))?
        .with_context(|| shown.to_owned())?;
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let status = output.status;
    ensure!(status.success(), "{shown}: {status}\n{stderr}{stdout}");
    Ok(Said { stdout, stderr })
}

async fn feed(mut child: Child, input: Option<&str>) -> io::Result<Output> {
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
