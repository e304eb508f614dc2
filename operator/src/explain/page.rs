//! `docs/conditions.md`.

use std::fmt::Write as _;

use super::{Entry, severity};
use crate::{
    compile::finding::{Code, Standing},
    status::{ACCEPTED, ConditionType, NotProgrammed, PROGRAMMED, RESOLVED_REFS},
};

const HEAD: &str = "\
<!-- Made by `weir-operator explain --markdown`; `make gen` writes it. The texts are in operator/src/compile/code.rs and
     operator/src/status/catalogue.rs. -->

# Conditions, reasons and findings

weir writes into the status of every TraefikService, IngressRoute and ServersTransport whether it works, why not, and what
that does to traffic:

```
kubectl get traefikservices,ingressroutes -A        READY and its reason
kubectl describe traefikservice -n NAMESPACE NAME   all conditions with their messages, and Events
weir-operator explain REASON                        what this page says of one reason or code
```

A reason is one word, such as `BackendNotFound`. Most are a finding of the compiler, which has a number too (`WEIR0020`); the
same findings, with the same words, are in the output of `weir-operator lint`. While a condition is `True`, its reason is its own
name. Words and numbers are stable.

";

/// The page, in Markdown.
pub fn page() -> String {
    let mut out = HEAD.to_owned();
    table(&mut out);
    for kind in ConditionType::ALL {
        section(&mut out, 2, Entry::Condition(*kind));
        reasons(&mut out, kind.name);
    }
    out.push_str("## Why an object is not programmed\n\n");
    for reason in NotProgrammed::ALL {
        section(&mut out, 3, Entry::Reason(*reason));
    }
    for (title, standing, offline) in [
        ("Why an object is not accepted", Standing::Accepted, false),
        ("Why references are not resolved", Standing::ResolvedRefs, false),
        ("Warnings and information", Standing::None, false),
        ("In manifests only", Standing::None, true),
    ] {
        push(&mut out, &format!("## {title}\n\n"));
        for code in findings(standing) {
            let entry = Entry::Finding(code);
            if entry.is_offline() == offline {
                section(&mut out, 3, entry);
            }
        }
    }
    out.push_str(LAST);
    out
}

/// Every code, by number.
fn table(out: &mut String) {
    out.push_str("| code | reason | severity | shown as |\n| --- | --- | --- | --- |\n");
    for &code in Code::ALL {
        let (id, reason) = (code.id(), code.reason());
        let anchor = id.to_lowercase();
        let shown = Entry::Finding(code).shown();
        push(
            out,
            &format!(
                "| [{id}](#{anchor}) | {reason} | {} | {shown} |\n",
                severity(code)
            ),
        );
    }
    out.push('\n');
}

const LAST: &str = "\
## What no condition says

What the operator itself waits for, or cannot see, is in `/readyz` of its admin port, in its log and in the metric
`weir_watch`; see [operations.md](operations.md). Where the cluster has Traefik's own resource definitions, which have no
status, the same words are in Events.
";

fn findings(standing: Standing) -> impl Iterator<Item = Code> {
    let all = Code::ALL.iter().copied();
    all.filter(move |code| code.standing() == standing)
}

/// With anchors that no other heading changes: its name and, of a finding, its code.
fn section(out: &mut String, level: usize, entry: Entry) {
    if let Some(code) = entry.code() {
        push(out, &format!("<a id=\"{}\"></a>\n\n", code.to_lowercase()));
    }
    push(out, &format!("{} {}\n\n", "#".repeat(level), entry.name()));
    if let Entry::Finding(code) = entry {
        let (id, shown) = (code.id(), entry.shown());
        push(out, &format!("`{id}`, {}; shown as {shown}.\n\n", severity(code)));
    }
    push(out, &format!("{}\n\n", entry.meaning()));
    push(out, &format!("- **Traffic:** {}\n", entry.effect()));
    push(out, &format!("- **What to do:** {}\n\n", entry.remedy()));
}

/// Links to the reasons for which a condition of this type does not hold.
fn reasons(out: &mut String, kind: &str) {
    let standing = match kind {
        ACCEPTED => Standing::Accepted,
        RESOLVED_REFS => Standing::ResolvedRefs,
        _ => Standing::None,
    };
    let names: Vec<&str> = if kind == PROGRAMMED {
        NotProgrammed::ALL.iter().map(|reason| reason.as_str()).collect()
    } else if standing == Standing::None {
        return;
    } else {
        findings(standing).map(Code::reason).collect()
    };
    let links: Vec<_> = names
        .iter()
        .map(|name| format!("[{name}](#{})", name.to_lowercase()))
        .collect();
    push(
        out,
        &format!("Reasons while it is `False`: {}.\n\n", links.join(", ")),
    );
}

fn push(out: &mut String, text: &str) {
    // writing to a String cannot fail
    let _ = out.write_str(text);
}
