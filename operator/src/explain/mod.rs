//! The catalogues of conditions and findings, to be looked up: what each word means that a status shows.
//!
//! The texts stand beside what they explain, in [`compile::finding::Code`](crate::compile::finding::Code) and in
//! [`status`](crate::status).

mod page;

use std::fmt;

pub use self::page::page;
use crate::{
    compile::finding::{Code, Severity, Standing, did_you_mean},
    status::{ACCEPTED, ConditionType, NotProgrammed, PROGRAMMED, RESOLVED_REFS},
};

/// Something that a user may look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A type of condition.
    Condition(ConditionType),
    /// A reason of `Programmed`.
    Reason(NotProgrammed),
    /// A finding.
    Finding(Code),
}

impl Entry {
    /// All of them: conditions, reasons, findings.
    pub fn all() -> impl Iterator<Item = Self> + Clone {
        let conditions = ConditionType::ALL.iter().copied().map(Self::Condition);
        let reasons = NotProgrammed::ALL.iter().copied().map(Self::Reason);
        let findings = Code::ALL.iter().copied().map(Self::Finding);
        conditions.chain(reasons).chain(findings)
    }

    /// The one that a word means: a code, a reason or a type of condition, in any case; or a similar word.
    pub fn find(word: &str) -> Result<Self, Option<String>> {
        let names = |entry: &Self| [Some(entry.name().to_owned()), entry.code()];
        let found = Self::all().find(|entry| {
            names(entry)
                .iter()
                .flatten()
                .any(|name| name.eq_ignore_ascii_case(word))
        });
        found.ok_or_else(|| {
            let known: Vec<_> = Self::all().flat_map(|entry| names(&entry)).flatten().collect();
            did_you_mean(word, known.iter().map(String::as_str)).map(str::to_owned)
        })
    }

    /// The word that a status shows.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Condition(kind) => kind.name,
            Self::Reason(reason) => reason.as_str(),
            Self::Finding(code) => code.reason(),
        }
    }

    /// Of a finding, `WEIR0003`.
    pub fn code(&self) -> Option<String> {
        match self {
            Self::Condition(_) | Self::Reason(_) => None,
            Self::Finding(code) => Some(code.id()),
        }
    }

    /// What it means.
    pub fn meaning(&self) -> &'static str {
        match self {
            Self::Condition(kind) => kind.meaning,
            Self::Reason(reason) => reason.meaning(),
            Self::Finding(code) => code.summary(),
        }
    }

    /// What it does to traffic.
    pub fn effect(&self) -> &'static str {
        match self {
            Self::Condition(kind) => kind.effect,
            Self::Reason(reason) => reason.effect(),
            Self::Finding(code) => code.effect(),
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Condition(kind) => kind.remedy,
            Self::Reason(reason) => reason.remedy(),
            Self::Finding(code) => code.remedy(),
        }
    }

    /// The condition that it turns false, if any.
    fn turns_false(&self) -> Option<&'static str> {
        match self {
            Self::Condition(_) => None,
            Self::Reason(_) => Some(PROGRAMMED),
            Self::Finding(code) => match code.standing() {
                Standing::Accepted => Some(ACCEPTED),
                Standing::ResolvedRefs => Some(RESOLVED_REFS),
                Standing::None => None,
            },
        }
    }

    /// Whether it is found in manifests only, never in a cluster.
    fn is_offline(&self) -> bool {
        let offline = [Code::BrokenDocument, Code::DuplicateObject, Code::UnknownKind];
        matches!(self, Self::Finding(code) if offline.contains(code))
    }

    /// Where objects show it.
    fn shown(&self) -> String {
        match (self, self.turns_false()) {
            (Self::Condition(_), _) => "condition".to_owned(),
            (_, Some(condition)) => format!("reason of {condition}=False"),
            (_, None) if self.is_offline() => "report of the command line".to_owned(),
            (_, None) => "condition of its own, while it is so".to_owned(),
        }
    }
}

/// In the style of a finding of `lint`.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finding(code) => writeln!(
                f,
                "{}[{}]: {}",
                code.severity().as_str(),
                code.id(),
                code.reason()
            )?,
            Self::Condition(_) | Self::Reason(_) => writeln!(f, "{}", self.name())?,
        }
        writeln!(f, "  = shown as: {}", self.shown())?;
        for (what, text) in [
            ("meaning", self.meaning()),
            ("effect", self.effect()),
            ("help", self.remedy()),
        ] {
            // Markdown's way to quote what has backquotes itself
            writeln!(f, "  = {what}: {}", text.replace("``", ""))?;
        }
        Ok(())
    }
}

/// All entries, one a line.
pub fn list() -> String {
    let line = |entry: Entry| {
        let code = entry.code().unwrap_or_default();
        let severity = match entry {
            Entry::Finding(code) => code.severity().as_str(),
            Entry::Condition(_) => "condition",
            Entry::Reason(_) => "reason",
        };
        // up to the end of the first sentence: the rest is a word away
        let meaning = entry.meaning();
        let first = meaning
            .split_once(". ")
            .map_or_else(|| meaning.trim_end_matches('.'), |(first, _)| first);
        format!("{code:<8}  {severity:<9}  {:<24}  {first}\n", entry.name())
    };
    Entry::all().map(line).collect()
}

/// `error`, or what a finding may be in other cases.
fn severity(code: Code) -> &'static str {
    match (code, code.severity()) {
        (Code::UnsupportedFeature, _) => "error or warning",
        (Code::IgnoredField, _) => "warning or info",
        (_, Severity::Error) => "error",
        (_, Severity::Warning) => "warning",
        (_, Severity::Info) => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_in_any_case_by_code_and_by_name() {
        let found = |word| Entry::find(word).unwrap().name();
        assert_eq!(found("weir0020"), "BackendNotFound");
        assert_eq!(found("BACKENDNOTFOUND"), "BackendNotFound");
        assert_eq!(found("WaitingForProxies"), "WaitingForProxies");
        assert_eq!(found("ready"), "Ready");
        assert_eq!(
            Entry::find("WaitingForProxy").unwrap_err().as_deref(),
            Some("WaitingForProxies")
        );
        assert_eq!(Entry::find("weather"), Err(None));
    }

    #[test]
    fn each_entry_says_all_in_sentences() {
        for entry in Entry::all() {
            for text in [entry.meaning(), entry.effect(), entry.remedy()] {
                let ends = text.ends_with('.');
                assert!(ends && text.len() > 20 && !text.contains("  "), "{entry}");
            }
        }
    }

    #[test]
    fn an_entry_looks_like_a_finding() {
        let text = Entry::Finding(Code::StickyGap).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            &lines[..2],
            [
                "warning[WEIR0043]: StickyGap",
                "  = shown as: condition of its own, while it is so"
            ]
        );
        assert!(
            lines[3].starts_with("  = effect: ") && lines[4].starts_with("  = help: "),
            "{text}"
        );
    }

    #[test]
    fn the_list_has_a_line_for_each() {
        let list = list();
        assert_eq!(list.lines().count(), Entry::all().count());
        assert!(list.contains("WEIR0003  error      CycleDetected"), "{list}");
    }
}
