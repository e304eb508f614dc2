//! Which files of the directory are documents.

use std::fmt;

use weir_model::document::{Config, Endpoints, Secrets, text::Document};

/// What names of packed files end in.
pub(super) const PACKED: &str = ".gz";

/// A document's file: `config`, `endpoints`, `endpoints-0`, `secrets-12`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileName {
    /// The document.
    pub(super) kind: Kind,
    /// Which part of it, when it is spread over several files.
    pub(super) shard: Option<u32>,
}

/// The documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Routes, services, transports. Always one file.
    Config,
    /// Address sets.
    Endpoints,
    /// Key material.
    Secrets,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Config, Self::Endpoints, Self::Secrets];

    /// The file's name without shard and extension.
    pub(super) const fn stem(self) -> &'static str {
        match self {
            Self::Config => Config::STEM,
            Self::Endpoints => Endpoints::STEM,
            Self::Secrets => Secrets::STEM,
        }
    }
}

impl FileName {
    /// The document in a file of this name, packed (`.json.gz`) or not; none when it is some other file.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(PACKED).unwrap_or(name).strip_suffix(".json")?;
        Kind::ALL
            .into_iter()
            .find_map(|kind| match name.strip_prefix(kind.stem())? {
                "" => Some(Self { kind, shard: None }),
                shard => {
                    let shard = shard.strip_prefix('-')?.parse().ok()?;
                    let file = Self {
                        kind,
                        shard: Some(shard),
                    };
                    // neither `endpoints-007` nor a part of the config
                    (kind != Kind::Config && file.to_string() == name).then_some(file)
                }
            })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.stem())?;
        self.shard.map_or(Ok(()), |shard| write!(f, "-{shard}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_and_their_parts_are_found_by_name() {
        for name in [
            "config",
            "endpoints",
            "endpoints-0",
            "endpoints-12",
            "secrets",
            "secrets-3",
        ] {
            assert_eq!(
                FileName::parse(&format!("{name}.json")).unwrap().to_string(),
                name
            );
        }
    }

    #[test]
    fn other_files_are_none() {
        for name in [
            "..data",
            "config",
            ".config.json.tmp",
            "config-0.json",
            "endpoints-.json",
            "endpoints-00.json",
            "endpoints-x.json",
            "endpoints0.json",
            "notes.json",
            "config.gz",
            "config.json.gz.gz",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }
}
