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

/// What the container itself mounts, or keeps for itself: nothing of the user's.
const OF_THE_SYSTEM: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/etc"];

/// These paths, with what is mounted below it in the place of each that is in the container itself, but for the home folder,
/// which has the login; `None` where none of them is.
#[must_use]
pub fn mounted_of(paths: &[String], home: &Path) -> Option<Vec<String>> {
    if !paths.iter().any(|path| is_in_container(Path::new(path))) {
        return None;
    }
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounted = paths.iter().flat_map(|path| {
        if is_in_container(Path::new(path)) {
            below(&mountinfo, path, home)
        } else {
            vec![path.clone()]
        }
    });
    Some(mounted.collect())
}

/// The uppermost mount points below a path (proc_pid_mountinfo(5): the fifth field, in which a space is `\040`).
fn below(mountinfo: &str, path: &str, home: &Path) -> Vec<String> {
    let points = mountinfo
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|field| field.replace("\\040", " ").replace("\\011", "\t"));
    let mut points: Vec<String> = points
        .filter(|point| Path::new(point).starts_with(path) && point != path)
        .filter(|point| {
            let point = Path::new(point);
            !point.starts_with(home) && !OF_THE_SYSTEM.iter().any(|of| point.starts_with(of))
        })
        .collect();
    points.sort_unstable();
    points.dedup();
    let mut uppermost: Vec<String> = Vec::new();
    for point in points {
        if !uppermost
            .iter()
            .any(|above| Path::new(&point).starts_with(above))
        {
            uppermost.push(point);
        }
    }
    uppermost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uppermost_mounts_below_a_path_are_those_of_the_user() {
        let info = "1 0 0:1 / / rw - overlay overlay rw\n2 1 0:2 / /proc rw - proc proc rw\n\
                    3 1 8:1 /x /backup/dir1 rw - ext4 /dev/sda1 rw\n4 3 8:2 / /backup/dir1/deep rw - ext4 /dev/sdb1 rw\n\
                    5 1 8:1 /y /backup/dir\\0402 rw - ext4 /dev/sda1 rw\n6 1 8:1 /v /home/user rw - ext4 /dev/sda1 rw\n\
                    7 1 8:1 /h /etc/hosts rw - ext4 /dev/sda1 rw\n8 1 8:1 /z /backup11 rw - ext4 /dev/sda1 rw\n";
        let home = Path::new("/home/user");
        assert_eq!(
            below(info, "/backup", home),
            ["/backup/dir 2", "/backup/dir1"]
        );
        assert_eq!(
            below(info, "/", home),
            ["/backup/dir 2", "/backup/dir1", "/backup11"]
        );
        assert!(below(info, "/backup/dir1/deep", home).is_empty());
    }
}
