//! Cycles: every member is refused, and told the way.

use super::Choice;
use crate::compile::{
    finding::{Code, Finding},
    graph::{cyclic_groups_below, way_back},
};

/// Steps that the searches for cycle paths may take together each time.
const PATH_BUDGET: usize = 5_000_000;

/// Members of a cycle that a message names before it cuts.
const PATH_SHOWN: usize = 12;

impl Choice<'_> {
    /// Refuses current forms that lie on a cycle through one of the `changed`. Which ones?
    pub(super) fn refuse_cycles(&mut self, changed: &[usize], findings: &mut Vec<Finding>) -> Vec<usize> {
        let mut budget = PATH_BUDGET;
        let mut refused = Vec::new();
        for group in cyclic_groups_below(&self.graph, changed.iter().copied()) {
            let is_current = |i: &usize| self.candidates[*i].current.is_some();
            let current: Vec<usize> = group.iter().copied().filter(is_current).collect();
            for &member in &current {
                let path = way_back(&self.graph, member, &mut budget);
                findings.push(self.cycle_finding(&group, member, path.as_deref()));
            }
            // the previous config has no cycles, but nothing may depend on that
            refused.extend(if current.is_empty() { group } else { current });
        }
        for &i in &refused {
            self.refuse(i);
        }
        refused
    }

    /// `path` leads from the member back to itself, if one was found within the budget.
    fn cycle_finding(&self, group: &[usize], member: usize, path: Option<&[usize]>) -> Finding {
        let name = |i: usize| self.name(i);
        let (message, next) = match path {
            Some(path) if path.len() <= PATH_SHOWN => (self.path_text(path), path.get(1)),
            Some(path) => {
                let (first, last) = (&path[..PATH_SHOWN - 3], &path[path.len() - 2..]);
                let cut = path.len() - first.len() - last.len();
                let text = format!(
                    "{} -> … {cut} more … -> {}",
                    self.path_text(first),
                    self.path_text(last)
                );
                (text, path.get(1))
            }
            None => (
                format!(
                    "{0} -> … -> {0}, among {1} that reach each other",
                    name(member),
                    group.len()
                ),
                self.graph[member]
                    .iter()
                    .find(|to| group.binary_search(to).is_ok()),
            ),
        };
        let field = next.and_then(|next| {
            let references = self.candidates[member].current.as_ref()?.shape.references();
            references
                .filter(|r| r.traefik_service() == Some(name(*next)))
                .map(|r| r.field.key("name"))
                .next()
        });
        let keeps_old = path
            .into_iter()
            .flatten()
            .find(|i| **i != member && self.candidates[**i].current.is_none())
            .map(|i| format!("; {} is part of it with its last accepted generation", name(*i)));
        let message = format!(
            "the references form a cycle: {message}{}",
            keeps_old.unwrap_or_default()
        );
        let mut finding = Finding::new(
            self.candidates[member].id.clone(),
            field.unwrap_or_default(),
            Code::CycleDetected,
            message,
        )
        .help("remove one of these references");
        for pair in path
            .into_iter()
            .flat_map(|path| path.windows(2))
            .skip(1)
            .take(PATH_SHOWN)
        {
            let from = &self.candidates[pair[0]];
            let mut references = from.current.iter().flat_map(|form| form.shape.references());
            if let Some(reference) = references.find(|r| r.traefik_service() == Some(name(pair[1]))) {
                let what = format!("{} refers to {}", from.id.name, name(pair[1]));
                finding = finding.related(from.id.clone(), reference.field.key("name"), what);
            }
        }
        finding
    }

    fn path_text(&self, path: &[usize]) -> String {
        path.iter()
            .map(|i| self.name(*i).to_string())
            .collect::<Vec<_>>()
            .join(" -> ")
    }
}
