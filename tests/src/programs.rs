//! The programs that the tests drive.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Once, OnceLock};

/// The folder of this crate.
const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// The path of one of the workspace's programs, such as `etcstack-agent`, of the same profile as
/// the test. The first call has cargo build them all where they are not up to date.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: Once = Once::new();
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.ancestors().find(|path| path.ends_with("deps")).and_then(Path::parent);
    let folder = folder.expect("the test stands in target/PROFILE/deps");
    BUILT.call_once(|| build(folder));
    let path = folder.join(name);
    assert!(path.is_file(), "{} was not built; is there such a program?", path.display());
    path
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let target = folder.parent().expect("the target folder");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--bins", "--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(Path::new(CRATE).parent().expect("the workspace"))
        .status();
    assert!(status.is_ok_and(|status| status.success()), "cargo build failed");
}

/// The Python environment with OpenStack in it; made by the first call ever, which takes minutes.
pub fn openstack_venv() -> PathBuf {
    static VENV: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let script = Path::new(CRATE).join("openstack/setup.sh");
        let output = Command::new(&script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", script.display()));
        assert!(output.status.success(), "{}: {}", script.display(), output.status);
        let path = String::from_utf8(output.stdout).expect("a path in UTF-8");
        PathBuf::from(path.trim_end())
    };
    VENV.get_or_init(make).clone()
}

/// What the judges of rabbitmq.conf, of libvirt's files and of Kubernetes' manifests need; unpacked by
/// the first call ever.
pub fn judges() -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let make = || {
        let script = Path::new(CRATE).join("judges/setup.sh");
        let output = Command::new(&script)
            .stderr(Stdio::inherit())
            .output()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", script.display()));
        assert!(output.status.success(), "{}: {}", script.display(), output.status);
        PathBuf::from(String::from_utf8(output.stdout).expect("a path in UTF-8").trim_end())
    };
    FOLDER.get_or_init(make).clone()
}
