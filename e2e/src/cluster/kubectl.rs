//! kubectl, as a user types it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;

use super::program;
pub use super::program::Said;

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
        let mut command = self.command();
        command.args(arguments);
        program::say(command, &shown(arguments, input), input, LIMIT).await
    }

    /// The path of a file below the project's root, as an argument.
    pub fn file(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        root.join(path).display().to_string()
    }
}

fn shown(arguments: &[&str], input: Option<&str>) -> String {
    let input = input.map(|input| input.chars().take(300).collect::<String>());
    let input = input.map_or_else(String::new, |head| format!(" <<< {head}"));
    format!("kubectl {}{input}", arguments.join(" "))
}
