//! What time it is where an answer comes from: its `Date` header (RFC 9110, 6.6.1), in whole seconds.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap};

/// The time in the header; `None` where there is none that can be read.
#[must_use]
pub fn of(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    rfc2822::DateTimeParser::new()
        .parse_timestamp(text.trim())
        .ok()
}
