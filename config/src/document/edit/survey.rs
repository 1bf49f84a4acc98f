//! One pass over a document: where everything stands that an edit needs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::super::{Document, Kind, Line};
use super::Edit;
use super::commented::Commented;

/// Where things stand.
pub(super) struct Survey<'e> {
    /// Of each edit, in their order.
    pub(super) options: Vec<Found>,
    /// Of each section that an edit is for.
    pub(super) sections: Vec<Section<'e>>,
    commented: Commented,
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
pub(super) struct Section<'e> {
    /// Where a new option goes; `None` where there is no such section.
    pub(super) end: Option<usize>,
    /// The edits, by the option's normal form.
    edits: BTreeMap<Cow<'e, str>, usize>,
}

impl<'e> Survey<'e> {
    pub(super) fn of(document: &Document<'_>, edits: &[Edit<'e>]) -> Self {
        let (mut survey, numbers) = Self::wanted(document, edits);
        let has_sections = !document.grammar.opening().is_empty();
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
                section = numbers.get(&Some(document.grammar.normal_section(name))).copied();
                start = index + 1;
                (is_commented_out, is_closed) = (false, false);
                continue;
            }
            let Some(number) = section else { continue };
            match line.kind {
                Kind::Comment if is_commented_out => {}
                Kind::Comment if has_sections && is_header(&line.text) => is_commented_out = true,
                Kind::Comment => survey.comment(document, number, index, line),
                Kind::Option { .. } => survey.option(document, number, index, line),
                Kind::Directive if !is_closed && document.grammar.closes_section(&line.text) => {
                    survey.end(document, section, start..index);
                    is_closed = true;
                }
                _ => {}
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
        edits: &[Edit<'e>],
    ) -> (Self, BTreeMap<Option<Cow<'e, str>>, usize>) {
        let commented = Commented::of(document.grammar);
        let mut survey = Self { options: Vec::new(), sections: Vec::new(), commented };
        let mut numbers = BTreeMap::new();
        for (index, edit) in edits.iter().enumerate() {
            let name = edit.section.map(|name| document.grammar.normal_section(name));
            let count = survey.sections.len();
            let number = *numbers.entry(name).or_insert(count);
            if number == count {
                survey.sections.push(Section { end: None, edits: BTreeMap::new() });
            }
            let option = document.grammar.normal_option(edit.option);
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
        let Some(name) = self.commented.name(&line.text) else { return };
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

/// Whether a comment is a section's header that is commented out, a remark behind it or not. One that
/// is indented is an example in the prose about an option, as nova's file has many.
fn is_header(comment: &str) -> bool {
    // Nearly no comment is, which is to be seen quickly.
    let bytes = comment.as_bytes();
    let marks = bytes.iter().take_while(|byte| matches!(byte, b'#' | b';')).count();
    let start = marks + usize::from(bytes.get(marks) == Some(&b' '));
    if bytes.get(start) != Some(&b'[') {
        return false;
    }
    let Some((_, rest)) = comment.get(start..).and_then(|name| name.split_once(']')) else {
        return false;
    };
    let rest = rest.trim();
    rest.is_empty() || rest.starts_with(['#', ';']) || rest.ends_with(']')
}

/// Whether a comment with a blank after its `#` is a sentence about an option, not its default.
fn is_prose(comment: &str) -> bool {
    let Some((_, value)) = comment.split_once('=') else { return true };
    value.split_whitespace().count() > 1
}
