//! What the pings of one run have in common: the HTTP client, made when it is first needed, and the length of a body.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::sync::OnceCell;

use super::Cause;
use crate::trust::Trust;

/// What INFN's server keeps of a body, in bytes; taken until the server says its own limit.
const USUAL_BODY_LIMIT: usize = 100_000;
/// What a server of one's own keeps unless it is told otherwise (`PING_BODY_LIMIT` in
/// <https://healthchecks.io/docs/self_hosted_configuration/>); no proxy takes less either.
const LEAST_BODY_LIMIT: usize = 10_000;
/// A larger limit than this is of no use: that much of the output is kept.
const LARGEST_BODY: usize = 1024 * 1024;
/// A smaller one cannot hold a verdict: it is taken for nonsense.
const SMALLEST_BODY: usize = 200;

/// What the pings of one run share: the connection, and what the server has said of its limit.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    trust: Trust,
    client: Arc<OnceCell<reqwest::Client>>,
    /// In bytes; 0 while unknown.
    limit: Arc<AtomicUsize>,
}

impl Line {
    pub(super) fn new(trust: Trust) -> Self {
        Self {
            trust,
            ..Self::default()
        }
    }

    /// The client, made by the first who needs it, beside everything else: it reads the system's certificates.
    pub(super) async fn client(&self) -> Result<&reqwest::Client, Cause> {
        let make = || async {
            let trust = self.trust.clone();
            match tokio::task::spawn_blocking(move || client(&trust)).await {
                Ok(Ok(client)) => Ok(client),
                Ok(Err(error)) => Err(Cause::of(&error)),
                Err(error) => Err(Cause::Unreachable(error.to_string())),
            }
        };
        self.client.get_or_try_init(make).await
    }

    pub(super) fn limit(&self) -> usize {
        match self.limit.load(Ordering::Relaxed) {
            0 => USUAL_BODY_LIMIT,
            known => known,
        }
    }

    pub(super) fn learn(&self, headers: &HeaderMap) {
        if let Some(known) = body_limit(headers) {
            self.limit.store(known, Ordering::Relaxed);
        }
    }

    /// Whether a shorter body may be taken where this one was not; then the next one is: the exit code matters most.
    ///
    /// A proxy may take less than the server behind it (413), and a server whose limit is not known yet cuts a longer
    /// body itself, and may fail on the character that it cuts in two (500).
    pub(super) fn shorten(&self, status: StatusCode, length: usize) -> bool {
        let known = self.limit.load(Ordering::Relaxed) != 0;
        let too_long = match status {
            StatusCode::PAYLOAD_TOO_LARGE => true,
            StatusCode::INTERNAL_SERVER_ERROR => !known,
            _ => false,
        };
        if !too_long || length <= LEAST_BODY_LIMIT {
            return false;
        }
        if length <= self.limit() {
            self.limit.store(LEAST_BODY_LIMIT, Ordering::Relaxed);
        }
        true
    }
}

/// The client of all pings. Healthchecks does not redirect: another place would get the report.
fn client(trust: &Trust) -> reqwest::Result<reqwest::Client> {
    trust
        .client()
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// The header `Ping-Body-Limit`, in bytes.
fn body_limit(headers: &HeaderMap) -> Option<usize> {
    let limit: usize = headers
        .get("Ping-Body-Limit")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    (limit >= SMALLEST_BODY).then_some(limit.min(LARGEST_BODY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(limit: &str) -> Line {
        let line = Line::default();
        let mut headers = HeaderMap::new();
        headers.insert("Ping-Body-Limit", limit.parse().unwrap());
        line.learn(&headers);
        line
    }

    #[test]
    fn a_body_limit_is_learned_within_bounds() {
        assert_eq!(line("10000").limit(), 10_000);
        assert_eq!(line("104857600").limit(), 1024 * 1024);
        for nonsense in ["0", "7", "-1", "10 kB", "", "99999999999999999999999"] {
            assert_eq!(line(nonsense).limit(), 100_000, "{nonsense:?}");
        }
    }

    #[test]
    fn a_body_is_shortened_only_where_its_length_may_be_the_trouble() {
        let shortened = |status: u16, known: &str, length| {
            let line = line(known);
            line.shorten(StatusCode::from_u16(status).unwrap(), length)
                .then(|| line.limit())
        };
        let unknown = "";
        assert_eq!(shortened(413, unknown, 100_000), Some(10_000));
        assert_eq!(shortened(413, "100000", 100_000), Some(10_000));
        assert_eq!(shortened(413, "50000", 100_000), Some(50_000));
        assert_eq!(shortened(413, unknown, 10_000), None);
        assert_eq!(shortened(500, unknown, 100_000), Some(10_000));
        assert_eq!(shortened(500, "100000", 100_000), None);
        assert_eq!(shortened(503, unknown, 100_000), None);
    }
}
