//! Setting an option and leaving everything else alone.

use std::ops::Range;

use super::{Document, Kind, Line, Value, normal_section, value};

impl<'a> Document<'a> {
    /// Gives an option these values, in place where it stands already.
    ///
    /// Otherwise its commented default makes room for it; a new option goes to the end of its
    /// section, a new section to the end of the file. Values that are there already change nothing.
    /// The names must have passed [`check_name`](super::check_name).
    pub fn set(&mut self, section: &str, option: &str, values: &[Value]) {
        let wanted = normal_section(section);
        let places = self.places(&wanted, option);
        if !places.is_empty() {
            self.replace(&places, option, values);
        } else if let Some(line) = self.commented_default(&wanted, option) {
            let prefix = uncommented_prefix(&self.lines[line].text);
            let lines = self.written(option, values, Some(&prefix));
            self.splice(line..line + 1, lines);
        } else if let Some(end) = self.end_of_section(&wanted) {
            let lines = self.written(option, values, None);
            self.splice(end..end, lines);
        } else {
            self.append_section(section, option, values);
        }
    }

    /// The lines of each occurrence of an option.
    fn places(&self, wanted: &str, option: &str) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        let mut inside = false;
        for (index, line) in self.lines.iter().enumerate() {
            if let Some(opens) = line.opens(wanted) {
                inside = opens;
            } else if inside && line.option().is_some_and(|(name, _)| name == option) {
                places.push(index..index + 1);
            } else if line.kind == Kind::Continuation
                && let Some(last) = places.last_mut().filter(|last| last.end == index)
            {
                last.end += 1;
            }
        }
        places
    }

    /// Writes one value over each occurrence; more values follow the last, spare places go.
    fn replace(&mut self, places: &[Range<usize>], option: &str, values: &[Value]) {
        let last = places.len() - 1;
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
                let lines = self.written(option, more, None);
                self.splice(place.end..place.end, lines);
            } else if !unchanged {
                let prefix = self.prefix_at(place.start);
                let lines = self.written(option, own, prefix.as_deref());
                self.splice(place.clone(), lines);
            }
        }
    }

    fn value_at(&self, place: &Range<usize>) -> String {
        let part = Self { lines: self.lines[place.clone()].to_vec() };
        part.assignments().pop().map(|found| found.value).unwrap_or_default()
    }

    /// The name and separator of an option, as they stand.
    fn prefix_at(&self, index: usize) -> Option<String> {
        let line = &self.lines[index];
        let Kind::Option { value_at, .. } = line.kind else {
            return None;
        };
        Some(prefix(&line.text, value_at))
    }

    /// Where `#option = default` stands in a section. A commented section header ends the section
    /// for what is commented out after it. The generator writes no blank after the `#`, people do.
    fn commented_default(&self, wanted: &str, option: &str) -> Option<usize> {
        let mut inside = false;
        let mut second_choice = None;
        for (index, line) in self.lines.iter().enumerate() {
            if let Some(opens) = line.opens(wanted) {
                inside = opens;
            }
            if !inside || line.kind != Kind::Comment {
                continue;
            }
            let text = line.text[1..].trim();
            if text.starts_with('[') && text.ends_with(']') {
                inside = false;
            } else if commented_name(&line.text) == Some(option) {
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
    fn end_of_section(&self, wanted: &str) -> Option<usize> {
        let is_header = |line: &Line<'_>| line.section().is_some();
        let header = self.lines.iter().rposition(|line| line.opens(wanted) == Some(true))?;
        let length = self.lines[header + 1..].iter().position(is_header);
        let next = length.map_or(self.lines.len(), |length| header + 1 + length);
        let body = &self.lines[header + 1..next];
        let is_comment = |line: &Line<'_>| line.kind == Kind::Comment;
        let is_blank = |line: &Line<'_>| line.kind == Kind::Blank;
        let comments = body.iter().rev().take_while(|line| is_comment(line)).count();
        let heads_next = length.is_some()
            && comments > 0
            && body.len() > comments
            && is_blank(&body[body.len() - comments - 1]);
        let body = if heads_next { &body[..body.len() - comments] } else { body };
        let blanks = body.iter().rev().take_while(|line| is_blank(line)).count();
        Some(header + 1 + body.len() - blanks)
    }

    fn append_section(&mut self, section: &str, option: &str, values: &[Value]) {
        let mut lines = Vec::new();
        if self.lines.last().is_some_and(|line| line.kind != Kind::Blank) {
            lines.push(self.line(String::new(), Kind::Blank));
        }
        let name = (1, 1 + section.len());
        lines.push(self.line(format!("[{section}]"), Kind::Section { name }));
        lines.extend(self.written(option, values, None));
        let end = self.lines.len();
        self.splice(end..end, lines);
    }

    /// The lines of an option's values; the first one keeps the prefix that stands there.
    fn written(&self, option: &str, values: &[Value], prefix: Option<&str>) -> Vec<Line<'a>> {
        let mut lines = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let own = format!("{option} = ");
            let prefix = prefix.filter(|_| index == 0).unwrap_or(&own);
            let first = value.first_line();
            let text = if first.is_empty() {
                value::strip_end(prefix).to_owned()
            } else {
                format!("{prefix}{first}")
            };
            let value_at = text.find([':', '=']).map_or(text.len(), |at| at + 1);
            let start = text.find(option).unwrap_or_default();
            let name = (start, start + option.len());
            lines.push(self.line(text, Kind::Option { name, value_at }));
            lines.extend(value.other_lines().map(|text| self.line(text, Kind::Continuation)));
        }
        lines
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

/// Name and separator up to the value, with a blank after the separator if one has none to copy.
fn prefix(text: &str, value_at: usize) -> String {
    let value = value::strip(&text[value_at..]);
    if value.is_empty() {
        return format!("{} ", &text[..value_at]);
    }
    let blanks = text[value_at..].find(value).unwrap_or(0);
    text[..value_at + blanks].to_owned()
}

/// The option of a comment `#name = default`; `None` where the comment is something else.
fn commented_name(comment: &str) -> Option<&str> {
    let text = comment.strip_prefix('#')?;
    let text = text.strip_prefix(' ').unwrap_or(text);
    let name = text[..text.find([':', '='])?].trim_end();
    let plain = !name.is_empty() && !name.contains(char::is_whitespace) && !name.starts_with('#');
    plain.then_some(name)
}

/// Whether a comment with a blank after its `#` is a sentence about an option, not its default.
fn is_prose(comment: &str) -> bool {
    let Some((_, value)) = comment.split_once('=') else { return true };
    value.split_whitespace().count() > 1
}

/// `#name = default` without its `#` and default.
fn uncommented_prefix(comment: &str) -> String {
    let text = comment.trim_start_matches(['#', ' ']);
    prefix(text, text.find([':', '=']).map_or(text.len(), |separator| separator + 1))
}

#[cfg(test)]
mod tests;
