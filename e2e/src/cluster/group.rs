//! Processes that never outlive the program that started them.
//!
//! The processes of a [`Group`] share a process group. A watchdog beside it waits for the end of a pipe from this program,
//! however that comes: with the [`Group`]'s end, at exit, or by SIGKILL. It then kills the whole group and removes its
//! folder. (A signal on the parent's death would be simpler, but Linux sends it when the parent's *thread* ends, and a
//! test's thread ends with the test.) What else has to be undone is in a script named [`CLEANUP`] in that folder.

use std::{
    env,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use super::process::Process;

/// Set to anything, the folders with data and logs stay.
pub const KEEP: &str = "WEIR_E2E_KEEP";

/// The name of a bash script in a group's folder that runs when the processes have ended.
pub const CLEANUP: &str = "cleanup";

/// `sleep` leads the group, so that its id is taken as long as the watchdog, who is the parent, has not waited for it.
/// Who does not go within two seconds is beyond what a shell can do.
const WATCHDOG: &str = r#"
set -m
sleep infinity & group=$!
echo "$group"
read -r _
kill -KILL -- "-$group"
wait "$group"
for _ in {1..100}; do kill -0 -- "-$group" || break; sleep 0.02; done
[ ! -f "$1/cleanup" ] || bash "$1/cleanup"
[ -n "$2" ] || rm -rf -- "$1"
"#;

/// A process group and its folder; both end with this value, and with this program.
#[derive(Debug)]
pub struct Group {
    id: i32,
    folder: PathBuf,
    watchdog: Child,
}

impl Group {
    /// Starts an empty one.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("weir-e2e-").tempdir()?;
        let mut watchdog = Command::new("bash")
            .args(["-c", WATCHDOG, "weir-e2e-watchdog"])
            .arg(folder.path())
            .arg(env::var_os(KEEP).unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C is for this program; what then follows is the watchdog's work
            .process_group(0)
            .spawn()
            .context("bash does not start")?;
        let mut line = String::new();
        let output = watchdog.stdout.take().context("the watchdog has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let id = line
            .trim()
            .parse()
            .with_context(|| format!("the watchdog says {line:?}"))?;
        Ok(Self {
            id,
            folder: folder.keep(),
            watchdog,
        })
    }

    /// For data, sockets and logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a process. What it says goes to the file `NAME.log` in the folder, after what is there.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        let log = self.folder.join(name).with_extension("log");
        Process::spawn(name, command, log, self.id)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        // it ends by itself, and there is nobody to tell that it has ended before
        drop(self.watchdog.wait());
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;
    use crate::cluster::wait::eventually;

    fn sleeper() -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", "echo started; sleep infinity & wait"]);
        command
    }

    #[tokio::test]
    async fn the_end_of_the_pipe_ends_processes_their_children_and_the_folder() {
        let mut group = Group::new().unwrap();
        let mut process = group.spawn("sleeper", sleeper()).unwrap();
        eventually("it runs", Duration::from_secs(10), async || {
            let started = process.log().contains("started");
            anyhow::ensure!(started, "its log: {}", process.log());
            Ok(())
        })
        .await
        .unwrap();
        assert!(group.folder().join("sleeper.log").is_file());

        // what the kernel does when this program ends
        drop(group.watchdog.stdin.take());

        eventually("it is gone", Duration::from_secs(10), async || {
            anyhow::ensure!(process.exited().is_some(), "it runs");
            anyhow::ensure!(!group.folder().exists(), "its folder is there");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(members(group.id), Vec::<String>::new());
    }

    /// Processes of the group, but for those that only wait to be collected.
    fn members(group: i32) -> Vec<String> {
        let stats = fs::read_dir("/proc").unwrap().flatten();
        let stats = stats.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
        let member = |stat: &String| {
            let mut fields = stat.rsplit(") ").next().unwrap().split(' ');
            fields.next() != Some("Z") && fields.nth(1) == Some(&group.to_string())
        };
        stats.filter(member).collect()
    }
}
