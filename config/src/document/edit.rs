//! Setting an option and leaving everything else alone.

use std::ops::Range;

use super::value::strip_end;
use super::{Document, Kind, Line, Unwritable, Value, value};

impl<'a> Document<'a> {
    /// Gives an option these values, in place where it stands already.
    ///
    /// Otherwise its commented default makes room for it; a new option goes to the end of its
    /// section, a new section to the end of the file. Values that are there already change nothing.
    /// The names must have passed [`Grammar::check_name`](super::Grammar::check_name). What would
    /// not be read back as just this is refused, and changes nothing.
    pub fn set(
        &mut self,
        section: Option<&str>,
        option: &str,
        values: &[Value],
    ) -> Result<(), Unwritable> {
        let wanted = section.map(|section| self.grammar.normal_section(section).into_owned());
        let wanted = wanted.as_deref();
        let places = self.places(wanted, option);
        if !places.is_empty() {
            return self.replace(&places, option, values);
        }
        let own = self.prefix_of(option);
        if let Some(line) = self.commented_default(wanted, option) {
            let prefix = self.uncommented_prefix(&self.lines[line].text);
            let lines = self.written(option, values, &prefix, "")?;
            self.splice(line..line + 1, lines);
        } else if let Some(end) = self.end_of_section(wanted) {
            let lines = self.written(option, values, &own, "")?;
            self.splice(end..end, lines);
        } else if let Some(section) = section {
            let lines = self.written(option, values, &own, "")?;
            self.append_section(section, lines);
        }
        Ok(())
    }

    /// Walks through the lines that stand in a section, given in its normal form; `None` is what
    /// stands before the first one.
    fn inside(&self, wanted: Option<&str>) -> impl Iterator<Item = (usize, &Line<'a>)> {
        let mut inside = wanted.is_none();
        self.lines.iter().enumerate().filter(move |(_, line)| {
            if let Some(name) = line.section() {
                inside = wanted.is_some_and(|wanted| self.grammar.is_section(name, wanted));
            }
            inside
        })
    }

