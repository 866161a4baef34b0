//! What restic's documentation asks of a server.

use super::wire::{Port, USERNAME};
use super::{Case, NOT_RUN, Place, Scene};

/// The types that have names; `config` has none.
const TYPES: [&str; 5] = ["data", "keys", "locks", "snapshots", "index"];

/// Its bytes are all different for a while: a range that is off by one shows.
fn content() -> Vec<u8> {
    (0..100).collect()
}

/// A name as restic's are: 64 hexadecimal digits.
pub fn name(number: u32) -> String {
    format!("{:02x}{number:062x}", number % 256)
}

/// What all of these ends are, or each of them where they differ.
pub fn common(ends: &[(String, String)]) -> String {
    let first = &ends[0].1;
    if ends.iter().all(|(_, end)| end == first) {
        return first.clone();
    }
    let told: Vec<String> = ends
        .iter()
        .map(|(what, end)| format!("{what}: {end}"))
        .collect();
    told.join("; ")
}

fn of_each_type(do_it: impl Fn(&str) -> String) -> String {
    let ends = TYPES.iter().map(|kind| ((*kind).to_owned(), do_it(kind)));
    common(&ends.collect::<Vec<_>>())
}

/// An error of any kind.
fn error(status: u16) -> String {
    match status {
        400.. => "an error".to_owned(),
        other => other.to_string(),
    }
}

fn stored(port: Port, path: &str) -> Vec<u8> {
    let content = content();
    assert_eq!(port.post(path, &content).status, 200, "POST {path}");
    content
}

fn range(scene: &Scene, range: &str) -> String {
    let path = format!("/data/{}", name(20));
    let content = stored(scene.port(), &path);
    let answer = scene.port().ask("GET", &path, &[("Range", range)], b"");
    let at = content
        .windows(answer.body.len().max(1))
        .position(|part| part == answer.body);
    match (answer.status, at) {
        (206, Some(at)) => format!("206, bytes {at} to {}", at + answer.body.len() - 1),
        (other, _) => other.to_string(),
    }
}

fn list_of_version_1(scene: &Scene, headers: &[(&str, &str)]) -> String {
    let name = name(30);
    stored(scene.port(), &format!("/index/{name}"));
    let answer = scene.port().ask("GET", "/index/", headers, b"");
    if answer.status != 200 {
        return answer.end();
    }
    let names: Vec<String> = serde_json::from_slice(&answer.body).unwrap_or_default();
    if names.contains(&name) {
        "200, an array of names".to_owned()
    } else {
        "200, something else".to_owned()
    }
}

fn long_list(scene: &Scene, folder: &str, count: usize) -> String {
    let (answer, files) = scene.port().list(folder);
    let whole = files.len() == count && files.iter().all(|(_, size)| *size == 1);
    match (answer.status, whole) {
        (200, true) => "200, all of them with their sizes".to_owned(),
        (200, false) => format!("200, {} of them", files.len()),
        (other, _) => other.to_string(),
    }
}

/// Uploads objects of one byte by a few connections at once.
fn upload_many(port: Port, folder: &str, count: u32) {
    const AT_ONCE: u32 = 8;
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE {
            scope.spawn(move || {
                for number in (first..count).step_by(AT_ONCE as usize) {
                    let path = format!("{folder}{}", name(number));
                    assert_eq!(port.post(&path, b"x").status, 200, "POST {path}");
                }
            });
        }
    });
}

