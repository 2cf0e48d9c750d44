//! The HTTP server of the metrics: two pages, few connections, little patience. One request a connection.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::Metrics;

/// Connections at a time. One more ends the oldest: whoever dawdles keeps nobody out.
const CONNECTIONS: usize = 8;
/// How long a request may take to arrive, and a whole connection.
pub(super) const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(10);
/// Octets of a request's head, and its fields.
const HEAD: usize = 8 * 1024;
const FIELDS: usize = 64;
/// How long accepting pauses where the system refuses it.
const PAUSE: Duration = Duration::from_millis(100);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const JSON: &str = "application/json";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Answers until Honeypost ends; what is under way then ends with it.
pub(super) async fn serve(listener: TcpListener, metrics: Arc<Metrics>, mut shutdown: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => return,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        oldest_first.retain(|connection| !connection.is_finished());
        if oldest_first.len() >= CONNECTIONS
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        oldest_first.push_back(connections.spawn(converse(stream, Arc::clone(&metrics))));
    }
}

async fn converse(stream: TcpStream, metrics: Arc<Metrics>) {
    let service = service_fn(|request| answer(Arc::clone(&metrics), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(HEAD)
        .max_headers(FIELDS)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = tokio::time::timeout(TIMEOUT, connection).await {
        tracing::debug!(%error, "a request for metrics");
    }
}

async fn answer(
    metrics: Arc<Metrics>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET {
        return Ok(page(StatusCode::NOT_FOUND, PLAIN, "not found\n".into()));
    }
    Ok(match request.uri().path() {
        "/metrics" => match metrics.written().await {
            Ok(text) => page(StatusCode::OK, OPEN_METRICS, text),
            Err(error) => {
                tracing::error!(%error, "the metrics could not be written");
                page(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "failed\n".into())
            }
        },
        "/healthz" => health(&metrics),
        _ => page(StatusCode::NOT_FOUND, PLAIN, "not found\n".into()),
    })
}

fn health(metrics: &Metrics) -> Response<Full<Bytes>> {
    let (status, word) = if metrics.takes_events() {
        (StatusCode::OK, "takes-events")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "refuses-events")
    };
    let backlog = metrics.backlog();
    page(status, JSON, format!("{{\"store\":\"{word}\",\"backlog_bytes\":{backlog}}}\n"))
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
