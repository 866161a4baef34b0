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
    let mut cause: &(dyn Error + 'static) = error;
    loop {
        if let Some(reason) = known(cause) {
            return reason;
        }
        // What an I/O error wraps is no source of it, and may be what counts.
        let inner = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        match inner.or_else(|| cause.source()) {
            Some(next) => cause = next,
            // reqwest's own text is the first of the chain, and has the address with it.
            None if std::ptr::addr_eq(cause, error) => return "the request failed".to_owned(),
            None => return without_tokens(&cause.to_string()),
        }
    }
}

fn known(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidCertificate(error)) = cause.downcast_ref() {
        return Some(format!("its certificate is not trusted: {}", flaw(error)));
    }
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
        CertificateError::UnknownIssuer => {
            "who signed it is not known here; if that is an authority of your own, name its certificate in EXTRA_CA_FILE"
                .to_owned()
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "it has expired or is not valid yet, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        other => without_tokens(&format!("{other} (see EXTRA_CA_FILE)")),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f32())
}
