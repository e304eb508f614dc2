//! What an image is made of: its SBOM, in the format of `CycloneDX`.

mod debian;

use std::{collections::BTreeMap, env, fs, process::Command};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// The crates that are linked into a program, and the files beside it. cargo says which crates, Cargo.lock what their
/// contents are, and the packages of this machine where the files are from.
pub(crate) fn of(program: &str, files: &BTreeMap<String, String>) -> Result<Value> {
    // as make names it
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["tree", "--locked", "--package", program]);
    command.args(["--edges", "normal", "--prefix", "none", "--format", "{p}|{l}"]);
    let output = command.output().context("cargo tree")?;
    ensure!(
        output.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lock = fs::read_to_string("Cargo.lock").context("Cargo.lock, which is where cargo ran")?;
    let mut bill = bill(program, &String::from_utf8(output.stdout)?, &checksums(&lock));
    let libraries = files.iter().filter(|(path, _)| path.contains("/lib"));
    let libraries = libraries.map(|(path, digest)| library(path, digest, debian::package_of(path)));
    if let Some(components) = bill["components"].as_array_mut() {
        components.extend(libraries);
    }
    Ok(bill)
}

fn library(path: &str, digest: &str, package: Option<debian::Package>) -> Value {
    let hashes = json!([{"alg": "SHA-256", "content": digest}]);
    match package {
        None => json!({"type": "file", "bom-ref": path, "name": path, "hashes": hashes}),
        Some(package) => json!({
            "type": "library",
            "bom-ref": path,
            "name": package.name,
            "version": package.version,
            "purl": package.url(),
            "hashes": hashes,
            "evidence": {"occurrences": [{"location": path}]},
        }),
    }
}

/// SHA-256 by `NAME VERSION`, of the crates that come from a registry.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let package = |text: &str| {
        let value = |key: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
            Some(line.trim_end_matches('"').to_owned())
        };
        Some((
            format!("{} {}", value("name")?, value("version")?),
            value("checksum")?,
        ))
    };
    lock.split("[[package]]").filter_map(package).collect()
}

fn bill(program: &str, tree: &str, checksums: &BTreeMap<String, String>) -> Value {
    let mut components = BTreeMap::new();
    let mut main = Value::Null;
    for line in tree.lines() {
        let (package, license) = line
            .trim_end_matches(" (*)")
            .split_once('|')
            .unwrap_or((line, ""));
        // `NAME vVERSION`, and where it is when it is no registry's
        let mut words = package.split_whitespace();
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            continue;
        };
        let version = version.trim_start_matches('v');
        let url = format!("pkg:cargo/{name}@{version}");
        let mut component = json!({
            "type": if name == program { "application" } else { "library" },
            "bom-ref": url,
            "name": name,
            "version": version,
            "purl": url,
        });
        if !license.is_empty() {
            // some crates still write it as cargo once did
            component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
        }
        if let Some(checksum) = checksums.get(&format!("{name} {version}")) {
            component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        if name == program {
            main = component;
        } else {
            components.insert(url, component);
        }
    }
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": main},
        "components": components.into_values().collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_listed_once_with_their_licence_and_checksum() {
        let tree = "weir-proxy v0.1.0 (/somewhere)|Apache-2.0\nbytes v1.10.0|MIT/Apache-2.0\nbytes v1.10.0|MIT/Apache-2.0 (*)\n";
        let lock = "[[package]]\nname = \"bytes\"\nversion = \"1.10.0\"\nchecksum = \"abc\"\n";
        let bill = bill("weir-proxy", tree, &checksums(lock));
        assert_eq!(bill["metadata"]["component"]["name"], "weir-proxy");
        let components = bill["components"].as_array().unwrap();
        assert_eq!(components.len(), 1);
        assert_eq!(components[0]["purl"], "pkg:cargo/bytes@1.10.0");
        assert_eq!(components[0]["hashes"][0]["content"], "abc");
        assert_eq!(components[0]["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert!(!bill.to_string().contains("somewhere"));
    }

    #[test]
    fn a_library_is_listed_as_the_package_that_it_is_from_or_as_a_file() {
        let package = debian::Package {
            name: "libc6".to_owned(),
            version: "2.36-9+deb12u13".to_owned(),
            architecture: "amd64".to_owned(),
            distribution: "debian".to_owned(),
        };
        let known = library("/lib/libc.so.6", "abc", Some(package));
        assert_eq!(known["purl"], "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64");
        assert_eq!(known["hashes"][0]["content"], "abc");
        let unknown = library("/lib/libc.so.6", "abc", None);
        assert_eq!(
            (&unknown["type"], &unknown["name"]),
            (&"file".into(), &"/lib/libc.so.6".into())
        );
    }
}
