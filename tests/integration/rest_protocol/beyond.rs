//! What the protocol says nothing about, beside what a careful server would do.

use std::time::Duration;

use super::requests::{common, name};
use super::scene::PLANTED;
use super::wire::{Port, end};
use super::{Case, Place, Scene};

const UNTOUCHED: &str = "an error each; nothing outside is read, written or removed";
/// More than fits into any buffer on the way.
const LARGE: usize = 2_000_000;

/// Ways to spell a path out of the repository to the file beside it.
fn spellings() -> Vec<String> {
    let mut all = Vec::new();
    for dots in ["..", "%2e%2e", "%2E.", ".%2e"] {
        for slash in ["/", "%2f", "%2F"] {
            all.push(format!("/{dots}{slash}{PLANTED}"));
            all.push(format!("/data/{dots}{slash}{dots}{slash}{PLANTED}"));
            all.push(format!(
                "/second/data/{dots}{slash}{dots}/{dots}{slash}{PLANTED}"
            ));
            all.push(format!("/.{slash}{dots}{slash}{PLANTED}"));
            all.push(format!("//{dots}{slash}{PLANTED}"));
        }
    }
    all.extend(["/data/..", "/..", "/."].map(str::to_owned));
    all
}

fn traversal(scene: &Scene) -> String {
    let mut taken = Vec::new();
    for path in spellings() {
        let mut upload = scene.port().begin("POST", &path, "Content-Length: 4\r\n");
        upload.send(b"evil");
        let ends = [
            scene.port().raw("GET", &path),
            upload.status(),
            scene.port().raw("DELETE", &path),
        ];
        if let Some(status) = ends.iter().flatten().find(|status| **status < 400) {
            taken.push(format!("{path}: {status}"));
        }
        assert!(ends.iter().all(Option::is_some), "no answer for {path}");
    }
    scene.nothing_outside_was_touched("traversal");
    if taken.is_empty() {
        UNTOUCHED.to_owned()
    } else {
        taken.join("; ")
    }
}

/// Stores under this name, and tells whether it is there then.
fn named(port: Port, name: &str) -> String {
    let path = format!("/keys/{name}");
    let posted = port.post(&path, b"content").status;
    let got = port.get(&path);
    match posted {
        200 => got.content(b"content"),
        400.. if got.status >= 400 => "an error".to_owned(),
        status => format!("{status}, and yet {}", got.status),
    }
}

/// An upload of which half comes.
fn half(port: Port, path: &str, content: &[u8]) -> Option<u16> {
    let length = format!("Content-Length: {}\r\n", content.len());
    let mut upload = port.begin("POST", path, &length);
    upload.send(&content[..content.len() / 2]);
    upload.end()
}

fn half_chunked(port: Port, path: &str, content: &[u8]) -> Option<u16> {
    let mut upload = port.begin("POST", path, "Transfer-Encoding: chunked\r\n");
    let chunk = &content[..content.len() / 2];
    upload.send(format!("{:x}\r\n", chunk.len()).as_bytes());
    upload.send(chunk);
    upload.send(b"\r\n");
    upload.end()
}

/// What is under a name after an upload that must not count.
fn left(port: Port, path: &str) -> String {
    let listed = port.list("/locks/").1;
    let is_listed = listed.iter().any(|(name, _)| path.ends_with(name.as_str()));
    match (port.get(path), is_listed) {
        (got, false) if got.status == 404 => "nothing is stored".to_owned(),
        (got, true) if got.status == 200 => "the half is stored".to_owned(),
        (got, is_listed) => format!("{}, in the list: {is_listed}", got.status),
    }
}

/// A large content, all of this byte.
fn filled(byte: u8) -> Vec<u8> {
    vec![byte; LARGE]
}

fn one_of_two(port: Port) -> String {
    let path = format!("/locks/{}", name(50));
    let (slow, fast) = (filled(b'a'), filled(b'b'));
    let mut upload = port.begin("POST", &path, &format!("Content-Length: {LARGE}\r\n"));
    upload.send(&slow[..LARGE / 2]);
    // Until the server has begun to write it.
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(port.post(&path, &fast).status, 200);
    upload.send(&slow[LARGE / 2..]);
    let status = upload.end();
    let stored = port.get(&path).body;
    if stored == slow || stored == fast {
        "one of the two, whole".to_owned()
    } else {
        format!(
            "{}: a mixture of both",
            status.map_or("no answer".to_owned(), end)
        )
    }
}

