//! Setting options and leaving everything else alone.

mod survey;
mod written;

use std::ops::Range;

use super::{Document, Kind, Line, Unwritable, Value};
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
        let mut refused = Vec::new();
        let mut splices: Vec<Splice<'a>> = Vec::new();
        let mut new: Vec<(usize, &str, Vec<Line<'a>>)> = Vec::new();
        for (number, (edit, found)) in edits.iter().zip(&survey.options).enumerate() {
            let others = || self.others(edit, edits);
            if let Err(why) = self.grammar.check_place(edit, &others) {
                refused.push((number, why));
                continue;
            }
            let end = survey.sections[found.section].end;
            let result = if let (true, None, Some(name)) = (found.is_nowhere(), end, edit.section) {
                let lines = self.written(edit.option, edit.values, &new_prefix(edit.option), "");
                lines.map(|lines| match new.iter_mut().find(|new| new.0 == found.section) {
                    Some((_, _, section)) => section.extend(lines),
                    None => new.push((found.section, name, lines)),
                })
            } else {
                let own = self.splices(edit, found, end.unwrap_or(self.lines.len()));
                own.map(|own| splices.extend(own))
            };
            if let Err(why) = result {
                refused.push((number, why));
            }
        }
        if refused.is_empty() {
            self.apply(splices, new.into_iter().map(|(_, name, lines)| (name, lines)));
        }
        refused
    }

    /// The options beside one in its section, as they stand or are to stand.
    fn others<'s>(&'s self, edit: &Edit<'_>, edits: &[Edit<'s>]) -> Vec<&'s str> {
        let normal =
            |name: Option<&str>| name.map(|name| self.grammar.normal_section(name).into_owned());
        let wanted = normal(edit.section);
        let mut inside = wanted.is_none();
        let mut names = Vec::new();
        for line in &self.lines {
            if let Some(name) = line.section() {
                inside = normal(Some(name)) == wanted;
            }
            names.extend(line.option().filter(|_| inside));
        }
        let new = edits.iter().filter(|other| normal(other.section) == wanted);
        names.extend(new.map(|other| other.option));
        let own = self.grammar.normal_option(edit.option);
        names.retain(|name| self.grammar.normal_option(name) != own);
        names
    }

    /// What an option calls for that stands somewhere, or goes to the end of its section.
    fn splices(
        &self,
        edit: &Edit<'_>,
        found: &Found,
        end: usize,
    ) -> Result<Vec<Splice<'a>>, Unwritable> {
        if !found.places.is_empty() {
            return self.replace(&found.places, edit);
        }
        let (place, prefix) = match found.commented_default() {
            Some(line) => (line..line + 1, self.uncommented_prefix(&self.lines[line].text)),
            None => (end..end, new_prefix(edit.option)),
        };
        let indent = self.grammar.indent(&self.lines, place.start);
        let prefix = if indent.is_empty() { prefix } else { format!("{indent}{prefix}") };
        Ok(vec![(place, self.written(edit.option, edit.values, &prefix, "")?)])
    }

    /// Writes one value over each occurrence; more values follow the last, spare places go.
    fn replace(
        &self,
        places: &[Range<usize>],
        edit: &Edit<'_>,
    ) -> Result<Vec<Splice<'a>>, Unwritable> {
        let last = places.len() - 1;
        let spare = places.len().saturating_sub(edit.values.len());
        let first = if self.grammar.last_counts() { spare } else { 0 };
        let mut splices = Vec::new();
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
                    let (prefix, suffix) = self.around_value(place.start);
                    let lines = self.written(edit.option, own, &prefix, &suffix)?;
                    splices.push((place.clone(), lines));
                }
            }
        }
        Ok(splices)
    }

    /// Puts lines in the place of others, and new sections at the end. A last line without its end
    /// stays without one.
    fn apply<'n>(
        &mut self,
        mut splices: Vec<Splice<'a>>,
        sections: impl Iterator<Item = (&'n str, Vec<Line<'a>>)>,
    ) {
        let is_open = self.lines.last().is_some_and(|line| line.end.is_empty());
        let usual_end = self.usual_end();
        // Most options take the place of their commented defaults, which moves nothing.
        splices.retain_mut(|(place, new)| {
            let fits = place.len() == new.len();
            if fits {
                self.lines[place.clone()].swap_with_slice(new);
            }
            !fits
        });
        // What goes to the same place keeps its order.
        splices.sort_by_key(|(place, _)| place.start);
        let mut old = std::mem::take(&mut self.lines).into_iter();
        let mut lines = Vec::with_capacity(old.len() + splices.len());
        let mut at = 0;
        for (place, new) in splices {
            lines.extend(old.by_ref().take(place.start - at));
            old.by_ref().take(place.len()).for_each(drop);
            lines.extend(new);
            at = place.end;
        }
        lines.extend(old);
        for (name, new) in sections {
            let line = |text: String, kind| Line { text: text.into(), end: usual_end, kind };
            if lines.last().is_some_and(|line: &Line<'_>| line.kind != Kind::Blank) {
                lines.push(line(String::new(), Kind::Blank));
            }
            lines.push(line(format!("[{name}]"), Kind::Section { name: (1, 1 + name.len()) }));
            lines.extend(new);
        }
        let is_last_open = lines.last().is_some_and(|line| line.end.is_empty());
        for line in lines.iter_mut().filter(|line| line.end.is_empty()) {
            line.end = usual_end;
        }
        self.lines = lines;
        if is_open && (is_last_open || self.may_end_openly()) {
            if let Some(last) = self.lines.last_mut() {
                last.end = "";
            }
            // A blank line without its end is none.
            self.lines.pop_if(|last| last.text.is_empty());
        }
    }

    /// Whether the file may end without the end of its last line: for some readers, blanks there
    /// would be a part of the value then.
    fn may_end_openly(&self) -> bool {
        let text = self.to_string();
        let end = self.lines.last().map_or("", |line| line.end);
        self.grammar.lines(text.strip_suffix(end).unwrap_or(&text)).1.is_empty()
    }
}

#[cfg(test)]
mod tests;
