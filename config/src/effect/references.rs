//! oslo.config's own substitution: which options a value refers to.

/// The names in `$name`, `${name}`, `$group.name` of a value, as oslo.config finds them.
///
/// It uses Python's `string.Template`, after it has made `$$` of `\$`. What is malformed stays as
/// it is and refers to nothing.
pub(crate) fn references(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !value.contains('$') {
        return found;
    }
    let value = value.replace(r"\$", "$$");
    let mut rest = value.as_str();
    while let Some((_, after)) = rest.split_once('$') {
        let (name, next) = if let Some(escaped) = after.strip_prefix('$') {
            ("", escaped)
        } else if let Some(braced) = after.strip_prefix('{') {
            let (name, next) = identifier(braced);
            next.strip_prefix('}').map_or(("", after), |next| (name, next))
        } else {
            identifier(after)
        };
        if !name.is_empty() {
            found.push(name.to_owned());
        }
        rest = next;
    }
    found
}

/// The identifier that a text starts with, perhaps an empty one, and what follows it.
fn identifier(text: &str) -> (&str, &str) {
    let goes_on = |c: char| is_letter(c) || c.is_ascii_digit() || c == '.';
    let end = match text.chars().next() {
        Some(first) if is_letter(first) => text.find(|c| !goes_on(c)).unwrap_or(text.len()),
        _ => 0,
    };
    text.split_at(end)
}

/// `[_a-z]` in Python, where case is ignored: four letters outside ASCII fold into it.
fn is_letter(character: char) -> bool {
    character == '_'
        || character.is_ascii_alphabetic()
        || matches!(character, '\u{130}' | '\u{131}' | '\u{17f}' | '\u{212a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_finds_them() {
        for (value, names) in [
            ("", &[][..]),
            ("no dollar", &[]),
            ("$state_path/volumes", &["state_path"]),
            ("a$my_ip:$port", &["my_ip", "port"]),
            ("$my_ip.example.com", &["my_ip.example.com"]),
            ("${my_ip}.example.com", &["my_ip"]),
            ("$database.connection", &["database.connection"]),
            ("$$state_path", &[]),
            (r"\$state_path", &[]),
            (r"\$$state_path", &["state_path"]),
            (r"$\$state_path", &["state_path"]),
            ("$$$state_path", &["state_path"]),
            ("$1 $ ${ ${} ${a $-", &[]),
            ("${a ${b}", &["b"]),
            ("$Ab9", &["Ab9"]),
            ("$\u{212a}x", &["\u{212a}x"]),
            ("$é", &[]),
            ("$aé", &["a"]),
        ] {
            assert_eq!(references(value), names, "{value:?}");
        }
    }
}
