//! An rclone whose storage fails as told: it is called as our program calls rclone, and speaks what our program asks
//! of restic's REST protocol ("REST Backend" in restic's References: HEAD /config, GET /keys/, POST /?create=true).
//!
//! `RCLONE_FAKE_ANSWERS` tells what it answers, such as `config=404 keys=files:0 snapshots=500`: a status, a listing
//! of so many files, or `hang`. What is not told is 404. Each request is a line of the file `RCLONE_FAKE_LOG`.

// A test that asks for nonsense is to see it.
#![allow(clippy::expect_used)]

use std::fs::OpenOptions;
use std::io::Write;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::UnixListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let socket = args
        .iter()
        .find_map(|arg| arg.strip_prefix("unix://"))
        .expect("an --addr unix://PATH among the arguments");
    let listener = UnixListener::bind(socket)?;
    axum::serve(listener, Router::new().fallback(answer)).await
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
