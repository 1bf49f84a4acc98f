//! Lines on standard output.

use std::fmt::Display;
use std::io::Write;
use std::sync::OnceLock;

static NAME: OnceLock<String> = OnceLock::new();

/// From now on each line begins with this name.
pub(crate) fn set_name(name: Option<&str>) {
    if let Some(name) = name {
        NAME.get_or_init(|| format!("{name} "));
    }
}

/// Prints a line, in one piece: several daemons may write to one pipe, and `println!` cuts what is
/// longer than a kilobyte.
pub(crate) fn say(line: impl Display) {
    let line = format!("{}{line}\n", NAME.get().map_or("", String::as_str));
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).expect("standard output is there");
    out.flush().expect("standard output is there");
}
