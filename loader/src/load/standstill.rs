//! When to give up: a store that takes none of the plans, and that nobody else writes to.

/// How many plans may be stale, one after the other, while no other loader writes.
pub(super) const MOST: usize = 25;

/// What a load leaves behind that has given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Nothing that agents wait for.
    Nothing,
    /// Part of a load, and there is a complete release to go back to.
    Undoable,
    /// Part of one that only another load ends.
    Replaceable,
}

impl Begun {
    /// What ends it, as the end of a sentence.
    pub(super) fn cure(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Undoable => "; what was begun is undone by: etcstack-loader load --abort",
            Self::Replaceable => "; what was begun is completed or replaced when you load again",
        }
    }
}

/// Counts the plans that a store has not taken since another loader has last written to it.
#[derive(Default)]
pub(super) struct Standstill {
    /// What the last of them was made from.
    generation: Option<Vec<u8>>,
    count: usize,
}

impl Standstill {
    /// Notes a plan that was stale. `is_own` tells generations that this loader has written itself:
    /// they are no progress.
    pub(super) fn note(&mut self, generation: Option<&Vec<u8>>, is_own: impl Fn(&[u8]) -> bool) {
        let is_same = generation == self.generation.as_ref()
            || generation.is_some_and(|generation| is_own(generation));
        self.count = if is_same { self.count + 1 } else { 1 };
        self.generation = generation.cloned();
    }

    /// Whether to try no more.
    pub(super) fn is_over(&self) -> bool {
        self.count >= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(generations: impl IntoIterator<Item = String>) -> Standstill {
        let mut standstill = Standstill::default();
        for generation in generations {
            let is_own = |generation: &[u8]| generation.starts_with(b"me ");
            standstill.note(Some(&generation.into_bytes()), is_own);
        }
        standstill
    }

    #[test]
    fn it_is_over_where_nobody_else_writes() {
        let same = |count| std::iter::repeat_n("other 1".to_owned(), count);
        assert!(noted(same(MOST)).is_over() && !noted(same(MOST - 1)).is_over());
        // In several transactions the first has happened each time.
        assert!(noted((0..MOST).map(|number| format!("me {number}"))).is_over());
        // Somebody gets on.
        assert!(!noted((0..10 * MOST).map(|number| format!("other {number}"))).is_over());
        assert!(!noted(same(MOST - 1).chain(["other 2".to_owned()])).is_over());
        // No loader has ever written.
        let mut none = Standstill::default();
        for _ in 0..MOST {
            none.note(None, |_| false);
        }
        assert!(none.is_over());
    }
}
