//! A case folder, read and compiled.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::Value;
use weir_model::{
    document::Config,
    path::{FieldPath, PathSegment},
};
use weir_operator::{
    compile::{Compilation, Options, Snapshot, compile, finding::ObjectId, input::Inserted},
    manifest::{Limits, Manifests, read},
};

/// A case.
pub struct Case {
    pub folder: PathBuf,
    pub name: String,
    pub options: Options,
    pub manifests: Manifests,
    pub snapshot: Snapshot,
    /// Objects that stand there twice.
    pub twice: Vec<ObjectId>,
    pub compilation: Compilation,
}

impl Case {
    /// Reads and compiles a folder.
    pub fn read(folder: &Path) -> Self {
        let options = read_options(&folder.join("options"));
        let before = folder.join("previous.yaml");
        let previous = if before.exists() {
            let (_, snapshot, _) = load(&before);
            let own = folder.join("previous.options");
            let then = if own.exists() {
                read_options(&own)
            } else {
                options.clone()
            };
            compile(&snapshot, &then, &Config::default()).config
        } else {
            Arc::default()
        };
        let (manifests, snapshot, twice) = load(&folder.join("input.yaml"));
        let compilation = compile(&snapshot, &options, &previous);
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        Self {
            folder: folder.to_owned(),
            name,
            options,
            manifests,
            snapshot,
            twice,
            compilation,
        }
    }
}

fn load(path: &Path) -> (Manifests, Snapshot, Vec<ObjectId>) {
    let manifests = read(&[path.to_owned()], &Limits::default()).unwrap();
    let mut snapshot = Snapshot::default();
    let mut twice = Vec::new();
    for object in &manifests.objects {
        if let Inserted::Object { id, replaced: true } = snapshot.insert(&object.value) {
            twice.push(id);
        }
    }
    (manifests, snapshot, twice)
}

/// Options from a file of flags, as the command line calls them.
fn read_options(path: &Path) -> Options {
    let mut options = Options::default();
    let mut entry_points = Vec::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let (flag, value) = line.split_once(' ').unwrap_or((line, ""));
        match flag {
            "--allow-cross-namespace" => options.allow_cross_namespace = true,
            "--allow-external-name" => options.allow_external_name = true,
            "--entrypoint" => entry_points.push(value.parse().unwrap()),
            "--ingress-class" => value.clone_into(&mut options.ingress_class),
            "--max-depth" => options.max_depth = value.parse().unwrap(),
            "--max-nodes" => options.max_nodes = value.parse().unwrap(),
            "--require-ingress-class" => options.claim_unclassed = false,
            _ => panic!("{}: what is {line:?}?", path.display()),
        }
    }
    if !entry_points.is_empty() {
        options.entry_points = entry_points;
    }
    options
}

/// Whether a manifest is that of the object.
pub fn is(manifest: &Value, object: &ObjectId) -> bool {
    let metadata = |key: &str| manifest["metadata"][key].as_str();
    manifest["kind"] == object.kind.as_str()
        && metadata("name") == Some(&object.name.name)
        && metadata("namespace").unwrap_or("default") == object.name.namespace
}

/// The field of a manifest.
pub fn field<'v>(manifest: &'v Value, path: &FieldPath) -> Option<&'v Value> {
    path.segments()
        .iter()
        .try_fold(manifest, |value, segment| match segment {
            PathSegment::Key(key) => value.get(key),
            PathSegment::Index(index) => value.get(index),
        })
}
