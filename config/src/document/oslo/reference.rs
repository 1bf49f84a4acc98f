//! oslo.config's own references, `$name` and `${name}`, beside what variables hold.

use crate::variables::Piece;

/// The pieces of a line so that what a variable holds is a part of no reference: `$name` becomes
/// `${name}` where it would go on, and a dollar that stands for itself becomes two.
pub(super) fn kept_apart(pieces: &[Piece]) -> Result<Vec<Piece>, String> {
    let mut apart: Vec<Piece> = Vec::with_capacity(pieces.len());
    // The variable, be it empty, that stands behind the text.
    let mut ends_at = None;
    for piece in pieces {
        ends_at = piece.variable.as_ref().or(ends_at);
        if piece.text.is_empty() {
            continue;
        }
        if let Some(before) = apart.last_mut().filter(|before| before.variable.is_none()) {
            if let Some(variable) = ends_at.take() {
                close(&mut before.text, &piece.text)
                    .map_err(|why| format!("what ${variable} holds {why}"))?;
            }
            // Defaults are the value's own text as well.
            if piece.variable.is_none() {
                before.text.push_str(&piece.text);
                continue;
            }
        }
        ends_at = None;
        apart.push(piece.clone());
    }
    Ok(apart)
}

/// Closes the reference that a text ends with, before what comes next.
fn close(text: &mut String, next: &str) -> Result<(), &'static str> {
    let name = text.trim_end_matches(is_of_name);
    let (before, braced) = name.strip_suffix('{').map_or((name, false), |before| (before, true));
    let (start, first) = (before.len(), text[name.len()..].chars().next());
    let is_name = first.is_none_or(|first| !first.is_ascii_digit() && first != '.');
    if !ends_with_start(before) || !is_name {
        return Ok(());
    }
    if braced {
        return Err(
            "would stand inside a reference of oslo.config's own, ${…}; close it before, or \
                    write $${ for the text",
        );
    }
    if first.is_none() {
        text.push('$');
    } else if next.starts_with(is_of_name) {
        text.insert(start, '{');
        text.push('}');
    }
    Ok(())
}

/// Whether the last dollar is one that starts a reference: two of them, or one behind a backslash,
/// stand for a dollar.
fn ends_with_start(text: &str) -> bool {
    let mut rest = text;
    let mut dollars = 0;
    while let Some(before) = rest.strip_suffix('$') {
        let escaped = before.strip_suffix('\\');
        dollars += if escaped.is_some() { 2 } else { 1 };
        rest = escaped.unwrap_or(before);
    }
    dollars % 2 == 1
}

/// What may stand in the name of an option behind its first letter. Python's `[a-z]` without regard to
/// case has four letters more than ASCII.
fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '_' | '.' | '\u{130}' | '\u{131}' | '\u{17f}' | '\u{212a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_together(pieces: &[(&str, Option<&str>)]) -> Result<String, String> {
        let own = |(text, variable): &(&str, Option<&str>)| Piece {
            text: (*text).to_owned(),
            variable: variable.map(str::to_owned),
        };
        let pieces: Vec<_> = pieces.iter().map(own).collect();
        Ok(kept_apart(&pieces)?.into_iter().map(|piece| piece.text).collect())
    }

    #[test]
    fn references_end_before_variables() {
        for (own, holds, together) in [
            ("$state_path", "x", "${state_path}x"),
            ("a $state_path", ".x", "a ${state_path}.x"),
            ("$state_path", "\u{212a}", "${state_path}\u{212a}"),
            ("$state_path", "/x", "$state_path/x"),
            ("$state_path", "", "$state_path"),
            ("$state_path/", "x", "$state_path/x"),
            ("${state_path}", "x", "${state_path}x"),
            ("$$state_path", "x", "$$state_pathx"),
            ("\\$state_path", "x", "\\$state_pathx"),
            ("$\\$state_path", "x", "$\\${state_path}x"),
            ("\\$$state_path", "x", "\\$${state_path}x"),
            ("$", "my_ip", "$$my_ip"),
            ("$", "{my_ip}", "$${my_ip}"),
            ("$$", "my_ip", "$$my_ip"),
            ("$${", "my_ip", "$${my_ip"),
            ("{", "my_ip", "{my_ip"),
            ("$1x", "y", "$1xy"),
            ("$.x", "y", "$.xy"),
            ("${1x", "y}", "${1xy}"),
        ] {
            assert_eq!(put_together(&[(own, None), (holds, Some("W"))]).as_deref(), Ok(together));
        }
    }

    #[test]
    fn in_pieces() {
        let pieces = [("$state", None), ("", Some("E")), ("_path", None), ("x", Some("W"))];
        assert_eq!(put_together(&pieces).as_deref(), Ok("${state}_pathx"));
        let pieces = [("$state", None), ("_path", None), ("", Some("E")), ("x", Some("W"))];
        assert_eq!(put_together(&pieces).as_deref(), Ok("${state_path}x"));
        let pieces = [("$a", None), ("x", Some("W")), ("", Some("E")), ("b$c", None)];
        assert_eq!(put_together(&pieces).as_deref(), Ok("${a}xb$c"));
        for own in ["${", "${state_", "$$${state_"] {
            let message = put_together(&[(own, None), ("path", Some("W"))]).unwrap_err();
            assert!(message.starts_with("what $W holds would stand inside"), "{message}");
            assert!(!message.contains("path"), "{message}");
        }
    }
}
