//! The agent's HTTP server: probes, metrics, status.
//!
//! One request to a connection, few connections at a time, and for each a time by which it is over:
//! whatever somebody does to this port, the daemon does not notice.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::{Board, Listener, Metrics, Readiness};

/// How many connections there may be; others wait in the kernel's queue.
const CONNECTIONS: usize = 64;
/// How long a client may take to say what it wants.
const REQUEST: Duration = Duration::from_secs(1);
/// How long a connection may last, with a check of the readiness in it.
const LONGEST: Duration = Duration::from_secs(15);
/// A request's line and its headers; hyper has no smaller buffer.
const LARGEST_REQUEST: usize = 8192;
/// Between two tries to take a connection when the system refuses.
const PAUSE: Duration = Duration::from_secs(1);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const INDEX: &str = "\
/livez    200 while the agent runs
/readyz   200 if the daemon is ready, else 503 and why
/metrics  for Prometheus (OpenMetrics)
/status   what the agent is doing (JSON)
";

/// What the answers are made of.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) board: Board,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Readiness,
}

/// Answers until it is dropped.
pub(crate) async fn serve(listener: Listener, source: Arc<Source>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut refused = false;
    // Nobody closes the semaphore.
    while let Ok(place) = room.clone().acquire_owned().await {
        let accepted = match &listener {
            Listener::Tcp(listener) => {
                listener.accept().await.map(|(stream, _)| spawn(stream, source.clone(), place))
            }
            Listener::Unix(listener, _) => {
                listener.accept().await.map(|(stream, _)| spawn(stream, source.clone(), place))
            }
        };
        match accepted {
            Ok(()) => refused = false,
            // The client has gone already.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            // No file descriptors are left, for example; the next try may find some.
            Err(error) => {
                if !std::mem::replace(&mut refused, true) {
                    tracing::warn!(%error, "cannot take connections at --listen; trying again");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// Answers a connection in a task of its own, where a panic harms nobody else.
fn spawn(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    source: Arc<Source>,
    place: OwnedSemaphorePermit,
) {
    tokio::spawn(async move {
        let service = service_fn(move |request: Request<Incoming>| {
            let source = source.clone();
            async move { Ok::<_, Infallible>(answer(&source, &request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST)
            .max_buf_size(LARGEST_REQUEST)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        // How a client fails is its own affair.
        let _ = timeout(LONGEST, connection).await;
        drop(place);
    });
}

async fn answer<B>(source: &Source, request: &Request<B>) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/" | "/livez" | "/readyz" | "/metrics" | "/status") {
        let text = format!("there is nothing here; there are:\n{INDEX}");
        return response(StatusCode::NOT_FOUND, TEXT, text);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let text = "this is for reading only: GET or HEAD\n";
        let mut response = response(StatusCode::METHOD_NOT_ALLOWED, TEXT, text);
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match path {
        "/livez" => response(StatusCode::OK, TEXT, "ok\n"),
        "/readyz" => match source.readiness.get().await {
            Ok(()) => response(StatusCode::OK, TEXT, "ok\n"),
            Err(reasons) => {
                response(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons.join("\n") + "\n")
            }
        },
        "/metrics" => match source.metrics.text() {
            Ok(text) => response(StatusCode::OK, OPEN_METRICS, text),
            Err(error) => failed(&error),
        },
        "/status" => match serde_json::to_string_pretty(&source.board.snapshot()) {
            Ok(text) => response(StatusCode::OK, JSON, text + "\n"),
            Err(error) => failed(&error),
        },
        _ => response(StatusCode::OK, TEXT, INDEX),
    }
}

fn failed(error: &dyn std::error::Error) -> Response<Full<Bytes>> {
    let text = format!("{error}; this is a mistake in the agent, please report it\n");
    response(StatusCode::INTERNAL_SERVER_ERROR, TEXT, text)
}

fn response(
    status: StatusCode,
    content: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
