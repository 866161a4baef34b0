//! Why there was no answer, in a few words: of the chain of causes that reqwest gives, the one that a person can use.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::CertificateError;

use crate::supervise::without_tokens;

/// The reason as a fragment that fits after "cannot be reached: "; the deadlines are those that the client was made with.
#[must_use]
pub fn reason(error: &reqwest::Error, connect: Duration, request: Duration) -> String {
    if error.is_timeout() {
        return if error.is_connect() {
            format!("no connection within {}", seconds(connect))
        } else {
            format!("no answer within {}", seconds(request))
        };
    }
    if let Some(flaw) = untrusted(error) {
        return format!(
            "its certificate is not trusted: {flaw} (an authority of your own: see EXTRA_CA_FILE)"
        );
    }
    match (causes(error).find_map(known), causes(error).skip(1).last()) {
        (Some(reason), _) => reason,
        (None, Some(last)) => without_tokens(&last.to_string()),
        // reqwest's own text is the first of the chain, and has the address with it.
        (None, None) => "the request failed".to_owned(),
    }
}

/// What is wrong with the certificate, where that is the reason.
#[must_use]
pub fn untrusted(error: &reqwest::Error) -> Option<String> {
    causes(error).find_map(|cause| match cause.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(error)) => Some(flaw(error)),
        _ => None,
    })
}

/// The error and what it was caused by, down to the first cause.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    std::iter::successors(Some(first), |&cause| {
        // What an I/O error wraps is no source of it, and may be what counts.
        let inner = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        inner.or_else(|| cause.source())
    })
}

fn known(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidMessage(_)) = cause.downcast_ref() {
        return Some("what answers there does not speak TLS".to_owned());
    }
    let error = cause.downcast_ref::<io::Error>()?;
    let text = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        // Also what rustls makes of an end without a farewell.
        | io::ErrorKind::UnexpectedEof => "the connection was broken off",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            "there is no way to it from this network"
        }
        // The standard library has no kind for what the resolver says.
        _ => {
            return error
                .to_string()
                .strip_prefix("failed to lookup address information: ")
                .map(|text| format!("its name is not found ({text})"));
        }
    };
    Some(text.to_owned())
}

fn flaw(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "who signed it is not known here".to_owned(),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "it has expired or is not valid yet, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        other => without_tokens(&other.to_string()),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f32())
}