pub const CASES: &[Case] = &[
    Case {
        request: "any request without the password, or with a wrong one",
        expected: "401",
        run: |scene| {
            let requests = [
                ("GET", "/config"),
                ("POST", "/config"),
                ("DELETE", "/keys/x"),
            ];
            let logins = [None, Some((USERNAME, "wrong")), Some(("wrong", "wrong"))];
            let ends = requests.iter().flat_map(|(method, path)| {
                logins.map(|login| {
                    let answer = scene.port().ask_as(login, method, path, &[], b"");
                    ((*method).to_owned(), answer.status.to_string())
                })
            });
            common(&ends.collect::<Vec<_>>())
        },
    },
    Case {
        request: "`HEAD` and `GET /config`, where there is none",
        expected: "an error",
        run: |scene| {
            let ends = ["HEAD", "GET"].map(|method| {
                let answer = scene.port().ask(method, "/config", &[], b"");
                (method.to_owned(), error(answer.status))
            });
            common(&ends)
        },
    },
    Case {
        request: "`GET /{type}/` where nothing is stored",
        expected: "200, an empty array",
        run: |scene| {
            of_each_type(|kind| {
                let (answer, _) = scene.port().list(&format!("/{kind}/"));
                match (answer.status, answer.body.trim_ascii()) {
                    (200, b"[]") => "200, an empty array".to_owned(),
                    (other, _) => other.to_string(),
                }
            })
        },
    },
    Case {
        request: "`POST /?create=true`, the first time and again",
        expected: "200",
        run: |scene| {
            let ends = ["first", "again"].map(|time| {
                let answer = scene.port().post("/?create=true", b"");
                (time.to_owned(), answer.status.to_string())
            });
            common(&ends)
        },
    },
    Case {
        request: "`POST /config`",
        expected: "200",
        run: |scene| scene.port().post("/config", &content()).status.to_string(),
    },
    Case {
        request: "`HEAD /config`",
        expected: "200",
        run: |scene| scene.port().head("/config").status.to_string(),
    },
    Case {
        request: "`GET /config`",
        expected: "200, the content",
        run: |scene| scene.port().get("/config").content(&content()),
    },
    Case {
        request: "`GET /config`: `Content-Type`",
        expected: "`binary/octet-stream`",
        run: |scene| format!("`{}`", scene.port().get("/config").content_type),
    },
    Case {
        request: "`POST /{type}/{name}`",
        expected: "200",
        run: |scene| {
            of_each_type(|kind| {
                let path = format!("/{kind}/{}", name(1));
                scene.port().post(&path, &content()).status.to_string()
            })
        },
    },
    Case {
        request: "`HEAD /{type}/{name}`",
        expected: "200, the size as `Content-Length`",
        run: |scene| {
            of_each_type(|kind| {
                let answer = scene.port().head(&format!("/{kind}/{}", name(1)));
                match (answer.status, answer.length) {
                    (200, Some(100)) => "200, the size as `Content-Length`".to_owned(),
                    (status, length) => format!("{status}, {length:?}"),
                }
            })
        },
    },
    Case {
        request: "`GET /{type}/{name}`",
        expected: "200, the content",
        run: |scene| {
            of_each_type(|kind| {
                let answer = scene.port().get(&format!("/{kind}/{}", name(1)));
                answer.content(&content())
            })
        },
    },
    Case {
        request: "`HEAD` and `GET` of a name that is not there",
        expected: "404",
        run: |scene| {
            of_each_type(|kind| {
                let path = format!("/{kind}/{}", name(2));
                let ends = ["HEAD", "GET"].map(|method| {
                    let answer = scene.port().ask(method, &path, &[], b"");
                    (method.to_owned(), answer.status.to_string())
                });
                common(&ends)
            })
        },
    },
    Case {
        request: "`GET` with `Range: bytes=10-19`",
        expected: "206, bytes 10 to 19",
        run: |scene| range(scene, "bytes=10-19"),
    },
    Case {
        request: "`GET` with `Range: bytes=90-`, and with `bytes=90-200`",
        expected: "206, bytes 90 to 99",
        run: |scene| {
            let ends = ["bytes=90-", "bytes=90-200"];
            common(&ends.map(|text| (text.to_owned(), range(scene, text))))
        },
    },
    Case {
        request: "`GET` with `Range: bytes=-10`",
        expected: "206, bytes 90 to 99",
        run: |scene| range(scene, "bytes=-10"),
    },
    Case {
        request: "`GET` with `Range: bytes=100-200`, behind the end",
        expected: "416",
        run: |scene| range(scene, "bytes=100-200"),
    },
    Case {
        request: "`DELETE /{type}/{name}`, and `HEAD` of it",
        expected: "200, then 404",
        run: |scene| {
            of_each_type(|kind| {
                let path = format!("/{kind}/{}", name(1));
                let deleted = scene.port().delete(&path).status;
                format!("{deleted}, then {}", scene.port().head(&path).status)
            })
        },
    },
    Case {
        request: "`DELETE` of a name that is not there",
        expected: "an error",
        run: |scene| {
            of_each_type(|kind| {
                let answer = scene.port().delete(&format!("/{kind}/{}", name(2)));
                error(answer.status)
            })
        },
    },
    Case {
        request: "`GET /{type}/`, version 2",
        expected: "200, an array of names and sizes",
        run: |scene| {
            of_each_type(|kind| {
                let name = name(3);
                stored(scene.port(), &format!("/{kind}/{name}"));
                let (answer, files) = scene.port().list(&format!("/{kind}/"));
                if files.contains(&(name, 100)) {
                    format!("{}, an array of names and sizes", answer.status)
                } else {
                    format!("{}, {files:?}", answer.status)
                }
            })
        },
    },
    Case {
        request: "`GET /{type}/`, version 2: `Content-Type`",
        expected: "`application/vnd.x.restic.rest.v2`",
        run: |scene| {
            let (answer, _) = scene.port().list("/keys/");
            format!("`{}`", answer.content_type)
        },
    },
    Case {
        request: "`GET /{type}/`, version 1 by its media type",
        expected: "200, an array of names",
        run: |scene| list_of_version_1(scene, &[("Accept", "application/vnd.x.restic.rest.v1")]),
    },
    Case {
        request: "`GET /{type}/`, version 1 by no media type",
        expected: "200, an array of names",
        run: |scene| list_of_version_1(scene, &[]),
    },
    Case {
        request: "a list of 1100 objects (S3 gives 1000 at a time)",
        expected: "200, all of them with their sizes",
        run: |scene| {
            upload_many(scene.port(), "/many/data/", 1100);
            long_list(scene, "/many/data/", 1100)
        },
    },
    Case {
        request: "a list of 10 000 objects",
        expected: "200, all of them with their sizes",
        run: |scene| match scene.place() {
            Place::Objects { .. } => NOT_RUN.to_owned(),
            Place::Directory => {
                let before = scene.port().list("/data/").1;
                for (name, _) in before {
                    scene.port().delete(&format!("/data/{name}"));
                }
                scene.fill_directory(10_000);
                long_list(scene, "/data/", 10_000)
            }
        },
    },
    Case {
        request: "another `{path}`: a repository of its own at `/second/`",
        expected: "200, and neither sees the other's objects",
        run: |scene| {
            let port = scene.port();
            let own = name(4);
            let made = [
                port.post("/second/?create=true", b""),
                port.post("/second/config", &content()),
                port.post(&format!("/second/keys/{own}"), &content()),
            ];
            if let Some(failed) = made.iter().find(|answer| answer.status != 200) {
                return failed.end();
            }
            let seen = |path: &str| {
                let (_, files) = port.list(path);
                files.iter().any(|(name, _)| *name == own)
            };
            match (seen("/second/keys/"), seen("/keys/")) {
                (true, false) => "200, and neither sees the other's objects".to_owned(),
                _ => "200, but they see each other's objects".to_owned(),
            }
        },
    },
    Case {
        request: "`DELETE /`, of the whole repository",
        expected: "200, 403 or 501",
        run: |scene| {
            let status = scene.port().delete("/").status;
            let is_there = scene.port().head("/config").status == 200;
            match (status, is_there) {
                (200 | 403 | 501, _) => "200, 403 or 501".to_owned(),
                (other, true) => format!("{other}, and nothing is removed"),
                (other, false) => format!("{other}, and it is removed"),
            }
        },
    },
];
