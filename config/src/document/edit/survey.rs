//! One pass over a document: where everything stands that an edit needs.

use std::collections::HashMap;
use std::ops::Range;

use super::super::{Document, Grammar, Kind, Line};
use super::Edit;

/// Where things stand.
pub(super) struct Survey {
    /// Of each edit, in their order.
    pub(super) options: Vec<Found>,
    /// Of each section that an edit is for.
    pub(super) sections: Vec<Section>,
}

/// Where an option stands.
#[derive(Clone, Default)]
pub(super) struct Found {
    /// The lines of each occurrence.
    pub(super) places: Vec<Range<usize>>,
    /// The line of its commented default.
    pub(super) commented: Option<usize>,
    /// One that may be it, where there is no better one.
    second_choice: Option<usize>,
    /// The number of its section.
    pub(super) section: usize,
}

impl Found {
    pub(super) fn is_nowhere(&self) -> bool {
        self.places.is_empty() && self.commented_default().is_none()
    }

    pub(super) fn commented_default(&self) -> Option<usize> {
        self.commented.or(self.second_choice)
    }
}

/// Where a section stands.
pub(super) struct Section {
    /// Where a new option goes; `None` where there is no such section.
    pub(super) end: Option<usize>,
    /// The edits, by the option's normal form.
    edits: HashMap<String, usize>,
}

impl Survey {
    pub(super) fn of(document: &Document<'_>, edits: &[Edit<'_>]) -> Self {
        let (mut survey, numbers) = Self::wanted(document, edits);
        let mut section = numbers.get(&None).copied();
        let mut start = 0;
        // A commented header ends the section for what is commented out after it.
        let mut is_commented_out = false;
        // And some directives end it for what is new.
        let mut is_closed = false;
        for (index, line) in document.lines.iter().enumerate() {
            if let Some(name) = line.section() {
                if !is_closed {
                    survey.end(document, section, start..index);
                }
                let normal = document.grammar.normal_section(name).into_owned();
                section = numbers.get(&Some(normal)).copied();
                start = index + 1;
                (is_commented_out, is_closed) = (false, false);
            } else if let Some(number) = section {
                match line.kind {
                    Kind::Option { .. } => survey.option(document, number, index, line),
                    Kind::Comment if is_header(&line.text) => is_commented_out = true,
                    Kind::Comment if !is_commented_out => {
                        survey.comment(document, number, index, line);
                    }
                    Kind::Directive
                        if !is_closed && document.grammar.closes_section(&line.text) =>
                    {
                        survey.end(document, section, start..index);
                        is_closed = true;
                    }
                    _ => {}
                }
            }
        }
        if !is_closed {
            survey.end(document, section, start..document.lines.len());
        }
        survey
    }

    /// What the edits look for, and the numbers of the sections.
    fn wanted(
        document: &Document<'_>,
        edits: &[Edit<'_>],
    ) -> (Self, HashMap<Option<String>, usize>) {
        let mut survey = Self { options: Vec::new(), sections: Vec::new() };
        let mut numbers = HashMap::new();
        for (index, edit) in edits.iter().enumerate() {
            let name = edit.section.map(|name| document.grammar.normal_section(name).into_owned());
            let count = survey.sections.len();
            let number = *numbers.entry(name).or_insert(count);
            if number == count {
                survey.sections.push(Section { end: None, edits: HashMap::new() });
            }
            let option = document.grammar.normal_option(edit.option).into_owned();
            survey.sections[number].edits.insert(option, index);
            survey.options.push(Found { section: number, ..Found::default() });
        }
        (survey, numbers)
    }

    fn option(&mut self, document: &Document<'_>, section: usize, index: usize, line: &Line<'_>) {
        let Some(name) = line.option() else { return };
        let name = document.grammar.normal_option(name);
        if let Some(&edit) = self.sections[section].edits.get(name.as_ref()) {
            self.options[edit].places.push(index..document.end_of_option(index));
        }
    }

    /// Takes note of `#option = default`. The generator writes no blank after the `#`, people do.
    fn comment(&mut self, document: &Document<'_>, section: usize, index: usize, line: &Line<'_>) {
        let grammar = document.grammar;
        let Some(name) = commented_name(&line.text, grammar) else { return };
        let name = document.grammar.normal_option(name);
        let Some(&edit) = self.sections[section].edits.get(name.as_ref()) else { return };
        let found = &mut self.options[edit];
        if line.text.as_bytes().get(1) != Some(&b' ') {
            found.commented = found.commented.or(Some(index));
        } else if !is_prose(&line.text) {
            found.second_choice = found.second_choice.or(Some(index));
        }
    }

    /// Takes note of where a section ends: behind its last line, before the blank lines that end
    /// it and a comment that belongs to the next header. Of several such sections the last counts.
    fn end(&mut self, document: &Document<'_>, section: Option<usize>, lines: Range<usize>) {
        let Some(section) = section else { return };
        let is_comment = |line: &Line<'_>| line.kind == Kind::Comment;
        let is_blank = |line: &Line<'_>| line.kind == Kind::Blank;
        let has_next = lines.end < document.lines.len();
        let body = &document.lines[lines.clone()];
        let comments = body.iter().rev().take_while(|line| is_comment(line)).count();
        let heads_next = has_next
            && comments > 0
            && body.len() > comments
            && is_blank(&body[body.len() - comments - 1]);
        let body = if heads_next { &body[..body.len() - comments] } else { body };
        let blanks = body.iter().rev().take_while(|line| is_blank(line)).count();
        self.sections[section].end = Some(lines.start + body.len() - blanks);
    }
}

/// Whether a comment is a section's header that is commented out. One that is indented is an
/// example in the prose about an option, as nova's file has many.
fn is_header(comment: &str) -> bool {
    let bytes = comment.as_bytes();
    let start = 1 + usize::from(bytes.get(1) == Some(&b' '));
    bytes.get(start) == Some(&b'[') && comment.trim_end().ends_with(']')
}

/// The option of a comment `#name = default`; `None` where the comment is something else. Most of a
/// file is prose, so that this looks no further than it has to.
fn commented_name<'c>(comment: &'c str, grammar: &dyn Grammar) -> Option<&'c str> {
    let bytes = comment.as_bytes();
    if bytes.first() != Some(&b'#') {
        return None;
    }
    let separators = grammar.separators();
    let is_separator = |byte: u8| separators.contains(&char::from(byte));
    let start = 1 + usize::from(bytes.get(1) == Some(&b' '));
    let ends = |byte: &u8| byte.is_ascii_whitespace() || is_separator(*byte);
    let end = bytes.get(start..)?.iter().position(ends).map_or(bytes.len(), |at| start + at);
    let separator = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
    let is_one_word = end > start && separator.is_none_or(|byte| is_separator(*byte));
    if bytes.get(start) == Some(&b'#') {
        None
    } else if is_one_word {
        comment.get(start..end).filter(|_| separator.is_some() || grammar.stands_alone())
    } else if grammar.is_commented_name("two words") {
        let text = comment.get(start..)?;
        let name = text.get(..text.find(separators)?)?.trim_end();
        Some(name).filter(|name| !name.is_empty() && grammar.is_commented_name(name))
    } else {
        None
    }
}

/// Whether a comment with a blank after its `#` is a sentence about an option, not its default.
fn is_prose(comment: &str) -> bool {
    let Some((_, value)) = comment.split_once('=') else { return true };
    value.split_whitespace().count() > 1
}
