//! Listings: a line for each whole key, or in `general/` for each variable.

use std::path::Path;

use super::{Data, Marks, SYSTEM_IS_NO_DATA};
use crate::key::{GENERAL, Key, OptionName};
use crate::problem::Place;
use crate::validate::Code;

impl Data {
    /// Takes the lines of a listing.
    pub(super) fn listing(&mut self, text: &str, path: &Path, general: bool) {
        for (index, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let blanks = line.chars().take_while(|c| c.is_whitespace()).count();
            let place = Place::position(path, index + 1, blanks + 1);
            let content = line.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if index == 0 && content.starts_with('\u{feff}') {
                let message = "the file starts with a byte order mark; save it without";
                self.fault(place, Code::Syntax, message);
                continue;
            }
            let Some((before, after)) = line.split_once('=') else {
                let form = if general { "NAME=value" } else { "a whole key, then =value" };
                let message = format!("there is no = in this line; write {form}");
                self.fault(place, Code::Syntax, message);
                continue;
            };
            let value = if before.ends_with([' ', '\t']) { after.trim() } else { after };
            let key = before.trim();
            let parsed = if general && !key.contains('/') {
                Key::parse(&format!("{GENERAL}/{key}"))
            } else {
                Key::parse(key)
            };
            match parsed {
                Ok(Key::System(_)) => {
                    self.fault(place, Code::BadKey, SYSTEM_IS_NO_DATA);
                }
                Ok(parsed) => {
                    let marks = listed(path, index + 1, line, &parsed, value);
                    self.add(parsed, value, marks);
                }
                Err(error) => {
                    // The line may be a part of a secret.
                    let message = format!(
                        "what stands before the = is not a key: {error} (a file two levels deep \
                         is a listing of whole keys; an overlay stands at role/service/FILE)"
                    );
                    self.fault(place, Code::BadKey, message);
                }
            }
        }
    }
}

/// Where the parts of a line in a listing stand.
fn listed(path: &Path, number: usize, line: &str, key: &Key, value: &str) -> Marks {
    let column = |part: usize| 1 + line.get(..part).unwrap_or(line).chars().count();
    let start = line.len() - line.trim_start().len();
    let separator = line.find('=').unwrap_or(line.len());
    let text = line.get(start..separator).unwrap_or_default().trim_end();
    // The fourth part of a key with a section is the section, and the rest the option.
    let slashes: Vec<_> = text.match_indices('/').map(|(at, _)| start + at + 1).collect();
    let (section, name) = match (key, slashes.as_slice()) {
        (Key::Option(_, OptionName { section: Some(_), .. }), [_, _, section, name, ..]) => {
            (*section, *name)
        }
        (Key::Option(..), [_, _, name, ..]) => (*name, *name),
        _ => (start, start),
    };
    let after = line.get(separator + 1..).unwrap_or_default();
    let blanks = if after == value { 0 } else { after.len() - after.trim_start().len() };
    let value_at = (number, column(separator + 1 + blanks));
    let (section, name) = ((number, column(section)), (number, column(name)));
    let mut marks = Marks::new(path, section, name, vec![value_at]);
    marks.key = (number, column(start));
    marks
}
