//! Lines that members of groups share: one for each set of members that something waits for. The
//! artifacts that wake a group differ in whom of it they wake, but mostly in few ways.
//!
//! Derived data, as the rest of the index.

use std::collections::BTreeMap;

use super::agenda::Line;
use crate::envelope::Members;
use crate::ids::AgentNo;

/// The number of such a line.
pub(super) type MemberLineNo = u32;

/// How many lines there may be before those are forgotten in which nothing is.
const LINES_KEPT: usize = 64;

#[derive(Clone, Debug, Default)]
pub(super) struct MemberLines {
    lines: BTreeMap<MemberLineNo, MemberLine>,
    numbers: BTreeMap<(AgentNo, Members), MemberLineNo>,
    next: MemberLineNo,
    /// How many lines there may be before the next look at which are empty.
    look_at: usize,
}

#[derive(Clone, Debug)]
pub(super) struct MemberLine {
    pub(super) group: AgentNo,
    /// Who may run what is in it.
    pub(super) members: Members,
    pub(super) line: Line,
}

impl MemberLines {
    pub(super) fn get(&self, no: MemberLineNo) -> Option<&MemberLine> {
        self.lines.get(&no)
    }

    pub(super) fn get_mut(&mut self, no: MemberLineNo) -> Option<&mut MemberLine> {
        self.lines.get_mut(&no)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The number of the line of these members of a group, which is made when there is none, and the
    /// lines that were forgotten to make room for it.
    pub(super) fn intern(
        &mut self,
        group: AgentNo,
        members: &[AgentNo],
    ) -> (MemberLineNo, Vec<(MemberLineNo, MemberLine)>) {
        let name = (group, Members::from(members));
        if let Some(no) = self.numbers.get(&name) {
            return (*no, Vec::new());
        }
        let forgotten = self.forget_empty();
        let no = self.next;
        self.next += 1;
        self.lines.insert(no, MemberLine { group, members: name.1.clone(), line: Line::default() });
        self.numbers.insert(name, no);
        (no, forgotten)
    }

    /// Forgets the lines in which nothing is, when there are many. Looked at again only when there are twice
    /// as many as are left, so that a look costs each line little.
    fn forget_empty(&mut self) -> Vec<(MemberLineNo, MemberLine)> {
        if self.lines.len() < self.look_at.max(LINES_KEPT) {
            return Vec::new();
        }
        let empty = self.lines.extract_if(.., |_, shared| shared.line.is_empty());
        let forgotten: Vec<_> = empty.collect();
        for (_, line) in &forgotten {
            self.numbers.remove(&(line.group, line.members.clone()));
        }
        self.look_at = 2 * self.lines.len();
        forgotten
    }
}
