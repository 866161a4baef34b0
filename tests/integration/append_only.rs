//! The port with `RESTIC_REST_APPEND_ONLY=true`, what it keeps a client from, and what it does not.

use crate::harness::{Container, Ended, Installation, RESTIC_PASSWORD, docker, image};
use crate::rest_protocol::{opened, published, wire};

/// An ordinary restic on this machine's network, with the password of the port.
fn client<const N: usize>(server: &Container, args: [&str; N]) -> Ended {
    let options = [
        "run".to_owned(),
        "--rm".to_owned(),
        format!("--network=container:{}", server.id),
        "--env=RESTIC_REPOSITORY=rest:http://127.0.0.1:8080/".to_owned(),
        format!("--env=RESTIC_PASSWORD={RESTIC_PASSWORD}"),
        format!("--env=RESTIC_REST_USERNAME={}", wire::USERNAME),
        format!("--env=RESTIC_REST_PASSWORD={}", wire::PASSWORD),
        // restic tries a refused removal again, for longer than anybody waits.
        "--entrypoint=/usr/bin/timeout".to_owned(),
        image(),
        "20".to_owned(),
        "/usr/bin/restic".to_owned(),
    ];
    let args = args.iter().copied();
    docker(options.iter().map(String::as_str).chain(args))
}

fn append_only() -> Installation {
    opened(Installation::new()).env("RESTIC_REST_APPEND_ONLY", "true")
}

fn names(port: wire::Port, kind: &str) -> Vec<String> {
    let (answer, files) = port.list(&format!("/{kind}/"));
    assert_eq!(answer.status, 200);
    files.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_client_adds_and_reads_and_the_containers_own_jobs_forget() {
    let installation = append_only();
    installation.write("file", "of the container");
    let server = installation.server();
    assert!(
        server
            .logs()
            .contains("port 8080 is append-only: nothing but locks can be removed by it")
    );
    client(&server, ["init"]).ok();
    for _ in 0..2 {
        client(&server, ["backup", "--host=other", "/etc/hostname"]).ok();
    }
    client(&server, ["check"]).ok();
    client(&server, ["dump", "latest", "/etc/hostname"]).ok();
    let refused = client(
        &server,
        ["forget", "--host=other", "--keep-last=1", "--prune"],
    );
    assert_ne!(refused.code, 0, "{}", refused.all());
    let port = wire::Port(published(&server));
    assert_eq!(names(port, "snapshots").len(), 2);

    // The jobs of the container go by the socket.
    server.exec(["backup", "/backup/dir1"]).ok();
    server.exec(["restic", "unlock", "--remove-all"]).ok();
    server
        .exec(["forget", "--host=other", "--keep-last", "1", "--prune"])
        .ok();
    assert_eq!(names(port, "snapshots").len(), 2);
    client(&server, ["check", "--read-data"]).ok();
    assert!(server.stop().as_secs() < 10);
    // A storage that lets nothing be removed; restic itself ends with 0.
    installation
        .env("RCLONE_APPEND_ONLY", "true")
        .run(["forget", "--keep-last=1", "--group-by="])
        .code(3)
        .says("some snapshots could not be removed");
}

#[test]
fn nothing_but_locks_is_removed_or_replaced_however_it_is_asked() {
    let installation = append_only();
    let server = installation.server();
    let port = wire::Port(published(&server));
    let name = "ab".repeat(32);
    assert_eq!(port.post("/config", b"first").status, 200);
    for kind in ["data", "keys", "snapshots", "index", "locks"] {
        let path = format!("/{kind}/{name}");
        assert_eq!(port.post(&path, b"first").status, 200, "{path}");
        assert_eq!(port.post(&path, b"second").status, 403, "{path}");
        let removed = if kind == "locks" { 200 } else { 403 };
        assert_eq!(port.delete(&path).status, removed, "{path}");
    }
    assert_eq!(port.post("/config", b"second").status, 403);
    assert_eq!(port.delete("/config").status, 403);
    let spellings = [
        format!("/locks/../data/{name}"),
        format!("/locks/%2e%2e/data/{name}"),
        format!("/locks%2f..%2fdata%2f{name}"),
        format!("/data/{name}/locks/"),
        format!("/data/locks/../{name}"),
        format!("/locks//data/{name}"),
        format!("/data/{name}/locks/.."),
        format!("/data/ab/{name}"),
        format!("//data/{name}"),
        format!("/data/{name}/"),
    ];
    for path in &spellings {
        let status = port.raw("DELETE", path).expect("an answer");
        assert!(status >= 400, "DELETE {path}: {status}");
        let mut upload = port.begin("POST", path, "Content-Length: 4\r\n");
        upload.send(b"evil");
        upload.status();
    }
    for kind in ["data", "keys", "snapshots", "index"] {
        let got = port.get(&format!("/{kind}/{name}"));
        assert_eq!(got.content(b"first"), "200, the content", "{kind}");
    }
    assert_eq!(port.get("/config").content(b"first"), "200, the content");
}

#[test]
fn it_keeps_nobody_from_what_the_document_says() {
    let installation = append_only();
    let server = installation.server();
    server.exec(["restic", "init"]).ok();
    let port = wire::Port(published(&server));
    let lock = "cd".repeat(32);
    // Somebody else's lock goes; what is nonsense comes in, as if it were restic's.
    assert_eq!(
        port.post(&format!("/locks/{lock}"), b"nonsense").status,
        200
    );
    assert_eq!(port.delete(&format!("/locks/{lock}")).status, 200);
    assert_eq!(
        port.post(&format!("/snapshots/{lock}"), b"nonsense").status,
        200
    );
    let told = server.exec(["restic", "snapshots"]);
    assert!(told.all().contains(&lock[..8]), "{}", told.all());
}
