//! A bounded list whose entries are found by id.

use std::collections::BTreeMap;

use super::ENTRIES_KEPT_MAX;

/// Entries in order of arrival, and where each id stands.
#[derive(Debug)]
pub(super) struct Kept<T> {
    next: u64,
    by_arrival: BTreeMap<u64, (String, T)>,
    arrival_of: BTreeMap<String, u64>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { next: 0, by_arrival: BTreeMap::new(), arrival_of: BTreeMap::new() }
    }
}

impl<T> Kept<T> {
    /// An entry with a known id takes the place of the earlier one.
    pub(super) fn insert(&mut self, id: &str, entry: T) {
        if let Some(known) = self.get_mut(id) {
            *known = entry;
            return;
        }
        self.arrival_of.insert(id.to_owned(), self.next);
        self.by_arrival.insert(self.next, (id.to_owned(), entry));
        self.next += 1;
        while self.by_arrival.len() > ENTRIES_KEPT_MAX {
            if let Some((_, (oldest, _))) = self.by_arrival.pop_first() {
                self.arrival_of.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        let arrival = self.arrival_of.get(id)?;
        self.by_arrival.get(arrival).map(|(_, entry)| entry)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        let arrival = self.arrival_of.get(id)?;
        self.by_arrival.get_mut(arrival).map(|(_, entry)| entry)
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &T> {
        self.by_arrival.values().rev().map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_id_keeps_its_place() {
        let mut kept = Kept::default();
        kept.insert("a", 1);
        kept.insert("b", 2);
        kept.insert("a", 3);
        assert_eq!(kept.get("a"), Some(&3));
        assert_eq!(kept.newest_first().copied().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(kept.get("c"), None);
    }
}
