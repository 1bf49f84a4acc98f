//! TLS for probes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::reason;

/// Trusts these authorities, or the system's. They are read each time, as they may be renewed.
pub(super) async fn connector(ca: Option<&Path>) -> Result<TlsConnector, String> {
    let ca = ca.map(Path::to_owned);
    // The system's may be some hundred files.
    let roots = tokio::task::spawn_blocking(move || authorities(ca)).await;
    let roots = roots.map_err(|_| "the authorities cannot be read")??;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

pub(super) async fn handshake(
    connector: &TlsConnector,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| "no certificate can be for a host of this name")?;
    let stream = connector.connect(name, stream).await;
    stream.map_err(|error| format!("TLS: {}", reason(&error)))
}

fn authorities(ca: Option<PathBuf>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca {
        let unreadable = |error| format!("ca {}: {}", path.display(), plain(error));
        for certificate in CertificateDer::pem_file_iter(&path).map_err(unreadable)? {
            // One that rustls does not understand is no reason to distrust the others.
            roots.add_parsable_certificates([certificate.map_err(unreadable)?]);
        }
        if roots.is_empty() {
            return Err(format!("ca {}: holds no certificate", path.display()));
        }
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("this image has no certificates of authorities; install ca-certificates \
                        or name a file with ca ="
                .into());
        }
    }
    Ok(roots)
}

fn plain(error: tokio_rustls::rustls::pki_types::pem::Error) -> String {
    match error {
        tokio_rustls::rustls::pki_types::pem::Error::Io(error) => reason(&error),
        _ => "is no PEM".into(),
    }
}
