//! What the names of sections and options cannot hold, where several readers agree.

use super::value::strip;

/// Whether a name is like nearly all of them, in which no reader sees anything else.
fn is_usual(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Checks that a section can stand between brackets. `shown` is how a message names the characters
/// that it must not hold.
pub(super) fn check_section(section: &str, bad: &[char], shown: &str) -> Result<(), String> {
    if is_usual(section) {
        return Ok(());
    }
    let name = section.escape_debug();
    if section.chars().any(|c| c.is_control() || bad.contains(&c)) {
        return Err(format!(
            "the section \"{name}\" holds a line break, a control character or {shown}"
        ));
    }
    if strip(section) != section || section.is_empty() {
        return Err(format!("the section \"{name}\" is empty, or starts or ends with a blank"));
    }
    Ok(())
}

/// Checks that an option can stand before `=` or `:`.
pub(super) fn check_option(option: &str) -> Result<(), String> {
    if is_usual(option) {
        return Ok(());
    }
    let name = option.escape_debug();
    if option.chars().any(|c| c.is_control() || matches!(c, '=' | ':')) {
        return Err(format!(
            "the option \"{name}\" holds a line break, a control character, '=' or ':'"
        ));
    }
    if strip(option) != option || option.is_empty() {
        return Err(format!("the option \"{name}\" is empty, or starts or ends with a blank"));
    }
    if option.starts_with(['#', ';', '[']) {
        return Err(format!("the option \"{name}\" starts with '#', ';' or '['"));
    }
    Ok(())
}

/// Checks that a key of a file without sections names none.
pub(super) fn check_no_section(section: Option<&str>) -> Result<(), String> {
    section.map_or(Ok(()), |section| {
        Err(format!(
            "the file has no sections, and the key names one, \"{}\"; use role/service/file/option",
            section.escape_debug()
        ))
    })
}
