//! From texts to checked documents, parsing only what is new.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::document::{
    Config, EndpointSetId, Endpoints, SecretId, Secrets,
    text::{self, Digest, Document, Opened},
    validate,
};

use super::{
    FileName, Reason,
    file_name::Kind,
    source::{self, Generation, Version},
};

/// The three documents, each parsed and fitting in itself. Whether all is there that the config
/// names is another question: [`Documents::absent`].
#[derive(Clone, Debug)]
pub(super) struct Documents {
    pub(super) config: Arc<Config>,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) secrets: Arc<Secrets>,
}

/// A parsed file.
#[derive(Clone, Debug)]
enum Parsed {
    Config(Arc<Config>),
    Endpoints(Arc<Endpoints>),
    Secrets(Arc<Secrets>),
}

/// What came of the last generation.
#[derive(Debug, Default)]
pub(super) struct Store {
    files: BTreeMap<FileName, Entry>,
    /// None before the first.
    whole: Option<Result<Documents, Reason>>,
}

#[derive(Debug)]
struct Entry {
    /// Of the content; none: it is not what was written.
    digest: Option<Digest>,
    parsed: Result<Parsed, Reason>,
    version: Version,
}

impl Entry {
    fn new(file: FileName, version: Version, text: &str, before: Option<Self>) -> Self {
        let opened = text::open(text);
        let digest = opened.as_ref().ok().map(|opened| opened.digest);
        // kubelet writes all files anew when one changes
        let same = before.filter(|before| digest.is_some() && before.digest == digest);
        let parsed = match (same, opened) {
            (Some(same), _) => same.parsed,
            (None, Ok(opened)) => parse(file, opened),
            (None, Err(error)) => Err(Reason::text(file, &error)),
        };
        Self {
            digest,
            parsed,
            version,
        }
    }
}

impl Store {
    /// Whether this version of a file was parsed.
    pub(super) fn knows(&self, file: FileName, version: &Version) -> bool {
        self.files
            .get(&file)
            .is_some_and(|known| known.version == *version)
    }

    /// Parses the new texts of a generation, forgets the files that it does not have, and puts the
    /// documents together. The first file that does not parse, in the order of names, is the reason
    /// of a failure.
    pub(super) fn update(&mut self, generation: Generation) -> Result<Documents, Reason> {
        let mut known = std::mem::take(&mut self.files);
        let all_known =
            generation.len() == known.len() && generation.values().all(|file| file.text.is_none());
        for (file, source::Document { version, text }) in generation {
            let before = known.remove(&file);
            let entry = match text {
                Some(text) => Some(Entry::new(file, version, &text, before)),
                None => before,
            };
            self.files.extend(entry.map(|entry| (file, entry)));
        }
        match self.whole.take().filter(|_| all_known) {
            Some(whole) => self.whole.insert(whole).clone(),
            None => self.whole.insert(self.assemble()).clone(),
        }
    }

    /// The endpoints by themselves; none when a part of them is no good, or there is none.
    pub(super) fn endpoints(&self) -> Option<Arc<Endpoints>> {
        let mut parts = Vec::new();
        for (_, entry) in self.files.iter().filter(|(file, _)| file.kind == Kind::Endpoints) {
            let Ok(Parsed::Endpoints(part)) = &entry.parsed else {
                return None;
            };
            parts.push(Arc::clone(part));
        }
        (!parts.is_empty()).then(|| merged_endpoints(&parts))
    }

    fn assemble(&self) -> Result<Documents, Reason> {
        let (mut config, mut endpoints, mut secrets) = (None, Vec::new(), Vec::new());
        for entry in self.files.values() {
            match entry.parsed.clone()? {
                Parsed::Config(document) => config = Some(document),
                Parsed::Endpoints(document) => endpoints.push(document),
                Parsed::Secrets(document) => secrets.push(document),
            }
        }
        let documents = Documents {
            config: config.ok_or_else(|| Reason::missing(Kind::Config))?,
            endpoints: merged_endpoints(&endpoints),
            secrets: merged(&secrets, |into, from| into.entries.extend(from.entries.clone())),
        };
        // a whole document that is needed and gone was taken away by mistake
        if endpoints.is_empty() && documents.absent_sets().next().is_some() {
            return Err(Reason::missing(Kind::Endpoints));
        }
        if secrets.is_empty() && documents.absent_secrets().next().is_some() {
            return Err(Reason::missing(Kind::Secrets));
        }
        Ok(documents)
    }
}

impl Documents {
    /// The ids that the config names and that are not there (yet).
    pub(super) fn absent(&self) -> impl Iterator<Item = &str> {
        self.absent_sets().chain(self.absent_secrets())
    }

    fn absent_sets(&self) -> impl Iterator<Item = &str> {
        validate::absent_sets(&self.config, &self.endpoints).map(EndpointSetId::as_str)
    }

    fn absent_secrets(&self) -> impl Iterator<Item = &str> {
        validate::absent_secrets(&self.config, &self.secrets).map(SecretId::as_str)
    }
}

fn merged_endpoints(parts: &[Arc<Endpoints>]) -> Arc<Endpoints> {
    merged(parts, |into, from| into.sets.extend(from.sets.clone()))
}

/// All parts as one document. Where two have the same entry, as in the moment when the number of
/// parts changes, the later part's is taken.
fn merged<D: Clone + Default>(parts: &[Arc<D>], merge: impl Fn(&mut D, &D)) -> Arc<D> {
    match parts {
        [] => Arc::default(),
        [only] => Arc::clone(only),
        [first, others @ ..] => {
            let mut whole = D::clone(first);
            for part in others {
                merge(&mut whole, part);
            }
            Arc::new(whole)
        }
    }
}

fn parse(file: FileName, opened: Opened<'_>) -> Result<Parsed, Reason> {
    fn read<D: Document>(file: FileName, opened: Opened<'_>) -> Result<Arc<D>, Reason> {
        let document = opened.read().map_err(|error| Reason::text(file, &error))?;
        Ok(Arc::new(document))
    }
    match file.kind {
        Kind::Config => {
            let config = read::<Config>(file, opened)?;
            validate::validate(&config).map_err(|violations| Reason::invalid(&violations))?;
            Ok(Parsed::Config(config))
        }
        Kind::Endpoints => read(file, opened).map(Parsed::Endpoints),
        Kind::Secrets => read(file, opened).map(Parsed::Secrets),
    }
}
