//! The tests of `dockerfiles/provision`, which are in its own language: tests/provision.

// A test fails by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use etcstack_tests::judges;

#[test]
fn what_is_provisioned_is_what_the_files_say() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("provision");
    let program = tests.join("../../dockerfiles/provision");
    let packages = judges().join("python");
    let path = std::env::join_paths([&program, &packages]).unwrap();
    let output = Command::new("python3")
        .args(["-m", "unittest", "discover", "--verbose", "--start-directory"])
        .arg(&tests)
        .env("PYTHONPATH", path)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for file in ["test_databases", "test_document", "test_identity", "test_run"] {
        assert!(said.contains(file), "nothing of {file} has run:\n{said}");
    }
}
