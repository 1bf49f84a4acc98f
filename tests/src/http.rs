//! The smallest client of HTTP that does.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// As in `HTTP/1.1 200 OK`.
    pub status: u16,
    /// The headers, as they came.
    pub head: String,
    /// What came behind them.
    pub body: String,
}

/// Asks a server at `HOST:PORT`, or at the path of a socket.
pub async fn http(address: &str, method: &str, path: &str) -> io::Result<Answer> {
    if address.starts_with('/') {
        ask(UnixStream::connect(address).await?, method, path).await
    } else {
        ask(TcpStream::connect(address).await?, method, path).await
    }
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    method: &str,
    path: &str,
) -> io::Result<Answer> {
    let request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) =
        text.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer of HTTP"))?;
    assert!(!head.to_lowercase().contains("chunked"), "an answer in chunks: {head}");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("no status"))?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}
