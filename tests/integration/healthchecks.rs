//! A double of a Healthchecks server, written to its documented pinging API and to what the real one was seen to do.
//!
//! It keeps the first `Ping-Body-Limit` bytes of a body, stores a chunked body as empty, refuses bodies above 2.5 MiB
//! and wrong `rid`s with 400, exit statuses above 255 too, and fails with 500 where its cut splits a character. It says
//! its limit with every 200, and only there. The one check it knows is [`CHECK`]. What a real server does only now and
//! then is scripted by [`Healthchecks::answer`].

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

/// The UUID of the check that exists.
pub const CHECK: &str = "6095010a-074d-4b12-bed8-f519270afd4d";

/// The largest request that Healthchecks reads (Django's `DATA_UPLOAD_MAX_MEMORY_SIZE`).
const LARGEST_REQUEST: usize = 2_621_440;

/// One ping as it arrived.
#[derive(Debug, Clone)]
pub struct Ping {
    /// `start`, `log`, or the exit code.
    pub signal: String,
    /// The run's id.
    pub rid: String,
    /// What the server stores: the first bytes, nothing of a chunked request.
    pub body: String,
    /// How many bytes were sent.
    pub length: usize,
    /// The status it was answered with.
    pub status: u16,
    pub headers: HeaderMap,
    pub at: Instant,
}

/// What a scripted answer does.
#[derive(Debug, Clone)]
pub enum Answer {
    /// This status, and this body.
    Status(u16, &'static str),
    /// 429 with `Retry-After` seconds.
    TooMany(u64),
    /// The usual answer, after a while.
    Slow(Duration),
    /// Takes the request and never answers.
    Hang,
}

#[derive(Default)]
struct Inner {
    pings: Vec<Ping>,
    script: VecDeque<Answer>,
    always: Option<Answer>,
    limit: usize,
}

/// A running double; its thread ends with the test process.
pub struct Healthchecks {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Healthchecks {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            limit: 100_000,
            ..Inner::default()
        }));
        let app = Router::new()
            .route("/ping/{check}/{signal}", post(ping))
            .layer(DefaultBodyLimit::max(16 * 1024 * 1024))
            .with_state(Arc::clone(&inner));
        let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), app)
                    .await
                    .unwrap();
            });
        });
        Self { address, inner }
    }

    /// Sets what the server keeps of a body, in bytes.
    pub fn limit(self, bytes: usize) -> Self {
        self.inner.lock().unwrap().limit = bytes;
        self
    }

    /// Scripts the next answer.
    pub fn answer(self, answer: Answer) -> Self {
        self.inner.lock().unwrap().script.push_back(answer);
        self
    }

    /// Scripts all answers that have no own script.
    pub fn always(self, answer: Answer) -> Self {
        self.inner.lock().unwrap().always = Some(answer);
        self
    }

    /// Where it listens, on all interfaces.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The check's URL for this process.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/ping/{CHECK}", self.address.port())
    }

    /// The check's URL for containers, which reach this machine as `host.docker.internal`.
    pub fn url_for_containers(&self) -> String {
        format!(
            "http://host.docker.internal:{}/ping/{CHECK}",
            self.address.port()
        )
    }

    /// All pings so far, refused ones too.
    pub fn pings(&self) -> Vec<Ping> {
        self.inner.lock().unwrap().pings.clone()
    }

    /// The signals of the pings that were taken, in order.
    pub fn signals(&self) -> Vec<String> {
        self.pings()
            .into_iter()
            .filter(|ping| ping.status == 200)
            .map(|ping| ping.signal)
            .collect()
    }

    /// The body of the last ping that was taken.
    #[track_caller]
    pub fn last_body(&self) -> String {
        self.pings()
            .into_iter()
            .rfind(|ping| ping.status == 200)
            .expect("a ping was taken")
            .body
    }
}

/// A URL on this machine where nobody listens, and nobody will: the port stays taken.
pub fn refusing_url() -> String {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::mem::forget(socket);
    format!("http://127.0.0.1:{port}/ping/{CHECK}")
}

async fn ping(
    State(inner): State<Arc<Mutex<Inner>>>,
    Path((check, signal)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let rid = query
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("rid=").map(str::to_owned))
        .unwrap_or_default();
    let (answer, limit) = {
        let mut inner = inner.lock().unwrap();
        (
            inner.script.pop_front().or_else(|| inner.always.clone()),
            inner.limit,
        )
    };
    let (stored, mut status) = store(&check, &signal, &rid, &headers, &body, limit);
    let mut text = if status == 200 { "OK" } else { "" };
    match &answer {
        Some(Answer::Status(scripted, said)) => (status, text) = (*scripted, said),
        Some(Answer::TooMany(_)) => status = 429,
        Some(Answer::Hang) => status = 0,
        Some(Answer::Slow(_)) | None => (),
    }
    inner.lock().unwrap().pings.push(Ping {
        signal,
        rid,
        body: stored,
        length: body.len(),
        status,
        headers,
        at: Instant::now(),
    });
    match answer {
        Some(Answer::Slow(time)) => tokio::time::sleep(time).await,
        Some(Answer::Hang) => std::future::pending().await,
        Some(Answer::TooMany(seconds)) => {
            return (
                StatusCode::TOO_MANY_REQUESTS,
                [("Retry-After", seconds.to_string())],
            )
                .into_response();
        }
        Some(Answer::Status(..)) | None => (),
    }
    let mut response = (StatusCode::from_u16(status).unwrap(), text).into_response();
    if status == 200 {
        response
            .headers_mut()
            .insert("Ping-Body-Limit", limit.into());
    }
    response
}

/// What the server stores, and the status it answers with.
fn store(
    check: &str,
    signal: &str,
    rid: &str,
    headers: &HeaderMap,
    body: &Bytes,
    limit: usize,
) -> (String, u16) {
    let refused = |status| (String::new(), status);
    let known_signal = matches!(signal, "start" | "log" | "fail") || signal.parse::<u32>().is_ok();
    if !known_signal || check != CHECK {
        return refused(404);
    }
    let lower_case = !rid.bytes().any(|byte| byte.is_ascii_uppercase());
    let valid_rid =
        rid.is_empty() || (rid.len() == 36 && lower_case && uuid::Uuid::try_parse(rid).is_ok());
    if !valid_rid
        || signal.parse::<u32>().is_ok_and(|code| code > 255)
        || body.len() > LARGEST_REQUEST
    {
        return refused(400);
    }
    if headers.contains_key("transfer-encoding") {
        return (String::new(), 200);
    }
    match std::str::from_utf8(&body[..body.len().min(limit)]) {
        Ok(text) => (text.to_owned(), 200),
        Err(_) => refused(500),
    }
}
