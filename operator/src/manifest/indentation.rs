//! Explains lines that are indented in a way that makes no sense.

use super::lines::Line;
use super::problem::Problem;
use super::source::Bytes;

/// A tab where only spaces may be, in `line` or (`further`) in the first line below that has one.
pub(super) fn tab(text: &str, base: usize, line: Line<'_>, further: bool) -> Option<Problem> {
    let mut lines = line.and_below(text).take(if further { usize::MAX } else { 1 });
    let (line, tab) = lines.find_map(|line| Some((line, line.indentation().find('\t')?)))?;
    let at = base + line.start + tab;
    Some(
        Problem::new(Bytes::new(at, at + 1), "a tab in the indentation")
            .help("YAML is indented with spaces only: replace the tab"),
    )
}

/// A field that stands deeper than the finished field above it, as `port` does below `- name: http` with two more
/// spaces: YAML takes it for a part of that field's text.
pub(super) fn too_deep(text: &str, base: usize, line: Line<'_>) -> Option<Problem> {
    let key = line.key()?;
    let (above, sibling) = line
        .above(text)
        .take(MAX_LINES)
        .find_map(|above| Some((above, above.key()?)))?;
    let finished = !sibling.value.is_empty() && !sibling.value.starts_with(['|', '>', '&', '{', '[', '#']);
    if !finished || key.column <= sibling.column {
        return None;
    }
    let place = |line: Line<'_>, column: usize, name: &str| {
        let start = base + line.start + column;
        Bytes::new(start, start + name.len())
    };
    Some(
        Problem::new(
            place(line, key.column, key.name),
            format!(
                "`{}` is indented deeper than its sibling key `{}`",
                key.name, sibling.name
            ),
        )
        .help(format!(
            "`{}` already has a value: start `{}` in column {}, right below it",
            sibling.name,
            key.name,
            sibling.column + 1
        ))
        .related(
            place(above, sibling.column, sibling.name),
            format!("`{}` starts in column {}", sibling.name, sibling.column + 1),
        ),
    )
}

/// A line whose indentation is that of no line above.
pub(super) fn between(text: &str, base: usize, line: Line<'_>) -> Option<Problem> {
    let indent = line.indent();
    let columns = open_columns(text, line);
    if columns.is_empty() || columns.contains(&indent) {
        return None;
    }
    let start = base + line.start + indent;
    let less = columns.iter().rfind(|&&column| column < indent);
    let more = columns.iter().find(|&&column| column > indent);
    let wanted = match (less, more) {
        (Some(less), Some(more)) => format!("{less} or {}", spaces(*more)),
        (Some(only), None) | (None, Some(only)) => spaces(*only),
        (None, None) => return None,
    };
    Some(
        Problem::new(
            Bytes::new(start, base + line.start + line.text.trim_end().len()),
            format!(
                "this line is indented by {}, like none of those above",
                spaces(indent)
            ),
        )
        .help(format!("indent it by {wanted}, like its siblings")),
    )
}

/// A line that is a list item among fields, or a field among list items.
pub(super) fn wrong_kind(text: &str, base: usize, line: Line<'_>) -> Option<Problem> {
    let indent = line.indent();
    let above = line
        .above(text)
        .take(MAX_LINES)
        .find(|above| above.indent() <= indent)
        .filter(|above| above.indent() == indent)?;
    let is_item = |line: Line<'_>| line.content().starts_with("- ") || line.content() == "-";
    let start = base + line.start + indent;
    let at = Bytes::new(start, base + line.start + line.text.trim_end().len());
    match (is_item(above), is_item(line)) {
        (false, true) => Some(
            Problem::new(at, "a list item stands among the fields of a mapping")
                .help("indent it below the key whose list it belongs to"),
        ),
        (true, false) => Some(
            Problem::new(at, "a field stands among the items of a list")
                .help("start it with `- `, or indent it like the fields of the item above"),
        ),
        _ => None,
    }
}

fn spaces(count: usize) -> String {
    format!("{count} space{}", if count == 1 { "" } else { "s" })
}

/// Explanations are for people: what is further up than this helps nobody.
const MAX_LINES: usize = 1000;

/// The columns in which a line may start after the lines above, in ascending order.
fn open_columns(text: &str, line: Line<'_>) -> Vec<usize> {
    let mut columns = Vec::new();
    let mut innermost = usize::MAX;
    for above in line.above(text).take(MAX_LINES) {
        let indent = above.indent();
        if indent < innermost {
            columns.extend(above.columns().into_iter().filter(|&column| column < innermost));
            innermost = indent;
        }
        if indent == 0 {
            break;
        }
    }
    columns.sort_unstable();
    columns
}
