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
        request(path, "ca", &["-x509", "-days", "2"]);
        for (name, usage) in [("server", "serverAuth,clientAuth"), ("client", "clientAuth")] {
            request(
                path,
                name,
                &[
                    "-addext",
                    "subjectAltName=IP:127.0.0.1,DNS:localhost",
                    "-addext",
                    &format!("extendedKeyUsage={usage}"),
                ],
            );
            let pem = format!("{name}.pem");
            let key = format!("{name}-key.pem");
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

fn request(folder: &Path, name: &str, more: &[&str]) {
    let subject = format!("/CN=etcstack test {name}");
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
