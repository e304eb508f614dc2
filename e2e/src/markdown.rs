//! Pages in Markdown, whose examples tests run.

/// The fenced blocks of a page, each with its language, in the page's order.
pub fn blocks(page: &str) -> Vec<(&str, &str)> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("\n```") {
        let Some((language, after)) = after.split_once('\n') else {
            break;
        };
        let Some((block, after)) = after.split_once("```") else {
            break;
        };
        blocks.push((language, block));
        rest = after;
    }
    blocks
}

/// Commands of a block with the language `console`: lines that start with `$ `.
pub fn commands(block: &str) -> impl Iterator<Item = &str> {
    block.lines().filter_map(|line| line.strip_prefix("$ "))
}

/// A command's words, as a shell makes them of spaces and single quotes.
pub fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in command.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Where links of a page lead that are neither to other sites nor images: `docs/conditions.md#ready`.
pub fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1);
    let targets = targets.filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.filter(|target| !target.contains("://"))
}

/// What a link to a page may name behind its `#`: its headings, and anchors that are written.
pub fn anchors(page: &str) -> Vec<String> {
    let mut code = false;
    let mut anchors = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            code = !code;
        }
        if code {
            continue;
        }
        if let Some(name) = line
            .strip_prefix("<a id=\"")
            .and_then(|rest| rest.split('"').next())
        {
            anchors.push(name.to_owned());
        }
        if line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            anchors.push(kept.collect::<String>().replace(' ', "-"));
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_commands_are_found() {
        let page = "# A\n\n```sh\nmake\n```\n\n```\nplain\n```\n\n```console\n$ a b\nsaid\n$ c\n```\n";
        let blocks = blocks(page);
        assert_eq!(
            blocks,
            [
                ("sh", "make\n"),
                ("", "plain\n"),
                ("console", "$ a b\nsaid\n$ c\n")
            ]
        );
        assert_eq!(commands(blocks[2].1).collect::<Vec<_>>(), ["a b", "c"]);
    }

    #[test]
    fn quotes_keep_words_together() {
        assert_eq!(
            words("patch -p '[{\"op\": \"x\"}]' ''"),
            ["patch", "-p", "[{\"op\": \"x\"}]", ""]
        );
    }

    #[test]
    fn links_and_anchors_are_found() {
        let page = "# Of `A`, and B\n<a id=\"weir0001\"></a>\n```\n# no\n```\n[a](b.md#c) [d](https://example.com)\n";
        assert_eq!(anchors(page), ["of-a-and-b", "weir0001"]);
        assert_eq!(links(page).collect::<Vec<_>>(), ["b.md#c"]);
    }
}
