//! Processes that the daemon starts and leaves.

use std::process::{Child, ChildStdin, Command, Stdio};

use crate::say::say;

/// Each child waits for the end of the pipe that they all have; the shell ends at once, and leaves
/// them to whoever reaps orphans.
const ORPHANS: &str = r#"exec 3<&0
left=$1
while [ "$left" -gt 0 ]; do
    (read -r _ <&3) >/dev/null 2>&1 &
    left=$((left - 1))
done"#;

/// Starts so many orphans. They end all at once, as soon as what is returned is dropped.
pub(crate) fn orphans(number: usize) -> Option<ChildStdin> {
    if number == 0 {
        return None;
    }
    let mut shell = Command::new("sh")
        .args(["-c", ORPHANS, "sh", &number.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("sh runs");
    let pipe = shell.stdin.take();
    assert!(shell.wait().expect("the shell ends").success(), "not all orphans could be started");
    pipe
}

/// Starts so many children that ignore TERM, and says who they are.
pub(crate) fn stubborn(number: usize) -> Vec<Child> {
    let start = |_| {
        // Its line tells that the trap is in place.
        let child = Command::new("sh")
            .args(["-c", "trap '' TERM; echo; exec sleep 1000"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Whoever reads our outputs to their end does not wait for a child.
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("sh runs");
        let mut output = child.stdout.take().expect("a pipe");
        std::io::Read::read_exact(&mut output, &mut [0]).expect("a line");
        say(format_args!("child {}", child.id()));
        child
    };
    (0..number).map(start).collect()
}