fn same_name_and_content(scene: &Scene) -> String {
    let port = scene.port();
    let path = format!("/locks/{}", name(51));
    let content = filled(b'c');
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| port.post(&path, &content).status))
            .collect();
        all.into_iter()
            .map(|one| one.join().expect("an end"))
            .collect()
    });
    let got = port.get(&path).content(&content);
    let failed = statuses.iter().filter(|status| **status == 500).count();
    let is_well =
        got == "200, the content" && statuses.iter().all(|status| matches!(status, 200 | 500));
    // On a directory it depends on the moment whether one of them fails, seen in three of eight runs.
    if matches!(scene.place(), Place::Directory) && is_well && failed < 8 {
        "200, the content; at times 500 for some of them".to_owned()
    } else if statuses == [200; 8] {
        got
    } else {
        format!("{statuses:?}, then {got}")
    }
}

fn many_clients(port: Port) -> String {
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16_u32)
            .map(|client| {
                scope.spawn(move || {
                    let mut wrong = Vec::new();
                    for round in 0..4 {
                        let path = format!("/data/{}", name(1000 + 16 * round + client));
                        let content = vec![u8::try_from(client).expect("a byte"); 200_000];
                        let ends = [
                            port.post(&path, &content).end(),
                            port.get(&path).content(&content),
                            port.list("/locks/").0.end(),
                            port.delete(&path).end(),
                        ];
                        if ends != ["200", "200, the content", "200", "200"] {
                            wrong.push(format!("{ends:?}"));
                        }
                    }
                    wrong
                })
            })
            .collect();
        all.into_iter()
            .flat_map(|one| one.join().expect("an end"))
            .collect()
    });
    if wrong.is_empty() {
        "each gets what it sent".to_owned()
    } else {
        wrong.join("; ")
    }
}

