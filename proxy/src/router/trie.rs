//! A blind trie over sorted texts: the longest text with which a key starts, in a few steps.
//!
//! A node only knows which byte of the key to look at next; what stands before that byte is not compared on the
//! way down. If some text is a prefix of the key, then the key agrees with it at every byte that the walk looks
//! at within its length, so the walk comes by its node. Where it goes from there may be wrong, but only to texts
//! that begin with it. So the walk's result is that text or a longer one, to be compared once, as a whole.

/// The trie; texts are known by their index.
#[derive(Debug)]
pub(super) struct Trie {
    /// The root, then for each node the cells of its children: one for each byte from the least to the greatest
    /// that leads to a child.
    cells: Box<[Cell]>,
    /// Where walks start: the root, or its only child.
    start: u32,
}

/// A node, or a gap between the children of one.
#[derive(Debug, Clone, Copy)]
struct Cell {
    /// Whose child it is. Also tells that a byte leads nowhere: to a gap or to another node's child.
    parent: u32,
    /// The position of the byte that chooses the child; as many bytes lead here.
    position: u32,
    /// Where the child for byte 0 would be, modulo 2³².
    base: u32,
    /// The longest text that ends here or above, or [`NONE`].
    text: u32,
}

const NONE: u32 = u32::MAX;

impl Trie {
    /// Builds it over texts that are sorted, distinct and not empty.
    pub(super) fn build(texts: &[&str]) -> Self {
        let mut growing = Growing {
            nodes: vec![GrowingNode::default()],
            last: vec![0],
        };
        let mut previous = "";
        for (index, text) in texts.iter().enumerate() {
            growing.add(previous.as_bytes(), text.as_bytes(), index as u32);
            previous = text;
        }
        growing.freeze()
    }

    /// The longest text with which `key` starts, if there is one, or a text that in turn starts with that.
    pub(super) fn near(&self, key: &[u8]) -> Option<usize> {
        let mut at = self.start;
        let mut cell = self.cells.get(at as usize)?;
        while let Some(byte) = key.get(cell.position as usize) {
            let next = cell.base.wrapping_add(u32::from(*byte));
            match self.cells.get(next as usize) {
                Some(child) if child.parent == at => (at, cell) = (next, child),
                _ => break,
            }
        }
        (cell.text != NONE).then_some(cell.text as usize)
    }
}

/// A trie to which texts are added in their order.
struct Growing {
    nodes: Vec<GrowingNode>,
    /// The nodes from the root down to the last text.
    last: Vec<usize>,
}

#[derive(Default)]
struct GrowingNode {
    position: usize,
    text: Option<u32>,
    /// In the order of their bytes.
    children: Vec<(u8, usize)>,
}

impl Growing {
    fn add(&mut self, previous: &[u8], text: &[u8], index: u32) {
        let common = common_prefix(previous, text);
        let mut below = None;
        // ends at the root, whose position is 0, at the latest
        while self.nodes[self.above()].position > common {
            below = self.last.pop();
        }
        let above = self.above();
        if let Some(below) = below.filter(|_| self.nodes[above].position < common) {
            // the two part between two nodes: one is put there
            let branch = self.insert(common, self.nodes[above].text);
            self.nodes[above].children.pop();
            self.attach(above, previous[self.nodes[above].position], branch);
            self.attach(branch, previous[common], below);
            self.last.push(branch);
        }
        let leaf = self.insert(text.len(), Some(index));
        self.attach(self.above(), text[common], leaf);
        self.last.push(leaf);
    }

    fn above(&self) -> usize {
        self.last.last().copied().unwrap_or(0)
    }

    fn insert(&mut self, position: usize, text: Option<u32>) -> usize {
        self.nodes.push(GrowingNode {
            position,
            text,
            children: Vec::new(),
        });
        self.nodes.len() - 1
    }

    fn attach(&mut self, parent: usize, byte: u8, child: usize) {
        self.nodes[parent].children.push((byte, child));
    }

    fn freeze(self) -> Trie {
        let gap = Cell {
            parent: NONE,
            position: 0,
            base: 0,
            text: NONE,
        };
        let mut cells = vec![gap];
        let mut placed = vec![(0, 0)];
        while let Some((node, at)) = placed.pop() {
            let GrowingNode {
                position,
                text,
                children,
            } = &self.nodes[node];
            let first = cells.len();
            let low = children.first().map_or(0, |(byte, _)| *byte);
            let base = (first as u32).wrapping_sub(u32::from(low));
            cells[at] = Cell {
                position: *position as u32,
                base,
                text: text.unwrap_or(NONE),
                ..cells[at]
            };
            for (byte, child) in children {
                let place = first + usize::from(byte - low);
                cells.resize(place, gap);
                cells.push(Cell {
                    parent: at as u32,
                    ..gap
                });
                placed.push((*child, place));
            }
        }
        // an only child of the root lies directly after it
        let start = u32::from(self.nodes[0].children.len() == 1);
        Trie {
            cells: cells.into(),
            start,
        }
    }
}

/// How many bytes two texts have in common at their start.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// What [`Trie::near`] promises, checked against all texts.
    fn check(texts: &BTreeSet<String>, key: &str) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let near = Trie::build(&texts).near(key.as_bytes()).map(|index| texts[index]);
        let longest = texts
            .iter()
            .filter(|text| key.starts_with(**text))
            .max_by_key(|text| text.len());
        if let Some(longest) = longest {
            assert!(
                near.is_some_and(|near| near.starts_with(longest)),
                "{texts:?}: {key} is near {near:?}"
            );
        }
    }

    #[test]
    fn texts_within_texts_are_found() {
        let texts = ["/", "/a", "/ab", "/abcd", "/abce", "/b"]
            .map(String::from)
            .into();
        for key in [
            "", "/", "/a", "/ab", "/abc", "/abcd", "/abcz", "/abce/x", "/z", "x",
        ] {
            check(&texts, key);
        }
        check(&BTreeSet::new(), "/a");
    }

    proptest! {
        #[test]
        fn the_longest_prefix_is_on_the_way(
            texts in proptest::collection::btree_set("/[ab/]{0,5}|[a-cé]{1,3}", 0..20),
            key in "/?[abcé/]{0,8}",
        ) {
            check(&texts, &key);
        }
    }
}
