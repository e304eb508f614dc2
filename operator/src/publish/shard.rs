//! Spreading a table over several documents.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

/// The parts of a table, each with its number; a single one has none. An entry's part depends on its id
/// and on how many parts there are, on nothing else.
pub(super) fn split<K: Ord + Clone, V: Clone>(
    entries: &BTreeMap<K, V>,
    shards: u32,
    text: impl Fn(&K) -> &str,
) -> Vec<(Option<u32>, BTreeMap<K, V>)> {
    if shards < 2 {
        return vec![(None, entries.clone())];
    }
    let mut parts: Vec<_> = (0..shards).map(|shard| (Some(shard), BTreeMap::new())).collect();
    for (id, entry) in entries {
        let (_, part) = &mut parts[shard_of(text(id), shards)];
        part.insert(id.clone(), entry.clone());
    }
    parts
}

fn shard_of(id: &str, shards: u32) -> usize {
    let hash = Sha256::digest(id);
    let head = hash
        .iter()
        .take(8)
        .fold(0, |head: u64, byte| head << 8 | u64::from(*byte));
    (head % u64::from(shards)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_entry_is_in_one_part_and_no_part_is_missing() {
        let entries: BTreeMap<String, usize> = (0..1000).map(|i| (format!("apps/svc{i}:80"), i)).collect();
        let parts = split(&entries, 4, |id| id);
        assert_eq!(
            parts.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(),
            [0, 1, 2, 3].map(Some)
        );
        assert!(parts.iter().all(|(_, part)| part.len() > 200));
        let together: BTreeMap<_, _> = parts.into_iter().flat_map(|(_, part)| part).collect();
        assert_eq!(together, entries);
        assert_eq!(split(&entries, 1, |id| id), [(None, entries.clone())]);
        assert_eq!(split(&entries, 0, |id| id), [(None, entries)]);
    }

    #[test]
    fn an_entry_stays_in_its_part_when_others_come_and_go() {
        let entries: BTreeMap<String, usize> = (0..100).map(|i| (format!("apps/svc{i}:80"), i)).collect();
        let fewer: BTreeMap<String, usize> = entries.clone().into_iter().step_by(3).collect();
        for ((_, all), (_, some)) in split(&entries, 3, |id| id).iter().zip(split(&fewer, 3, |id| id)) {
            assert!(some.keys().all(|id| all.contains_key(id)));
        }
    }
}
