//! One GET, of which only the status counts.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::url::Url;
use super::{reason, tls};

/// The status of the answer. No redirect is followed, and the body is left unread.
pub(super) async fn get(url: &Url, ca: Option<&Path>, limit: Duration) -> Result<u16, String> {
    if !url.tls {
        return exchange(url, url.address.connect(limit).await?).await;
    }
    // First, since a mistake in it is there to stay.
    let connector = tls::connector(ca).await?;
    let stream = url.address.connect(limit).await?;
    exchange(url, tls::handshake(&connector, url.address.host(), stream).await?).await
}

async fn exchange(url: &Url, stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<u16, String> {
    let request = Request::get(&url.target)
        .header(HOST, &url.authority)
        .header(USER_AGENT, concat!("etcstack-agent/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("cannot be asked for: {error}"))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| explain(&error))?;
    let mut answer = pin!(sender.send_request(request));
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // An answer may be the last thing that a connection gave.
        _ = connection => answer.await,
    };
    Ok(answer.map_err(|error| explain(&error))?.status().as_u16())
}

fn explain(error: &hyper::Error) -> String {
    let source = std::error::Error::source(error);
    match source.and_then(|source| source.downcast_ref::<std::io::Error>()) {
        Some(source) => reason(source),
        None => format!("not an answer by HTTP: {error}"),
    }
}
