//! Ends what is left when the test process is killed and can end nothing itself.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nix::unistd::Pid;

/// Reads the process groups that are alive, one line for each change. Once the pipe is closed,
/// which the kernel does however the test process ends, it ends those that are left: first
/// politely, since whoever started children of its own should end them, then for good.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=
while read -r alive; do groups=$alive; done
for group in $groups; do kill -s TERM -- "-$group"; done
for second in 1 2 3 4 5; do
    left=
    for group in $groups; do kill -s 0 -- "-$group" && left=1; done
    [ "$left" ] || exit 0
    sleep 1
done
for group in $groups; do kill -s KILL -- "-$group"; done
"#;

struct Guard {
    pipe: ChildStdin,
    groups: BTreeSet<i32>,
}

impl Guard {
    #[allow(clippy::zombie_processes, reason = "it outlives us, so nobody waits for it")]
    fn start() -> Self {
        let mut child = Command::new("sh")
            .args(["-c", SCRIPT])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("cannot start sh");
        Self { pipe: child.stdin.take().expect("a pipe"), groups: BTreeSet::new() }
    }

    fn tell(&mut self) {
        let groups: Vec<_> = self.groups.iter().map(i32::to_string).collect();
        writeln!(self.pipe, "{}", groups.join(" ")).expect("the guard has ended");
    }
}

fn guard() -> MutexGuard<'static, Guard> {
    static GUARD: OnceLock<Mutex<Guard>> = OnceLock::new();
    let guard = GUARD.get_or_init(|| Mutex::new(Guard::start()));
    guard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on this process group ends with us.
pub(crate) fn watch_over(group: Pid) {
    let mut guard = guard();
    guard.groups.insert(group.as_raw());
    guard.tell();
}

/// This process group has ended.
pub(crate) fn forget(group: Pid) {
    let mut guard = guard();
    guard.groups.remove(&group.as_raw());
    guard.tell();
}
