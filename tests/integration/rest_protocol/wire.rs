//! Requests to the port: proper ones by an HTTP client, all others byte by byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use reqwest::Method;

pub const USERNAME: &str = "planted-user";
pub const PASSWORD: &str = "planted-rest-password-3c9a";

/// No answer takes longer.
const DEADLINE: Duration = Duration::from_mins(1);

/// The port of a server.
#[derive(Debug, Clone, Copy)]
pub struct Port(pub SocketAddr);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub length: Option<u64>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The status, or `an error` for all that are one.
    pub fn end(&self) -> String {
        end(self.status)
    }

    /// The same, with whether this content came.
    pub fn content(&self, expected: &[u8]) -> String {
        match self.status {
            200 | 206 if self.body == expected => format!("{}, the content", self.status),
            200 | 206 => format!("{}, another content", self.status),
            other => end(other),
        }
    }
}

/// A status in the words of the table.
pub fn end(status: u16) -> String {
    match status {
        400.. => format!("an error ({status})"),
        other => other.to_string(),
    }
}

impl Port {
    /// A proper request of who has the password, with these headers.
    pub fn ask(self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.ask_as(Some((USERNAME, PASSWORD)), method, path, headers, body)
    }

    /// The same of somebody else.
    pub fn ask_as(
        self,
        login: Option<(&str, &str)>,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            // It asks for a provider of cryptography, though nothing here is encrypted.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = reqwest::Client::builder()
                .tls_certs_only([])
                .no_proxy()
                .timeout(DEADLINE)
                .build()
                .expect("a client");
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let mut request = client.request(method, format!("http://{}{path}", self.0));
            if let Some((username, password)) = login {
                request = request.basic_auth(username, Some(password));
            }
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            if !body.is_empty() {
                request = request.body(body.to_vec());
            }
            let answer = request.send().await.expect("an answer");
            let header = |name: &str| {
                let value = answer.headers().get(name)?.to_str().ok()?;
                Some(value.to_owned())
            };
            Answer {
                status: answer.status().as_u16(),
                content_type: header("content-type").unwrap_or_default(),
                length: header("content-length").and_then(|text| text.parse().ok()),
                body: answer.bytes().await.expect("a body").to_vec(),
            }
        })
    }

    pub fn get(self, path: &str) -> Answer {
        self.ask("GET", path, &[], b"")
    }

    pub fn head(self, path: &str) -> Answer {
        self.ask("HEAD", path, &[], b"")
    }

    pub fn post(self, path: &str, body: &[u8]) -> Answer {
        self.ask("POST", path, &[], body)
    }

    pub fn delete(self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], b"")
    }

    /// The list of version 2: names and sizes, sorted.
    pub fn list(self, path: &str) -> (Answer, Vec<(String, u64)>) {
        let accept = [("Accept", "application/vnd.x.restic.rest.v2")];
        let answer = self.ask("GET", path, &accept, b"");
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let files = json.as_array().cloned().unwrap_or_default();
        let mut files: Vec<(String, u64)> = files
            .iter()
            .filter_map(|file| Some((file["name"].as_str()?.to_owned(), file["size"].as_u64()?)))
            .collect();
        files.sort_unstable();
        (answer, files)
    }

    /// A request as it stands there, of which the body is still to come.
    pub fn begin(self, method: &str, path: &str, headers: &str) -> Begun {
        let mut stream = TcpStream::connect(self.0).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a deadline");
        let login =
            base64::engine::general_purpose::STANDARD.encode(format!("{USERNAME}:{PASSWORD}"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: server\r\nConnection: close\r\nAuthorization: Basic {login}\r\n{headers}\r\n"
        );
        // A server that has had enough of it may have answered and closed before the end.
        let _ = stream.write_all(head.as_bytes());
        Begun(stream)
    }

    /// The status of a request without a body, whose path nobody tidies up.
    pub fn raw(self, method: &str, path: &str) -> Option<u16> {
        self.begin(method, path, "").status()
    }
}

/// A request that is on its way.
pub struct Begun(TcpStream);

impl Begun {
    /// Sends more of the body, if the server still takes any: what it makes of it is told by its answer.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Sends nothing more, and reads the answer's status; `None`: the connection was closed without one.
    pub fn end(self) -> Option<u16> {
        let _ = self.0.shutdown(Shutdown::Write);
        self.status()
    }

    /// Reads the answer's status.
    pub fn status(mut self) -> Option<u16> {
        let mut text = Vec::new();
        let _ = self.0.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text);
        text.split(' ').nth(1)?.parse().ok()
    }
}
