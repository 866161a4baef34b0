//! An rclone whose storage fails as told: it is called as our program calls rclone, and speaks what our program asks
//! of restic's REST protocol ("REST Backend" in restic's References: HEAD /config, GET /keys/, POST /?create=true).
//!
//! `RCLONE_FAKE_ANSWERS` tells what it answers, such as `config=404 keys=files:0 snapshots=500`: a status, a listing
//! of so many files, or `hang`. What is not told is 404. Each request is a line of the file `RCLONE_FAKE_LOG`.
//!
//! With `RCLONE_FAKE_PATCHED` it plays INFN's patched rclone, which is built on 1.58: it tells of the option
//! `oidc_agent`, and listens on one port only. A server writes its arguments and its environment, a line each, to the
//! file `RCLONE_FAKE_STARTED`.

// A test that asks for nonsense is to see it.
#![allow(clippy::expect_used)]

use std::fs::OpenOptions;
use std::io::Write;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::{TcpListener, UnixListener};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let patched = std::env::var_os("RCLONE_FAKE_PATCHED").is_some();
    if args.iter().any(|arg| arg == "help") {
        return help(patched);
    }
    note_start(&args);
    let app = Router::new().fallback(answer);
    let mut addresses = args
        .windows(2)
        .filter(|pair| pair[0] == "--addr")
        .map(|pair| pair[1].as_str());
    if patched {
        let address = addresses.next_back().expect("an --addr");
        let port = address.rsplit(':').next().expect("a port");
        let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
        return axum::serve(listener, app).await;
    }
    let socket = addresses
        .find_map(|address| address.strip_prefix("unix://"))
        .expect("an --addr unix://PATH among the arguments");
    axum::serve(UnixListener::bind(socket)?, app).await
}

/// `rclone help backend s3`: the head of an option, as rclone prints each.
fn help(patched: bool) -> std::io::Result<()> {
    let option = if patched { "oidc_agent" } else { "env_auth" };
    let flag = option.replace('_', "-");
    let mut out = std::io::stdout();
    writeln!(
        out,
        "#### --s3-{flag}\n\nProperties:\n\n- Config:      {option}"
    )
}

fn note_start(args: &[String]) {
    let Ok(path) = std::env::var("RCLONE_FAKE_STARTED") else {
        return;
    };
    let environment = std::env::vars().map(|(name, value)| format!("{name}={value}"));
    let lines: Vec<String> = args.iter().cloned().chain(environment).collect();
    std::fs::write(path, lines.join("\n")).expect("a written file");
}

async fn answer(method: Method, uri: Uri) -> Response {
    log(&format!("{method} {uri}"));
    let resource = uri.path().trim_matches('/');
    if method == Method::POST || method == Method::DELETE {
        return StatusCode::OK.into_response();
    }
    let told = std::env::var("RCLONE_FAKE_ANSWERS").unwrap_or_default();
    let told = told
        .split(' ')
        .filter_map(|one| one.split_once('='))
        .find(|(name, _)| *name == resource)
        .map_or("404", |(_, answer)| answer);
    if told == "hang" {
        std::future::pending::<()>().await;
    }
    match told.strip_prefix("files:") {
        Some(count) => listing(count.parse().expect("a number of files")).into_response(),
        None => told
            .parse::<StatusCode>()
            .expect("a status")
            .into_response(),
    }
}

/// A listing of version 2, which has the names and the sizes.
fn listing(count: usize) -> String {
    let files: Vec<String> = (0..count)
        .map(|number| format!(r#"{{"name":"{number:064x}","size":100}}"#))
        .collect();
    format!("[{}]", files.join(","))
}

fn log(line: &str) {
    let Ok(path) = std::env::var("RCLONE_FAKE_LOG") else {
        return;
    };
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("a writable log");
    writeln!(file, "{line}").expect("a written line");
}
