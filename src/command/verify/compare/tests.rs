//! Each way in which a source is, or is not, what the snapshot has.

use std::fs::{create_dir, read_link, remove_file, rename, write};

use super::*;

/// A source `/.../source/a` with this content, and the same restored.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new(content: &str) -> Self {
        let scene = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        create_dir(scene.folder.path().join("source")).unwrap();
        create_dir(scene.folder.path().join("restored")).unwrap();
        write(scene.source(), content).unwrap();
        write(scene.restored(), content).unwrap();
        scene
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("source/a")
    }

    fn restored(&self) -> PathBuf {
        self.folder.path().join("restored/a")
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
        compare(file, &self.restored(), &self.source())
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
    // By FIPS 180-2.
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(
        scene.compare(&scene.file()),
        Outcome::Equal {
            sha256: sha256.to_owned()
        }
    );
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
fn a_file_that_was_not_restored_or_not_whole_is_told_whatever_the_source() {
    let scene = Scene::new("abc");
    let file = scene.file();
    write(scene.restored(), "ab").unwrap();
    assert_eq!(scene.compare(&file), Outcome::NotWhole);
    remove_file(scene.restored()).unwrap();
    remove_file(scene.source()).unwrap();
    assert_eq!(scene.compare(&file), Outcome::NotWhole);
}

#[test]
fn what_took_the_place_of_a_file_does_not_make_us_wait() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    // Nobody writes: a blocking open would never come back.
    assert!(sha256(&fifo).is_ok());
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