pub const CASES: &[Case] = &[
    Case {
        request: "`GET`, `POST` and `DELETE` of a path that leads out of the repository, in 63 spellings",
        expected: UNTOUCHED,
        run: traversal,
    },
    Case {
        request: "`POST /data/..name`",
        expected: "an error",
        run: |scene| {
            let posted = scene.port().post("/data/..name", b"content").status;
            let beside = scene.port().get("/..name").status;
            match (posted, beside) {
                (400.., _) => "an error".to_owned(),
                (status, 200) => format!("{status}, stored as `/..name`, beside `data`"),
                (status, _) => format!("{status}, stored"),
            }
        },
    },
    Case {
        request: "an absolute path: `POST //home/user/base/name`, and `/%2fhome/...`",
        expected: "an error, or it stays in the repository",
        run: |scene| {
            for slash in ["/", "%2f"] {
                let path = format!("/{slash}home/user/base/{PLANTED}");
                let mut upload = scene.port().begin("POST", &path, "Content-Length: 4\r\n");
                upload.send(b"evil");
                upload.status();
                scene.port().raw("DELETE", &path);
                scene.nothing_outside_was_touched(&path);
            }
            "an error, or it stays in the repository".to_owned()
        },
    },
    Case {
        request: "a type that restic does not have: `POST /other/name`",
        expected: "an error",
        run: |scene| {
            let posted = scene.port().post("/other/name", b"content").end();
            format!("{posted}, stored")
        },
    },
    Case {
        request: "a name of 255 bytes",
        expected: "200, the content",
        run: |scene| named(scene.port(), &"n".repeat(255)),
    },
    Case {
        request: "a name of 300 bytes",
        expected: "an error",
        run: |scene| named(scene.port(), &"n".repeat(300)),
    },
    Case {
        request: "a name of 2000 bytes",
        expected: "an error",
        run: |scene| named(scene.port(), &"n".repeat(2000)),
    },
    Case {
        request: "a name of 2 MB",
        expected: "431",
        run: |scene| {
            let path = format!("/keys/{}", "n".repeat(LARGE));
            match scene.port().raw("GET", &path) {
                Some(status) => status.to_string(),
                None => "closed without an answer".to_owned(),
            }
        },
    },
    Case {
        request: "a name with a NUL byte (`%00`)",
        expected: "an error",
        run: |scene| {
            let mut upload = scene
                .port()
                .begin("POST", "/keys/a%00b", "Content-Length: 4\r\n");
            upload.send(b"evil");
            let posted = upload.status();
            match posted {
                Some(400..) => "an error".to_owned(),
                Some(status) => format!("{status}, stored"),
                None => "no answer".to_owned(),
            }
        },
    },
    Case {
        request: "content that does not match its name (restic's is the SHA-256)",
        expected: "an error",
        run: |scene| {
            let path = format!("/data/{}", name(60));
            let posted = scene.port().post(&path, b"another content").status;
            let got = scene.port().get(&path).content(b"another content");
            match posted {
                400.. => "an error".to_owned(),
                other => format!("{other}, stored: {got}"),
            }
        },
    },
    Case {
        request: "`POST` of a name that is there, with other content",
        expected: "an error",
        run: |scene| {
            let path = format!("/keys/{}", name(61));
            assert_eq!(scene.port().post(&path, b"first").status, 200);
            let posted = scene.port().post(&path, b"second").end();
            let got = scene.port().get(&path).body;
            format!(
                "{posted}, {}",
                if got == b"second" { "replaced" } else { "kept" }
            )
        },
    },
    Case {
        request: "an upload that breaks off halfway",
        expected: "nothing is stored",
        run: |scene| {
            let path = format!("/locks/{}", name(70));
            half(scene.port(), &path, &filled(b'h'));
            left(scene.port(), &path)
        },
    },
    Case {
        request: "the same without a `Content-Length` (chunked)",
        expected: "nothing is stored",
        run: |scene| {
            let ends = [100, LARGE].map(|length| {
                let path = format!("/locks/{}", name(u32::try_from(length).expect("a number")));
                half_chunked(scene.port(), &path, &filled(b'h')[..length]);
                (format!("{length} bytes"), left(scene.port(), &path))
            });
            common(&ends)
        },
    },
    Case {
        request: "an upload that breaks off halfway, of a name that is there",
        expected: "what was there stays",
        run: |scene| {
            let path = format!("/locks/{}", name(71));
            assert_eq!(scene.port().post(&path, b"first").status, 200);
            half(scene.port(), &path, &filled(b'h'));
            let got = scene.port().get(&path);
            match got.status {
                200 if got.body == b"first" => "what was there stays".to_owned(),
                404 => "neither is there".to_owned(),
                other => format!("{other}, {} bytes", got.body.len()),
            }
        },
    },
    Case {
        request: "eight uploads of one name at once, of the same content",
        expected: "200, the content",
        run: same_name_and_content,
    },
    Case {
        request: "two uploads of one name, one during the other, of different content",
        expected: "one of the two, whole",
        run: |scene| one_of_two(scene.port()),
    },
    Case {
        request: "sixteen clients at once that write, read, list and remove",
        expected: "each gets what it sent",
        run: |scene| many_clients(scene.port()),
    },
    Case {
        request: "an object that another program removed, known from before",
        expected: "404",
        run: |scene| {
            let name = name(80);
            let path = format!("/keys/{name}");
            assert_eq!(scene.port().post(&path, b"content").status, 200);
            scene.remove(&format!("keys/{name}"));
            let ends = ["HEAD", "GET"].map(|method| {
                let answer = scene.port().ask(method, &path, &[], b"");
                (format!("`{method}`"), answer.status.to_string())
            });
            let before = common(&ends);
            scene.port().list("/keys/");
            let after = scene.port().head(&path).status;
            match before.as_str() {
                "404" => before,
                _ => format!("{before}; after the next list {after}"),
            }
        },
    },
    Case {
        request: "`PUT` and `PATCH`",
        expected: "405",
        run: |scene| {
            let ends = ["PUT", "PATCH"].map(|method| {
                let answer = scene.port().ask(method, "/keys/name", &[], b"content");
                (method.to_owned(), answer.status.to_string())
            });
            common(&ends)
        },
    },
];
