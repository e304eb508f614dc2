//! What comes of a case, as text.

use std::fmt::Write as _;

use weir_model::document::text;
use weir_operator::compile::{
    finding::{Code, Finding},
    report::State,
};

use super::case::Case;

/// The files of a case and what stands in them.
pub fn all(case: &Case) -> [(&'static str, String); 4] {
    [
        ("config.json", text::write(&*case.compilation.config).unwrap().0),
        (
            "endpoints.json",
            text::write(&*case.compilation.endpoints).unwrap().0,
        ),
        ("findings.txt", findings(case)),
        ("reports.txt", reports(case)),
    ]
}

/// Broken documents, objects that stand there twice, and the findings.
fn findings(case: &Case) -> String {
    let mut out = String::new();
    for broken in &case.manifests.broken {
        let code = Code::BrokenDocument;
        let (line, column) = (broken.span.line, broken.span.column);
        write!(
            out,
            "{} {} error\n  line {line}, column {column}\n",
            code.id(),
            code.reason()
        )
        .unwrap();
        paragraph(&mut out, "message", Some(&broken.message));
        paragraph(&mut out, "help", broken.help.as_deref());
        if let Some((span, what)) = &broken.related {
            paragraph(&mut out, "related", Some(&format!("line {}: {what}", span.line)));
        }
        out.push('\n');
    }
    for id in &case.twice {
        write!(out, "{id} stands there twice\n\n").unwrap();
    }
    let blocks: Vec<String> = case.compilation.findings.iter().map(finding).collect();
    out + &blocks.join("\n")
}

fn finding(finding: &Finding) -> String {
    let (code, severity) = (finding.code, finding.severity.as_str());
    let mut out = format!(
        "{} {} {severity}\n  {}\n",
        code.id(),
        code.reason(),
        finding.object
    );
    let within = finding
        .within
        .map(|(start, end)| format!(", bytes {start} to {end}"))
        .unwrap_or_default();
    paragraph(&mut out, "field", Some(&format!("{}{within}", finding.field)));
    paragraph(&mut out, "message", Some(&finding.message));
    paragraph(&mut out, "effect", Some(&finding.effect));
    paragraph(&mut out, "help", finding.help.as_deref());
    for (object, field, what) in &finding.related {
        paragraph(&mut out, "related", Some(&format!("{object} {field}: {what}")));
    }
    out
}

fn paragraph(out: &mut String, title: &str, text: Option<&str>) {
    if let Some(text) = text {
        writeln!(out, "  {title}: {text}").unwrap();
    }
}

fn reports(case: &Case) -> String {
    let mut out = String::new();
    let reports = &case.compilation.reports;
    for (name, report) in &reports.services {
        let kind = report.kind.unwrap_or("nothing");
        let leaves = report.leaves;
        write!(
            out,
            "TraefikService {name}: {}, {kind}, leaves: {leaves}",
            state(report.state)
        )
        .unwrap();
        if let Some(revision) = report.revision {
            write!(out, ", revision {revision}").unwrap();
        }
        let users: Vec<String> = report.used_by.iter().map(ToString::to_string).collect();
        writeln!(out, ", used by: {}", users.join(", ")).unwrap();
    }
    for (name, report) in &reports.ingress_routes {
        let hosts: Vec<&str> = report.hosts.iter().map(String::as_str).collect();
        writeln!(out, "IngressRoute {name}: hosts: {}", hosts.join(", ")).unwrap();
        for route in &report.routes {
            writeln!(out, "  {:?}: {}", route.rule, state(route.state)).unwrap();
        }
    }
    for (id, entry) in &case.compilation.secrets.entries {
        // what is there, never its content
        writeln!(out, "{id}: {entry:?}").unwrap();
    }
    out
}

fn state(state: State) -> String {
    match state {
        State::Served => "served".to_owned(),
        State::LastGood(generation) => format!("last accepted generation {generation} served"),
        State::Unavailable => "answers 503".to_owned(),
        State::NotServed => "not served".to_owned(),
    }
}
