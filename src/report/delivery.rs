//! What became of a report, in one line that names the variable and the next step, and never the check's path.

use std::fmt;

use super::CheckUrl;

/// What became of a report.
#[derive(Debug)]
pub enum Delivery {
    /// No check URL is set.
    NotConfigured,
    /// The server took it.
    Delivered,
    /// The process had to end before the server answered.
    BrokenOff,
    /// The server says 200, and that it did not count it.
    Doubtful {
        /// Where it went.
        check: CheckUrl,
        /// The server's answer.
        answer: String,
    },
    /// It did not get there.
    Failed {
        /// Where it was to go.
        check: CheckUrl,
        /// Why not.
        cause: Cause,
    },
}

/// Why a report did not get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The server answered with an error.
    Status(u16),
    /// No connection, or no answer in time.
    Unreachable(String),
    /// Whoever answers is not proven to be the server.
    Certificate(String),
}

impl Delivery {
    /// What somebody must hear of: all but a report that arrived, or that nobody asked for.
    #[must_use]
    pub fn trouble(self) -> Option<Self> {
        match self {
            Self::NotConfigured | Self::Delivered => None,
            trouble => Some(trouble),
        }
    }
}

impl Cause {
    /// reqwest's own text names the URL, and leaves the reason to its sources.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Unreachable("no answer in time".to_owned());
        }
        let mut deepest: &dyn std::error::Error = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        if std::ptr::addr_eq(deepest, error) {
            return Self::Unreachable("the request failed".to_owned());
        }
        let why = deepest.to_string();
        if why.contains("certificate") {
            Self::Certificate(why)
        } else {
            Self::Unreachable(why)
        }
    }
}

impl fmt::Display for Delivery {
    /// One line for standard error: which check, what happened, what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured => f.write_str("nobody is told of this run: no check URL is set"),
            Self::Delivered => f.write_str("reported"),
            Self::BrokenOff => f.write_str(
                "warning: the report was broken off by a stop, before the server took it",
            ),
            Self::Doubtful { check, answer } => {
                let cause = match answer.as_str() {
                    "OK (not found)" => "there is no such check: correct the URL",
                    "OK (rate limited)" => "too many pings in a minute: this one was not counted",
                    _ => "that is no answer of Healthchecks: correct the URL",
                };
                write!(
                    f,
                    "warning: the report to {check} was answered with {answer:?}: {cause}"
                )
            }
            Self::Failed { check, cause } => write!(
                f,
                "warning: the report to {check} was not delivered: {cause}"
            ),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "{why}; check the URL and the network"),
            Self::Certificate(why) => write!(
                f,
                "{why}; check the URL, and whether the server's certificate is valid; a certificate authority of your own \
                 belongs in the file that EXTRA_CA_FILE names"
            ),
            Self::Status(status) => {
                let meaning = match status {
                    400 => "the server refuses the request: the URL is no ping URL",
                    404 => "there is no such check: correct the URL, or make the check",
                    409 => "several checks have this slug: use the UUID in the URL",
                    413 => "a proxy takes no report of this length: let it take 100 kB",
                    408 | 429 => "the server is too busy: the next run reports again",
                    300..=399 => "the server sends elsewhere: use the URL that it names",
                    500..=599 => "the server has a problem: the next run reports again",
                    _ => "check the URL",
                };
                write!(f, "status {status}, {meaning}")
            }
        }
    }
}
