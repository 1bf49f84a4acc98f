//! Certificates for a test, made by `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An authority, and what it has signed: a server on 127.0.0.1 and a client. All in PEM.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes new ones.
    pub fn new() -> Self {
        let certificates = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        certificates.renew();
        certificates
    }

    /// Makes new ones in the place of the old: nothing that the old authority has signed is good
    /// for the new one.
    pub fn renew(&self) {
        let path = self.folder.path();
        request(path, "ca", "etcstack test ca", &["-x509", "-days", "2"]);
        for (name, usage) in [("server", "serverAuth,clientAuth"), ("client", "clientAuth")] {
            sign(path, name, &format!("etcstack test {name}"), usage);
        }
    }

    /// A client's certificate with this common name, and its key; made when it is first asked for, and
    /// no good any more once they are renewed.
    pub fn client_named(&self, name: &str) -> (PathBuf, PathBuf) {
        let pair = self.pair(name);
        if !pair.0.is_file() {
            sign(self.folder.path(), name, name, "clientAuth");
        }
        pair
    }

    /// The authority's certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The server's certificate and key.
    pub fn server(&self) -> (PathBuf, PathBuf) {
        self.pair("server")
    }

    /// The client's certificate and key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        self.pair("client")
    }

    fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        let path = self.folder.path();
        (path.join(format!("{name}.pem")), path.join(format!("{name}-key.pem")))
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

fn sign(path: &Path, name: &str, common_name: &str, usage: &str) {
    let usage = format!("extendedKeyUsage={usage}");
    let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
    request(path, name, common_name, &["-addext", names, "-addext", &usage]);
    let (pem, key) = (format!("{name}.pem"), format!("{name}-key.pem"));
    // "openssl x509 -copy_extensions" is the signing that keeps what was asked for.
    openssl(
        path,
        &[
            "x509",
            "-req",
            "-in",
            &pem,
            "-out",
            &pem,
            "-days",
            "2",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca-key.pem",
            "-CAcreateserial",
            "-copy_extensions",
            "copyall",
        ],
    );
    assert!(path.join(key).is_file());
}

fn request(folder: &Path, name: &str, common_name: &str, more: &[&str]) {
    let subject = format!("/CN={common_name}");
    let (pem, key) = (format!("{name}.pem"), format!("{name}-key.pem"));
    let common = [
        "req",
        "-new",
        "-nodes",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-subj",
        &subject,
        "-out",
        &pem,
        "-keyout",
        &key,
    ];
    openssl(folder, &[&common, more].concat());
}

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output();
    let output = output.expect("cannot run openssl");
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {}: {message}", arguments.join(" "));
}
