//! Which of Debian's packages a file of this machine is from.

use std::{fs, process::Command};

/// A package of Debian, or of what is made from it.
#[derive(Clone, Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
    /// As `/etc/os-release` calls it.
    pub(super) distribution: String,
}

impl Package {
    /// As a package URL.
    pub(super) fn url(&self) -> String {
        let Self {
            name,
            version,
            architecture,
            distribution,
        } = self;
        // of what versions may have, these two are not allowed in it
        let version = version.replace('+', "%2B").replace(':', "%3A");
        format!("pkg:deb/{distribution}/{name}@{version}?arch={architecture}")
    }
}

/// The package of a file; on a machine with other packages nobody knows.
pub(super) fn package_of(path: &str) -> Option<Package> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let distribution = release.lines().find_map(|line| line.strip_prefix("ID="))?;
    // `libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6`
    let found = said(&["--search", path])?;
    let package = found.lines().next()?.split(": ").next()?;
    let told = said(&[
        "--show",
        "--showformat=${Package} ${Version} ${Architecture}",
        package,
    ])?;
    let mut words = told.split_whitespace().map(str::to_owned);
    Some(Package {
        name: words.next()?,
        version: words.next()?,
        architecture: words.next()?,
        distribution: distribution.trim_matches('"').to_owned(),
    })
}

fn said(arguments: &[&str]) -> Option<String> {
    let output = Command::new("dpkg-query").args(arguments).output().ok()?;
    let told = output.status.success().then_some(output.stdout)?;
    String::from_utf8(told).ok()
}
