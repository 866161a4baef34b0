//! A running server, its storage, and what lies beside the repository there.

use super::wire::Port;
use crate::harness::Container;

/// What the server's storage is.
pub enum Place {
    /// A directory of the volume.
    Directory,
    /// The bucket of this user.
    Objects { user: String },
}

/// One server with an empty repository path, `VM1`, and a file beside it.
pub struct Scene {
    server: Container,
    place: Place,
    port: Port,
}

/// In the name of everything that must not come to be outside of the repository.
pub const PLANTED: &str = "planted-outside";
const SECRET: &str = "what stands beside the repository";

impl Scene {
    #[track_caller]
    pub fn new(server: Container, place: Place) -> Self {
        let port = Port(super::published(&server));
        let scene = Self {
            server,
            place,
            port,
        };
        let line = format!("printf %s '{SECRET}' | rclone rcat {}", scene.outside());
        scene.server.exec(["sh", "-c", &line]).ok();
        scene
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn port(&self) -> Port {
        self.port
    }

    /// The folder in which the repository and its neighbour are, as rclone takes it.
    fn base(&self) -> String {
        match &self.place {
            Place::Directory => "/home/user/base".to_owned(),
            Place::Objects { user } => format!("infncloud:/{user}/backup"),
        }
    }

    fn outside(&self) -> String {
        format!("{}/{PLANTED}", self.base())
    }

    /// Fails the test unless the file beside the repository is as it was, and the only one of its name.
    #[track_caller]
    pub fn nothing_outside_was_touched(&self, request: &str) {
        let content = self.server.exec(["rclone", "cat", &self.outside()]);
        assert_eq!(content.ok().stdout, SECRET, "{request}");
        let found = match &self.place {
            Place::Directory => {
                self.server
                    .shell(&format!(
                        "find / -path /proc -prune -o -name '*{PLANTED}*' -print"
                    ))
                    .stdout
            }
            Place::Objects { user } => {
                let all = format!("infncloud:/{user}");
                let filter = format!("--include=*{PLANTED}*");
                let line = [
                    "rclone",
                    "lsf",
                    "--recursive",
                    "--files-only",
                    &filter,
                    &all,
                ];
                self.server.exec(line).ok().stdout
            }
        };
        assert_eq!(found.lines().count(), 1, "{request}: {found}");
    }

    /// Makes this many objects of one byte in `data`, with names from 1 on, behind the server's back.
    #[track_caller]
    pub fn fill_directory(&self, count: u32) {
        let script = format!(
            "cd /home/user/base/VM1 && mkdir -p data && cd data && seq {count} | \
             awk '{{ name = sprintf(\"%02x%062d\", $1 % 256, $1); dir = substr(name, 1, 2); \
                    if (!made[dir]++) system(\"mkdir -p \" dir); printf \"x\" >(dir \"/\" name); close(dir \"/\" name) }}'"
        );
        self.server.exec(["sh", "-c", &script]).ok();
    }

    /// Removes an object behind the server's back.
    #[track_caller]
    pub fn remove(&self, path: &str) {
        let path = format!("{}/VM1/{path}", self.base());
        self.server.exec(["rclone", "deletefile", &path]).ok();
    }

    /// Fails the test unless the server goes on as before.
    #[track_caller]
    pub fn still_serves(&self, request: &str) {
        let (answer, _) = self.port.list("/keys/");
        assert_eq!(answer.status, 200, "after {request}");
    }
}
