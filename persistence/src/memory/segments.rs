//! A list that only grows, in segments of equal length: what is in it never moves, so a long list
//! costs no copy of all of it whenever it outgrows its memory.

use std::ops::Index;

/// How many items a segment has.
const SEGMENT_LEN: usize = 1_024;

/// A list that only grows.
pub(super) struct Segments<T> {
    /// All but the last are full.
    segments: Vec<Vec<T>>,
}

impl<T> Default for Segments<T> {
    fn default() -> Self {
        Self { segments: Vec::new() }
    }
}

impl<T> Segments<T> {
    pub(super) fn len(&self) -> usize {
        let full = self.segments.len().saturating_sub(1);
        full * SEGMENT_LEN + self.segments.last().map_or(0, Vec::len)
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.segments.get(index / SEGMENT_LEN)?.get(index % SEGMENT_LEN)
    }

    pub(super) fn push(&mut self, item: T) {
        match self.segments.last_mut() {
            Some(last) if last.len() < SEGMENT_LEN => last.push(item),
            // The first one grows as it has to, since most lists are short.
            None => self.segments.push(vec![item]),
            Some(_) => {
                let mut segment = Vec::with_capacity(SEGMENT_LEN);
                segment.push(item);
                self.segments.push(segment);
            }
        }
    }

    /// The items from an index on.
    pub(super) fn from(&self, start: usize) -> impl Iterator<Item = &T> {
        let (segment, offset) = (start / SEGMENT_LEN, start % SEGMENT_LEN);
        self.segments.iter().skip(segment).flatten().skip(offset)
    }

    /// How many items there are before the first for which `before` is false, where all such items
    /// come first.
    pub(super) fn partition_point(&self, before: impl Fn(&T) -> bool) -> usize {
        let full = self.segments.partition_point(|segment| segment.last().is_some_and(&before));
        let within = self.segments.get(full).map_or(0, |segment| segment.partition_point(before));
        // The last segment may be before it all without being full.
        (full * SEGMENT_LEN + within).min(self.len())
    }

    /// The item with this key, where items ascend by it.
    pub(super) fn find<K: Ord>(&self, key: &K, of: impl Fn(&T) -> K) -> Option<&T> {
        let found = self.get(self.partition_point(|item| of(item) < *key))?;
        (of(found) == *key).then_some(found)
    }
}

impl<T> Index<usize> for Segments<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.segments[index / SEGMENT_LEN][index % SEGMENT_LEN]
    }
}

impl<T> Extend<T> for Segments<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_list_whatever_its_length() {
        for len in [0, 1, SEGMENT_LEN - 1, SEGMENT_LEN, SEGMENT_LEN + 1, 3 * SEGMENT_LEN] {
            let mut list = Segments::default();
            list.extend((0..len).map(|item| item * 2));
            assert_eq!(list.len(), len);
            for index in [0, 1, len / 2, len.saturating_sub(1), len, len + SEGMENT_LEN] {
                assert_eq!(list.get(index).copied(), (index < len).then_some(index * 2));
                assert!(list.from(index).copied().eq((index..len).map(|item| item * 2)));
                assert_eq!(list.partition_point(|&item| item < index * 2), index.min(len));
                let found = list.find(&(index * 2), |&item| item);
                assert_eq!(found.copied(), (index < len).then_some(index * 2));
                assert_eq!(list.find(&(index * 2 + 1), |&item| item), None);
            }
        }
    }
}