    /// The lines of each occurrence of an option.
    fn places(&self, wanted: Option<&str>, option: &str) -> Vec<Range<usize>> {
        let normal = self.grammar.normal_option(option);
        let is_it = |line: &Line<'_>| {
            line.option().is_some_and(|name| self.grammar.normal_option(name) == normal)
        };
        let found = self.inside(wanted).filter(|(_, line)| is_it(line));
        found.map(|(index, _)| index..self.end_of_option(index)).collect()
    }

    /// Writes one value over each occurrence; more values follow the last, spare places go.
    fn replace(
        &mut self,
        places: &[Range<usize>],
        option: &str,
        values: &[Value],
    ) -> Result<(), Unwritable> {
        let last = places.len() - 1;
        let mut changes = Vec::new();
        for (index, place) in places.iter().enumerate().rev() {
            let own = match values.get(index..) {
                Some(rest) if index == last => rest,
                Some([first, ..]) => std::slice::from_ref(first),
                _ => &[],
            };
            let (unchanged, more) = match own {
                [first, more @ ..] if self.value_at(place) == first.text() => (true, more),
                _ => (false, own),
            };
            if unchanged && !more.is_empty() {
                let lines = self.written(option, more, &self.prefix_of(option), "")?;
                changes.push((place.end..place.end, lines));
            } else if !unchanged {
                let (prefix, suffix) = self.around_value(place.start);
                changes.push((place.clone(), self.written(option, own, &prefix, &suffix)?));
            }
        }
        for (place, lines) in changes {
            self.splice(place, lines);
        }
        Ok(())
    }

    fn value_at(&self, place: &Range<usize>) -> String {
        self.grammar.value(&self.lines[place.clone()])
    }

    /// The name and separator of an option, as they stand, and what follows its value.
    fn around_value(&self, index: usize) -> (String, String) {
        let line = &self.lines[index];
        let Kind::Option { name, value: (start, end) } = line.kind else {
            return Default::default();
        };
        let text = &line.text;
        let prefix = if start == name.1 {
            // It stands without a separator.
            self.prefix_of(&text[..start])
        } else {
            prefix(text, start, end)
        };
        let suffix = if strip_end(&text[end..]).is_empty() { "" } else { &text[end..] };
        let blanks = &text[start..end];
        let blanks = if suffix.is_empty() { "" } else { &blanks[strip_end(blanks).len()..] };
        (prefix, format!("{blanks}{suffix}"))
    }

    /// The name and the separator of an option that is new.
    fn prefix_of(&self, option: &str) -> String {
        format!("{option} = ")
    }

    /// Where `#option = default` stands in a section. A commented section header ends the section
    /// for what is commented out after it. The generator writes no blank after the `#`, people do.
    fn commented_default(&self, wanted: Option<&str>, option: &str) -> Option<usize> {
        let normal = self.grammar.normal_option(option);
        let mut inside = true;
        let mut second_choice = None;
        for (index, line) in self.inside(wanted) {
            inside |= line.section().is_some();
            if !inside || line.kind != Kind::Comment {
                continue;
            }
            let text = line.text.trim_start().get(1..).unwrap_or_default().trim();
            if text.starts_with('[') && text.ends_with(']') {
                inside = false;
            } else if let Some(name) = self.commented_name(&line.text)
                && self.grammar.normal_option(name) == normal
            {
                if !line.text[1..].starts_with(' ') {
                    return Some(index);
                }
                if !is_prose(&line.text) {
                    second_choice = second_choice.or(Some(index));
                }
            }
        }
        second_choice
    }

    /// Behind the last line of the (last such) section, before the blank lines that end it and a
    /// comment that belongs to the next header.
    fn end_of_section(&self, wanted: Option<&str>) -> Option<usize> {
        let opens = |line: &Line<'_>| match (line.section(), wanted) {
            (Some(name), Some(wanted)) => self.grammar.is_section(name, wanted),
            _ => false,
        };
        let is_header = |line: &Line<'_>| line.section().is_some();
        let start = match wanted {
            Some(_) => self.lines.iter().rposition(opens)? + 1,
            None => 0,
        };
        let length = self.lines[start..].iter().position(is_header);
        let next = length.map_or(self.lines.len(), |length| start + length);
        let body = &self.lines[start..next];
        let is_comment = |line: &Line<'_>| line.kind == Kind::Comment;
        let is_blank = |line: &Line<'_>| line.kind == Kind::Blank;
        let comments = body.iter().rev().take_while(|line| is_comment(line)).count();
        let heads_next = length.is_some()
            && comments > 0
            && body.len() > comments
            && is_blank(&body[body.len() - comments - 1]);
        let body = if heads_next { &body[..body.len() - comments] } else { body };
        let blanks = body.iter().rev().take_while(|line| is_blank(line)).count();
        Some(start + body.len() - blanks)
    }

    /// The option of a comment `#name = default`; `None` where the comment is something else.
    fn commented_name<'c>(&self, comment: &'c str) -> Option<&'c str> {
        let text = comment.strip_prefix('#')?;
        let text = text.strip_prefix(' ').unwrap_or(text);
        let name = text[..text.find(self.grammar.separators())?].trim_end();
        let plain =
            !name.is_empty() && !name.contains(char::is_whitespace) && !name.starts_with('#');
        plain.then_some(name)
    }

    /// `#name = default` without its `#` and default.
    fn uncommented_prefix(&self, comment: &str) -> String {
        let text = comment.trim_start_matches(['#', ' ']);
        let start = text.find(self.grammar.separators()).map_or(text.len(), |at| at + 1);
        prefix(text, start, text.len())
    }

    fn append_section(&mut self, section: &str, option: Vec<Line<'a>>) {
        let mut lines = Vec::new();
        if self.lines.last().is_some_and(|line| line.kind != Kind::Blank) {
            lines.push(self.line(String::new(), Kind::Blank));
        }
        let name = (1, 1 + section.len());
        lines.push(self.line(format!("[{section}]"), Kind::Section { name }));
        lines.extend(option);
        let end = self.lines.len();
        self.splice(end..end, lines);
    }

    /// The lines of an option's values, as the reader takes them; the first one stands between what
    /// is there, the others have a prefix of their own.
    fn written(
        &self,
        option: &str,
        values: &[Value],
        prefix: &str,
        suffix: &str,
    ) -> Result<Vec<Line<'a>>, Unwritable> {
        let own = self.prefix_of(option);
        let mut lines = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let (prefix, suffix) = if index == 0 { (prefix, suffix) } else { (own.as_str(), "") };
            let text = value.written(self.grammar, prefix);
            let (first, more) = match text.split_once('\n') {
                Some((first, more)) => (first, Some(more)),
                None => (text.as_str(), None),
            };
            let more = more.map(|more| format!("\n{more}")).unwrap_or_default();
            let opening = self.grammar.opening();
            let text = format!("{opening}{first}{suffix}{more}");
            let (read, errors) = self.grammar.lines(&text);
            let read = read.get(usize::from(!opening.is_empty())..).unwrap_or_default();
            let [own, continuation @ ..] = read else { return Err(NOT_READ_BACK) };
            let is_it = own.option().is_some_and(|name| {
                self.grammar.normal_option(name) == self.grammar.normal_option(option)
            });
            let is_one = continuation.iter().all(|line| line.kind == Kind::Continuation);
            if !errors.is_empty() || !is_it || !is_one || self.grammar.value(read) != value.text() {
                return Err(NOT_READ_BACK);
            }
            let line = |line: &Line<'_>| self.line(line.text.clone().into_owned(), line.kind);
            lines.extend(read.iter().map(line));
        }
        Ok(lines)
    }

    /// A new line that ends as the file's lines do.
    fn line(&self, text: String, kind: Kind) -> Line<'a> {
        let end = self.lines.first().map(|line| line.end).filter(|end| !end.is_empty());
        Line { text: text.into(), end: end.unwrap_or("\n"), kind }
    }

    /// Puts lines in the place of others. A last line without its end stays without one.
    fn splice(&mut self, range: Range<usize>, mut new: Vec<Line<'a>>) {
        let at_end = range.end == self.lines.len();
        let open = at_end && self.lines.last().is_some_and(|line| line.end.is_empty());
        if open {
            if let Some(last) = new.last_mut() {
                last.end = "";
            } else if let Some(before) = range.start.checked_sub(1) {
                self.lines[before].end = "";
            }
            let end = self.line(String::new(), Kind::Blank).end;
            if range.is_empty()
                && let Some(last) = self.lines.last_mut()
            {
                last.end = end;
            }
        }
        self.lines.splice(range, new);
        // A blank line without its end is none.
        self.lines.pop_if(|last| last.text.is_empty() && last.end.is_empty());
    }
}

/// Never seen, as long as a grammar keeps its word.
const NOT_READ_BACK: Unwritable = Unwritable::Other("its reader would read something else");

/// Name and separator up to the value, with a blank after the separator if one has none to copy.
fn prefix(text: &str, start: usize, end: usize) -> String {
    let value = value::strip(&text[start..end]);
    if value.is_empty() {
        return format!("{} ", &text[..start]);
    }
    let blanks = text[start..end].find(value).unwrap_or(0);
    text[..start + blanks].to_owned()
}

/// Whether a comment with a blank after its `#` is a sentence about an option, not its default.
fn is_prose(comment: &str) -> bool {
    let Some((_, value)) = comment.split_once('=') else { return true };
    value.split_whitespace().count() > 1
}

#[cfg(test)]
mod tests;
