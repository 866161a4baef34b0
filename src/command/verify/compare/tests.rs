//! Each way in which a source is, or is not, what the snapshot has.

use std::fs::{File as Opened, read_link, remove_file, rename, write};

use super::*;

/// A source with this content, and the hash of the same that came back.
struct Scene {
    folder: tempfile::TempDir,
    hash: Option<String>,
}

impl Scene {
    fn new(content: &str) -> Self {
        let mut hash = Hash::new();
        hash.take(content.as_bytes());
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
            hash: hash.of_whole(content.len() as u64),
        };
        write(scene.source(), content).unwrap();
        scene
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("a")
    }

    /// The file as a snapshot of now would have it.
    fn file(&self) -> File {
        let found = self.source().symlink_metadata().unwrap();
        File {
            path: "/a".to_owned(),
            size: found.len(),
            mtime: mtime(&found).unwrap(),
        }
    }

    fn compare(&self, file: &File) -> Outcome {
        compare(file, self.hash.clone(), &self.source())
    }

    /// Gives the source another content, and the time that it had.
    fn change_without_a_new_time(&self, content: &str) {
        let before = self.source().metadata().unwrap().modified().unwrap();
        write(self.source(), content).unwrap();
        let source = Opened::options().write(true).open(self.source()).unwrap();
        source.set_modified(before).unwrap();
    }
}

#[test]
fn the_same_content_is_equal_and_its_hash_is_known() {
    let scene = Scene::new("abc");
    let sha256 = scene.hash.clone().unwrap();
    assert_eq!(scene.compare(&scene.file()), Outcome::Equal { sha256 });
}

#[test]
fn another_content_of_the_same_size_and_time_is_different() {
    let scene = Scene::new("abc");
    let file = scene.file();
    scene.change_without_a_new_time("abx");
    assert_eq!(scene.compare(&file), Outcome::Different);
}

#[test]
fn a_source_that_was_written_since_is_not_compared() {
    let scene = Scene::new("abc");
    let file = scene.file();
    // Another size, though the time is the same.
    scene.change_without_a_new_time("abcd");
    assert_eq!(scene.compare(&file), Outcome::ChangedSince);
    // Another time, though the size is the same.
    let scene = Scene::new("abc");
    let file = File {
        mtime: "2026-11-20T05:00:00Z".parse().unwrap(),
        ..scene.file()
    };
    assert_eq!(scene.compare(&file), Outcome::ChangedSince);
    // A link to the very same file is another thing.
    let file = scene.file();
    let aside = scene.folder.path().join("aside");
    rename(scene.source(), &aside).unwrap();
    std::os::unix::fs::symlink(&aside, scene.source()).unwrap();
    assert!(read_link(scene.source()).is_ok());
    assert_eq!(scene.compare(&file), Outcome::ChangedSince);
}

#[test]
fn a_source_that_is_gone_is_not_compared() {
    let scene = Scene::new("abc");
    let file = scene.file();
    remove_file(scene.source()).unwrap();
    assert_eq!(scene.compare(&file), Outcome::GoneSince);
}

#[test]
fn a_file_that_came_back_not_whole_is_told_whatever_the_source() {
    let mut scene = Scene::new("abc");
    let file = scene.file();
    scene.hash = None;
    assert_eq!(scene.compare(&file), Outcome::NotWhole);
    remove_file(scene.source()).unwrap();
    assert_eq!(scene.compare(&file), Outcome::NotWhole);
}

#[test]
fn a_source_is_found_however_its_path_was_typed() {
    for (path, paths, expected) in [
        ("/backup/dir1/a", &["/backup/dir1"][..], "/backup/dir1/a"),
        ("/backup/a", &["/backup/a"], "/backup/a"),
        // backup dir1, in /backup
        ("/dir1/sub/a", &["/backup/dir1"], "/backup/dir1/sub/a"),
        (
            "/x/dir1/a",
            &["/backup/x/dir1", "/b/dir1"],
            "/backup/x/dir1/a",
        ),
        ("/a", &["/backup/a"], "/backup/a"),
        // backup .
        ("/sub/a", &["/backup"], "/backup/sub/a"),
        // A name that only begins like a path is not below it.
        (
            "/backup/dir12/a",
            &["/backup/dir1", "/other"],
            "/backup/dir12/a",
        ),
        ("/etc/a", &["/"], "/etc/a"),
    ] {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(
            source(path, &paths),
            Path::new(expected),
            "{path} of {paths:?}"
        );
    }
}
