//! The list of the fields of Traefik.

use std::collections::{BTreeMap, BTreeSet};

const LIST: &str = include_str!("../upstream_fields.txt");

/// The lines of each section of the upstream list, with what stands for the shared section put in its place.
pub(super) fn fields() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut sections: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut current = "";
    for line in LIST
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            Some(section) => current = section,
            None => sections.entry(current).or_default().push(line),
        }
    }
    let shared = sections["ServiceRef"].clone();
    let expand = |line: &str| match line.strip_suffix(".* ServiceRef") {
        Some(path) => shared.iter().map(|field| format!("{path}.{field}")).collect(),
        None => vec![line.to_owned()],
    };
    let expanded = |lines: Vec<&str>| lines.into_iter().flat_map(expand).collect();
    sections
        .into_iter()
        .map(|(section, lines)| (section, expanded(lines)))
        .collect()
}
