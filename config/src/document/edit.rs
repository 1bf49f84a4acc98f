//! Setting options and leaving everything else alone.

mod alike;
mod commented;
mod survey;
mod written;

use std::collections::BTreeMap;
use std::ops::Range;

use memchr::memchr;

use super::{Document, Kind, Line, Unwritable, Value};
use alike::Alike;
use survey::{Found, Survey};
use written::new_prefix;

/// An option and the values that it is to have.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'e> {
    /// Its section; `None` before the first one.
    pub section: Option<&'e str>,
    /// Its name. Both must have passed [`Grammar::check_name`](super::Grammar::check_name).
    pub option: &'e str,
    /// Its values.
    pub values: &'e [Value],
}

/// Lines, and those that come in their place.
type Splice<'a> = (Range<usize>, Vec<Line<'a>>);

impl<'a> Document<'a> {
    /// Gives an option these values, see [`set_all`](Self::set_all).
    pub fn set(
        &mut self,
        section: Option<&str>,
        option: &str,
        values: &[Value],
    ) -> Result<(), Unwritable> {
        let refused = self.set_all(&[Edit { section, option, values }]);
        refused.into_iter().next().map_or(Ok(()), |(_, why)| Err(why))
    }

    /// Gives options their values, in place where they stand already. No option comes twice.
    ///
    /// Otherwise its commented default makes room for an option; a new one goes to the end of its
    /// section, a new section to the end of the file. Values that are there already change nothing.
    /// What would not be read back as just this is refused, by the number of its edit: then nothing
    /// is changed.
    pub fn set_all(&mut self, edits: &[Edit<'_>]) -> Vec<(usize, Unwritable)> {
        let survey = Survey::of(self, edits);
        let alike = Alike::of(self, edits);
        let mut refused = Vec::new();
        let mut splices: Vec<Splice<'a>> = Vec::new();
        // By their numbers, which go by the first edit of each.
        let mut new: BTreeMap<usize, (&str, Vec<Line<'a>>)> = BTreeMap::new();
        for (number, (edit, found)) in edits.iter().zip(&survey.options).enumerate() {
            if let Err(why) = alike.check(edit).and_then(|()| self.grammar.check_place(edit)) {
                refused.push((number, why));
                continue;
            }
            let end = survey.sections[found.section].end;
            let result = if let (true, None, Some(name)) = (found.is_nowhere(), end, edit.section) {
                let lines = self.written(edit.option, edit.values, &new_prefix(edit.option), "");
                lines.map(|lines| {
                    new.entry(found.section).or_insert((name, Vec::new())).1.extend(lines);
                })
            } else {
                self.splice(edit, found, end.unwrap_or(self.lines.len()), &mut splices)
            };
            if let Err(why) = result {
                refused.push((number, why));
            }
        }
        if refused.is_empty() {
            self.apply(splices, new.into_values());
        }
        refused
    }

    /// What an option calls for that stands somewhere, or goes to the end of its section.
    fn splice(
        &self,
        edit: &Edit<'_>,
        found: &Found,
        end: usize,
        splices: &mut Vec<Splice<'a>>,
    ) -> Result<(), Unwritable> {
        if !found.places.is_empty() {
            return self.replace(&found.places, edit, splices);
        }
        let (place, prefix) = match found.commented_default() {
            Some(line) => (line..line + 1, self.uncommented_prefix(&self.lines[line].text)),
            None => (end..end, new_prefix(edit.option).into()),
        };
        let indent = self.grammar.indent(&self.lines, place.start);
        let prefix = if indent.is_empty() { prefix } else { format!("{indent}{prefix}").into() };
        splices.push((place, self.written(edit.option, edit.values, &prefix, "")?));
        Ok(())
    }

    /// Writes one value over each occurrence; more values follow the last, spare places go.
    fn replace(
        &self,
        places: &[Range<usize>],
        edit: &Edit<'_>,
        splices: &mut Vec<Splice<'a>>,
    ) -> Result<(), Unwritable> {
        let last = places.len() - 1;
        let spare = places.len().saturating_sub(edit.values.len());
        let first = if self.grammar.last_counts() { spare } else { 0 };
        for (index, place) in places.iter().enumerate() {
            let own = match index.checked_sub(first).and_then(|index| edit.values.get(index..)) {
                Some(rest) if index == last => rest,
                Some([first, ..]) => std::slice::from_ref(first),
                _ => &[],
            };
            let is_there =
                |value: &Value| value.is(&self.grammar.value(&self.lines[place.clone()]));
            match own {
                [first, more @ ..] if is_there(first) => {
                    if !more.is_empty() {
                        let lines =
                            self.written(edit.option, more, &new_prefix(edit.option), "")?;
                        splices.push((place.end..place.end, lines));
                    }
                }
                _ => {
                    let (prefix, suffix) = self.around_value(place.clone());
                    let lines = self.written(edit.option, own, &prefix, &suffix)?;
                    splices.push((place.clone(), lines));
                }
            }
        }
        Ok(())
    }

    /// Puts lines in the place of others, and new sections at the end. A last line without its end
    /// stays without one.
    fn apply<'n>(
        &mut self,
        mut splices: Vec<Splice<'a>>,
        sections: impl Iterator<Item = (&'n str, Vec<Line<'a>>)>,
    ) {
        let is_open = self.lines.last().is_some_and(|line| line.end.is_empty());
        let end = self.usual_end();
        // Most options take the place of their commented defaults, which moves nothing.
        splices.retain_mut(|(place, new)| {
            let fits = place.len() == new.len();
            if fits {
                self.lines[place.clone()].swap_with_slice(new);
            }
            !fits
        });
        if !splices.is_empty() {
            self.move_lines(splices);
        }
        for (name, new) in sections {
            self.push_section(name, new, end);
        }
        if is_open {
            self.keep_open(end);
        }
        self.keep_ends_apart();
    }

    /// Puts lines in the place of others, where they are more or fewer.
    fn move_lines(&mut self, mut splices: Vec<Splice<'a>>) {
        // What goes to the same place keeps its order.
        splices.sort_by_key(|(place, _)| place.start);
        let more: usize = splices.iter().map(|(_, new)| new.len()).sum();
        let mut old = std::mem::take(&mut self.lines).into_iter();
        self.lines.reserve(old.len() + more);
        let mut at = 0;
        for (place, new) in splices {
            self.lines.extend(old.by_ref().take(place.start - at));
            old.by_ref().take(place.len()).for_each(drop);
            self.lines.extend(new);
            at = place.end;
        }
        self.lines.extend(old);
    }

    fn push_section(&mut self, name: &str, options: Vec<Line<'a>>, end: &'static str) {
        let line = |text: String, kind| Line { text: text.into(), end, kind };
        if self.lines.last().is_some_and(|line| line.kind != Kind::Blank) {
            self.lines.push(line(String::new(), Kind::Blank));
        }
        let header = Kind::Section { name: (1, 1 + name.len()) };
        self.lines.push(line(format!("[{name}]"), header));
        self.lines.extend(options);
    }

    /// Leaves the last line without its end, and no other, in a file that was so.
    fn keep_open(&mut self, end: &'static str) {
        let is_last_open = self.lines.last().is_some_and(|line| line.end.is_empty());
        for line in self.lines.iter_mut().filter(|line| line.end.is_empty()) {
            line.end_with(end);
        }
        if is_last_open || self.may_end_openly() {
            // A blank line without its end would be none.
            if let Some(last) = self.lines.last_mut().filter(|last| !last.text.is_empty()) {
                last.end_with("");
            }
        }
    }

    /// A carriage return alone that ends a line, and the line feed of a blank line that has come to
    /// stand behind it, would be one end.
    fn keep_ends_apart(&mut self) {
        if memchr(b'\r', self.source.as_bytes()).is_none() {
            return;
        }
        let is_bare_feed = |line: &Line<'_>| line.text.is_empty() && line.end == "\n";
        let mut behind_is_feed = false;
        for line in self.lines.iter_mut().rev() {
            if behind_is_feed && line.end == "\r" {
                line.end_with("\r\n");
            }
            behind_is_feed = is_bare_feed(line);
        }
    }

    /// Whether the file may end without the end of its last line: for some readers, blanks there
    /// would be a part of the value then.
    fn may_end_openly(&self) -> bool {
        let text = self.text();
        let end = self.lines.last().map_or("", |line| line.end);
        self.grammar.lines(text.strip_suffix(end).unwrap_or(&text)).1.is_empty()
    }
}

#[cfg(test)]
mod tests;
