//! Manifests from the command line into a snapshot, with the way back from an object to its text.

use std::{collections::BTreeMap, io, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use weir_model::{document::Config, document::text, path::FieldPath};

use super::stranger::{Stranger, look};
use crate::{
    compile::{
        Compilation, Options, Snapshot, compile,
        finding::{Code, Finding, ObjectId},
        input::Inserted,
    },
    manifest::{self, Limits, ManifestObject, Manifests},
};

/// Where the manifests are.
#[derive(Args, Clone, Debug)]
pub(super) struct Paths {
    /// Files, folders (searched for .yaml, .yml and .json) or - for standard input.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// Manifests that were read, and the snapshot they make.
pub(super) struct Input {
    pub manifests: Manifests,
    pub snapshot: Snapshot,
    /// The manifest of each object: its index in the manifests.
    places: BTreeMap<ObjectId, usize>,
    /// Objects that a later manifest defines again.
    duplicates: Vec<Duplicate>,
    /// Objects that look like ones that weir reads.
    pub strangers: Vec<Stranger>,
}

/// Two manifests of one object: their indices.
pub(super) struct Duplicate {
    pub id: ObjectId,
    pub first: usize,
    pub second: usize,
}

impl Input {
    /// Reads manifests; unrelated kinds are passed over.
    pub fn read(paths: &[PathBuf]) -> anyhow::Result<Self> {
        let manifests = manifest::read(paths, &Limits::default())?;
        let mut snapshot = Snapshot::default();
        let mut places = BTreeMap::new();
        let mut duplicates = Vec::new();
        let mut strangers = Vec::new();
        for (i, object) in manifests.objects.iter().enumerate() {
            match snapshot.insert(&object.value) {
                Inserted::Unrelated => strangers.extend(look(i, object)),
                Inserted::Object { id, .. } => {
                    if let Some(first) = places.insert(id.clone(), i) {
                        duplicates.push(Duplicate { id, first, second: i });
                    }
                }
            }
        }
        Ok(Self {
            manifests,
            snapshot,
            places,
            duplicates,
            strangers,
        })
    }

    /// The manifest of an object.
    pub fn manifest(&self, id: &ObjectId) -> Option<&ManifestObject> {
        self.manifests.objects.get(*self.places.get(id)?)
    }

    /// How many objects matter here.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Compiles the snapshot; findings include objects that are defined twice.
    pub fn compile(&self, options: &Options, previous: &Config) -> Compilation {
        let mut compilation = compile(&self.snapshot, options, previous);
        for duplicate in &self.duplicates {
            compilation.findings.push(
                Finding::new(
                    duplicate.id.clone(),
                    FieldPath::root(),
                    Code::DuplicateObject,
                    format!("{} is defined twice", duplicate.id),
                )
                .effect("the later one is used; in a cluster it is the one applied last")
                .help("remove one of them"),
            );
        }
        compilation.findings.sort();
        compilation
    }

    /// The manifests that a duplicate's finding is about.
    pub fn duplicate(&self, id: &ObjectId) -> Option<(&ManifestObject, &ManifestObject)> {
        let duplicate = self.duplicates.iter().find(|duplicate| duplicate.id == *id)?;
        Some((
            self.manifests.objects.get(duplicate.first)?,
            self.manifests.objects.get(duplicate.second)?,
        ))
    }
}

/// Reads a config that was published before; an empty one without a path, or when there is no such file.
pub(super) fn previous(path: Option<&PathBuf>) -> anyhow::Result<Config> {
    let Some(path) = path else {
        return Ok(Config::default());
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let (config, _) = text::read(&text).with_context(|| {
        format!(
            "{} is no config; leave --previous out to start anew",
            path.display()
        )
    })?;
    Ok(config)
}
