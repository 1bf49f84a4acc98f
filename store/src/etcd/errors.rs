//! What etcd's errors mean.

use std::time::Duration;

use crate::StoreError;

/// What a request ends in, or that it took too long.
pub(super) async fn within<T>(
    limit: Duration,
    endpoint: &str,
    request: impl Future<Output = Result<T, etcd_client::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, request).await {
        Ok(result) => result.map_err(|error| explain(endpoint, &error)),
        Err(_) => Err(unavailable(endpoint, format!("no answer within {limit:?}"))),
    }
}

pub(super) fn unavailable(endpoint: &str, reason: String) -> StoreError {
    StoreError::Unavailable { endpoint: endpoint.to_owned(), reason }
}

/// Sorts etcd's errors by what can be done about them.
pub(super) fn explain(endpoint: &str, error: &etcd_client::Error) -> StoreError {
    let endpoint = endpoint.to_owned();
    let etcd_client::Error::GRpcStatus(status) = error else {
        let reason = match error {
            etcd_client::Error::TransportError(error) => with_hint(&endpoint, root_cause(error)),
            other => other.to_string(),
        };
        return StoreError::Unavailable { endpoint, reason };
    };
    let code = format!("{:?}", status.code());
    let text = status.message();
    // The codes alone do not tell: "authentication failed" is an InvalidArgument to etcd.
    let auth = ["authentication failed", "user name", "permission denied", "auth"];
    match code.as_str() {
        // A token from before a change of users or roles; a new connection gets a new one.
        _ if text.contains("revision of auth store is old") => {
            StoreError::Unavailable { endpoint, reason: text.into() }
        }
        "PermissionDenied" => StoreError::Denied { endpoint, reason: text.into() },
        "InvalidArgument" | "FailedPrecondition" if auth.iter().any(|w| text.contains(w)) => {
            StoreError::Denied { endpoint, reason: text.into() }
        }
        "NotFound" if text.contains("lease not found") => StoreError::LeaseGone,
        "OutOfRange" if text.contains("required revision") => StoreError::Forgotten,
        "InvalidArgument" | "ResourceExhausted" | "FailedPrecondition" | "Unimplemented" => {
            StoreError::Rejected { endpoint, reason: with_remedy(text) }
        }
        _ => {
            let reason = with_hint(&endpoint, root_cause(status));
            StoreError::Unavailable { endpoint, reason }
        }
    }
}

/// How a connection ends that the other side does not want.
const ENDS: [&str; 3] = ["connection closed", "broken pipe", "reset by peer"];

/// A server that does not like our certificate may just hang up: in TLS 1.3 that comes after our
/// side of the handshake (RFC 8446, section 2), and what it says of it may be lost. One without TLS
/// hangs up before, or answers with something else.
fn with_hint(endpoint: &str, reason: String) -> String {
    let is_one_of = |texts: &[&str]| texts.iter().any(|text| reason.contains(text));
    if !endpoint.starts_with("https:") {
        return reason;
    }
    if is_one_of(&["handshake eof", "InvalidContentType"]) {
        return format!("{reason}; most likely this port is without TLS: then write etcd://");
    }
    if is_one_of(&ENDS) {
        return format!("{reason}; does it speak TLS, and accept our certificate?");
    }
    reason
}

/// A member that hangs up before it has ever answered to us may want TLS.
pub(super) fn with_first_hint(endpoint: &str, reason: String) -> String {
    if endpoint.starts_with("http:") && ENDS.iter().any(|end| reason.contains(end)) {
        return format!("{reason}; if this port is one with TLS, write etcds://");
    }
    reason
}

/// What etcd said, and what to do about it where that is known.
fn with_remedy(text: &str) -> String {
    let remedies = [
        (
            "database space exceeded",
            "etcd is full: compact and defragment it, or raise its --quota-backend-bytes; \
             then: etcdctl alarm disarm",
        ),
        ("request is too large", "raise etcd's --max-request-bytes to its default of 1572864"),
        ("too many operations", "raise etcd's --max-txn-ops to its default of 128"),
    ];
    let remedy = remedies.iter().find(|(cause, _)| text.contains(cause));
    remedy.map_or_else(|| text.to_owned(), |(_, remedy)| format!("{text}; {remedy}"))
}

/// The innermost message, such as "Connection refused": the outer ones say "transport error".
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
