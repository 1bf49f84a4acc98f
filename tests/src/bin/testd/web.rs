//! The readiness, over HTTP: 200 or 503.

use std::path::{Path, PathBuf};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;

/// What the daemon says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    pub(crate) ready: bool,
    /// Nobody listens at all.
    pub(crate) deaf: bool,
}

/// Answers for ever.
pub(crate) async fn serve(
    address: String,
    needs: Option<PathBuf>,
    readiness: watch::Receiver<Readiness>,
) {
    let mut state = readiness.clone();
    loop {
        if state.wait_for(|now| !now.deaf).await.is_err() {
            return;
        }
        tokio::select! {
            () = accept(&address, needs.as_deref(), &readiness) => return,
            ended = state.wait_for(|now| now.deaf) => if ended.is_err() { return },
        }
    }
}

async fn accept(address: &str, needs: Option<&Path>, readiness: &watch::Receiver<Readiness>) {
    if address.starts_with('/') {
        let _ = std::fs::remove_file(address);
        let listener = UnixListener::bind(address).expect("a socket");
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(answer(stream, needs.map(Path::to_owned), readiness.clone()));
        }
    }
    let listener = TcpListener::bind(address).await.expect("a port");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        tokio::spawn(answer(stream, needs.map(Path::to_owned), readiness.clone()));
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    needs: Option<PathBuf>,
    readiness: watch::Receiver<Readiness>,
) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let ready = readiness.borrow().ready && needs.is_none_or(|path| path.exists());
    let status = if ready { "200 OK" } else { "503 Service Unavailable" };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}
