//! Whether what is kept at a path goes with the container, or stays in a volume or a mount.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Container engines put one of them into each container.
const MARKS_OF_CONTAINERS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// The nearest folder of a path that is there.
#[must_use]
pub fn nearest(path: &Path) -> &Path {
    path.ancestors()
        .find(|above| above.exists())
        .unwrap_or(Path::new("/"))
}

/// Which device a path that is there is on.
#[must_use]
pub fn device(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|meta| meta.dev())
}

/// Whether a path is on the file system of the container itself, and not in a volume.
#[must_use]
pub fn is_in_container(path: &Path) -> bool {
    let in_one = MARKS_OF_CONTAINERS
        .iter()
        .any(|mark| Path::new(mark).exists());
    in_one && device(nearest(path)) == device(Path::new("/"))
}
