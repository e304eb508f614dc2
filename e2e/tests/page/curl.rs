//! The client that the page uses.

use tokio::process::Command;

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// `1.1`, `2`.
    pub version: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// All values of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let headers = self.headers.iter();
        headers
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The cookies that were set, each as `name=value`.
    pub fn cookies(&self) -> Vec<&str> {
        let all = self.all("set-cookie");
        all.into_iter()
            .map(|set| set.split(';').next().unwrap())
            .collect()
    }
}

/// Runs curl, whose answer has to come.
pub async fn curl<S: AsRef<str>>(arguments: impl IntoIterator<Item = S>) -> Answer {
    let mut command = Command::new("curl");
    command.args([
        "-sS",
        "-i",
        "--max-time",
        "20",
        "--noproxy",
        "*",
        "-w",
        "\n%{http_version}",
    ]);
    command.args(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
    let output = command.kill_on_drop(true).output().await.expect("curl is needed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (text, version) = text.rsplit_once('\n').unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        (name.to_ascii_lowercase(), value.to_owned())
    });
    Answer {
        status,
        version: version.to_owned(),
        headers: headers.collect(),
        body: body.to_owned(),
    }
}
