//! Findings with their places, and how they are printed.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
};

use super::{input::Input, stranger::Stranger};
use crate::{
    compile::finding::{Code, Finding, Severity},
    manifest::{ManifestObject, Part, Span},
    render::{
        Place, Report,
        snippet::{self, Style},
    },
};

/// Everything there is to report about an input, in the order of files and lines.
pub(super) struct Reports<'a> {
    input: &'a Input,
    findings: &'a [Finding],
    codes: Vec<String>,
    /// Of documents and objects that never reach the compiler.
    broken_code: String,
    stranger_code: String,
}

/// How many findings of each severity there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub errors: usize,
    pub warnings: usize,
    pub infos: usize,
}

impl<'a> Reports<'a> {
    pub fn new(input: &'a Input, findings: &'a [Finding]) -> Self {
        let codes = findings.iter().map(|finding| finding.code.id()).collect();
        Self {
            input,
            findings,
            codes,
            broken_code: Code::BrokenDocument.id(),
            stranger_code: Code::UnknownKind.id(),
        }
    }

    /// The views to be rendered, in the order of the text.
    pub fn views(&self) -> Vec<Report<'_>> {
        let broken = self.input.manifests.broken.iter().map(|broken| {
            let file = self.input.manifests.files.get(broken.file);
            let place = |span: Span| {
                file.map(|file| Place {
                    file: &file.name,
                    text: &file.text,
                    span,
                })
            };
            let related = broken
                .related
                .iter()
                .filter_map(|(span, what)| Some((place(*span)?, what.clone())));
            Report {
                severity: Severity::Error,
                code: &self.broken_code,
                reason: Code::BrokenDocument.reason(),
                message: &broken.message,
                label: None,
                object: String::new(),
                field: String::new(),
                place: place(broken.span),
                related: related.collect(),
                effect: Some("nothing in this document takes effect"),
                help: broken.help.as_deref().into_iter().collect(),
            }
        });
        let mut views: Vec<Report<'_>> = broken.collect();
        views.extend(
            self.findings
                .iter()
                .zip(&self.codes)
                .map(|(finding, code)| self.view(finding, code)),
        );
        views.extend(
            self.input
                .strangers
                .iter()
                .filter_map(|stranger| self.stranger(stranger)),
        );
        let files = self.input.manifests.files.iter().enumerate();
        let order: BTreeMap<&str, usize> = files.map(|(i, file)| (file.name.as_str(), i)).collect();
        views.sort_by_key(|view| view.place.map(|place| (order.get(place.file), place.span.start)));
        views
    }

    fn stranger<'s>(&'s self, stranger: &'s Stranger) -> Option<Report<'s>> {
        let manifest = self.input.manifests.objects.get(stranger.manifest)?;
        Some(Report {
            severity: stranger.severity,
            code: &self.stranger_code,
            reason: Code::UnknownKind.reason(),
            message: &stranger.message,
            label: None,
            object: String::new(),
            field: stranger.field.to_string(),
            place: Some(at(manifest, manifest.span(&stranger.field, Part::Value))),
            related: Vec::new(),
            effect: Some("the object is passed over"),
            help: stranger.help.as_deref().into_iter().collect(),
        })
    }

    fn view<'s>(&'s self, finding: &'s Finding, code: &'s str) -> Report<'s> {
        let manifest = self.input.manifest(&finding.object);
        let place = manifest.map(|manifest| place(manifest, finding));
        let mut related: Vec<_> = finding
            .related
            .iter()
            .filter_map(|(object, field, what)| {
                let manifest = self.input.manifest(object)?;
                Some((at(manifest, manifest.span(field, Part::Value)), what.clone()))
            })
            .collect();
        if finding.code == Code::DuplicateObject
            && let Some((first, _)) = self.input.duplicate(&finding.object)
        {
            related.push((
                at(first, first.span(&finding.field, Part::Key)),
                "defined first here".to_owned(),
            ));
        }
        Report {
            severity: finding.severity,
            code,
            reason: finding.code.reason(),
            message: &finding.message,
            label: None,
            object: finding.object.to_string(),
            field: finding.field.to_string(),
            place,
            related,
            effect: Some(finding.effect.as_str()).filter(|effect| !effect.is_empty()),
            help: finding.help.as_deref().into_iter().collect(),
        }
    }

    /// How many there are, broken documents included.
    pub fn counts(&self) -> Counts {
        let findings = self.findings.iter().map(|finding| finding.severity);
        let all = findings.chain(self.input.strangers.iter().map(|stranger| stranger.severity));
        let count = |wanted| all.clone().filter(|severity| *severity == wanted).count();
        Counts {
            errors: count(Severity::Error) + self.input.manifests.broken.len(),
            warnings: count(Severity::Warning),
            infos: count(Severity::Info),
        }
    }

    /// Prints them for people, each with a blank line behind it; with colours on a terminal, unless
    /// `NO_COLOR` is set (no-color.org).
    pub fn print(&self, out: &mut (impl io::Write + IsTerminal)) -> io::Result<()> {
        let coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let style = if coloured { Style::Coloured } else { Style::Plain };
        for view in self.views() {
            snippet::write(out, &view, style)?;
            writeln!(out)?;
        }
        Ok(())
    }
}

fn at(manifest: &ManifestObject, span: Span) -> Place<'_> {
    let source = manifest.source();
    Place {
        file: &source.name,
        text: &source.text,
        span,
    }
}

fn place<'a>(manifest: &'a ManifestObject, finding: &Finding) -> Place<'a> {
    let span = match finding.within {
        Some((start, end)) => manifest.span_within(&finding.field, &(start..end)),
        // of an unknown field it is the name that matters
        None if finding.code == Code::UnknownField => manifest.span(&finding.field, Part::Key),
        None => manifest.span(&finding.field, Part::Value),
    };
    at(manifest, span)
}

impl Counts {
    /// `1 error, 2 warnings`; nothing when there are none.
    pub fn summary(self) -> Option<String> {
        let counted = [
            (self.errors, "error"),
            (self.warnings, "warning"),
            (self.infos, "note"),
        ];
        let parts: Vec<String> = counted
            .iter()
            .filter(|(n, _)| *n > 0)
            .map(|(n, what)| format!("{n} {what}{}", if *n == 1 { "" } else { "s" }))
            .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}
