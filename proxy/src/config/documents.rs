//! From texts to checked documents, parsing only what is new.

use std::{collections::BTreeMap, sync::Arc};

use weir_model::document::{
    Config, EndpointSetId, Endpoints, SecretId, Secrets,
    text::{self, Document as Parse},
    validate,
};

use super::{FileName, Reason, file_name::Kind, source};

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

/// What came of each file of the last generation, by the digest of its text.
#[derive(Debug, Default)]
pub(super) struct Store {
    files: BTreeMap<FileName, (String, Result<Parsed, Reason>)>,
}

impl Store {
    /// Whether the text of a file with this digest was parsed.
    pub(super) fn knows(&self, file: FileName, digest: &str) -> bool {
        self.files.get(&file).is_some_and(|(known, _)| known == digest)
    }

    /// Parses the new texts of a generation, forgets the files that it does not have, and puts the
    /// documents together. The first file that does not parse, in the order of names, is the reason
    /// of a failure.
    pub(super) fn update(&mut self, generation: source::Generation) -> Result<Documents, Reason> {
        let mut known = std::mem::take(&mut self.files);
        let mut broken = None;
        for (file, source::Document { said, text }) in generation {
            match text {
                None => {
                    self.files.extend(known.remove_entry(&file));
                }
                Some(text) => match parse(file, &text) {
                    Ok((digest, parsed)) => {
                        self.files.insert(file, (digest, Ok(parsed)));
                    }
                    Err(reason) => {
                        // A text that is not whole may be the first half of a good one.
                        broken.get_or_insert_with(|| reason.clone());
                        if let (Some(said), true) = (said, reason.code.is_final()) {
                            self.files.insert(file, (said, Err(reason)));
                        }
                    }
                },
            }
        }
        broken.map_or_else(|| self.assemble(), Err)
    }

    fn assemble(&self) -> Result<Documents, Reason> {
        let (mut config, mut endpoints, mut secrets) = (None, Vec::new(), Vec::new());
        for (_, parsed) in self.files.values() {
            match parsed.clone()? {
                Parsed::Config(document) => config = Some(document),
                Parsed::Endpoints(document) => endpoints.push(document),
                Parsed::Secrets(document) => secrets.push(document),
            }
        }
        let documents = Documents {
            config: config.ok_or_else(|| Reason::missing(Kind::Config))?,
            endpoints: merged(&endpoints, |into, from| into.sets.extend(from.sets.clone())),
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

fn parse(file: FileName, text: &str) -> Result<(String, Parsed), Reason> {
    fn read<D: Parse>(file: FileName, text: &str) -> Result<(String, D), Reason> {
        match text::read(text) {
            Ok((document, digest)) => Ok((digest.to_string(), document)),
            Err(error) => Err(Reason::text(file, &error)),
        }
    }
    match file.kind {
        Kind::Config => {
            let (digest, config) = read::<Config>(file, text)?;
            validate::validate(&config).map_err(|violations| Reason::invalid(&violations))?;
            Ok((digest, Parsed::Config(Arc::new(config))))
        }
        Kind::Endpoints => {
            read(file, text).map(|(digest, document)| (digest, Parsed::Endpoints(Arc::new(document))))
        }
        Kind::Secrets => {
            read(file, text).map(|(digest, document)| (digest, Parsed::Secrets(Arc::new(document))))
        }
    }
}
