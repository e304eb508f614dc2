//! What differs between two texts.

/// Lines from the first to the last that differ: the expected ones after `-`, the found ones after `+`.
pub fn lines(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let start = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let same_end = expected[start..]
        .iter()
        .rev()
        .zip(found[start..].iter().rev())
        .take_while(|(a, b)| a == b);
    let end = same_end.count();
    let marked = |mark, lines: &[&str]| -> Vec<String> {
        lines[start..lines.len() - end]
            .iter()
            .map(|line| format!("{mark} {line}"))
            .collect()
    };
    let mut out = marked('-', &expected);
    out.extend(marked('+', &found));
    out.join("\n")
}
