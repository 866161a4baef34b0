//! That the snapshot has the paths that were asked for; where it is one of a relative path, which older one has them.

use super::{Work, choice};
use crate::cli::Restore;
use crate::error::{Error, Result};
use crate::repository::Snapshot;
use crate::restore::Refusal;
use crate::supervise::Interrupts;

/// So many older snapshots are looked into for what the newest one lacks.
const LOOKED_INTO: usize = 5;

impl Work<'_> {
    /// restic restores nothing for a path that is not there, and calls it a success.
    pub(super) async fn require_paths(
        &mut self,
        snapshot: &Snapshot,
        all: &[Snapshot],
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        let asked = choice::asked(self.wish);
        // Of a relative path the snapshot has what was typed, and the whole one for its name only.
        let paths = match asked {
            [] if self.wish.in_place => snapshot.paths.clone(),
            [] => return Ok(()),
            asked => asked.to_vec(),
        };
        let missing = self.missing(snapshot, &paths, interrupts).await;
        // `ls` breaks off where a folder is damaged: restore goes on, and names what it cannot.
        let missing = match missing {
            Err(Error::Restic { .. }) => return Ok(()),
            missing => missing?,
        };
        let Some(first) = missing.first() else {
            return Ok(());
        };
        if asked.is_empty() {
            // One that could not be read is in the name alone, too.
            if missing.len() < paths.len() {
                return Ok(());
            }
            let path = first.clone();
            return self.relative(snapshot, path, &paths, all, interrupts).await;
        }
        let names = choice::above(snapshot, first);
        let only_names = if names.is_empty() {
            names
        } else {
            self.missing(snapshot, &names, interrupts).await?
        };
        if let Some(path) = only_names.into_iter().next() {
            return self.relative(snapshot, path, &paths, all, interrupts).await;
        }
        Err(Refusal::NoSuchPath {
            paths: missing,
            snapshot: format!("snapshot {}", snapshot.short_id),
            holds: snapshot.paths.clone(),
        }
        .into())
    }

    async fn missing(
        &self,
        snapshot: &Snapshot,
        paths: &[String],
        interrupts: &mut Interrupts,
    ) -> Result<Vec<String>> {
        self.repository
            .missing(&snapshot.id, paths, &self.redactor, interrupts)
            .await
    }

    /// The snapshot is of a relative path; an older one that has the paths is looked for.
    async fn relative(
        &self,
        snapshot: &Snapshot,
        path: String,
        paths: &[String],
        all: &[Snapshot],
        interrupts: &mut Interrupts,
    ) -> Result<()> {
        let mut older = None;
        for candidate in choice::older(all, snapshot, paths)
            .into_iter()
            .take(LOOKED_INTO)
        {
            let missing = self.missing(candidate, paths, interrupts).await;
            match missing {
                Ok(missing) if missing.is_empty() => {
                    older = Some(candidate);
                    break;
                }
                Err(error @ Error::Interrupted { .. }) => return Err(error),
                _ => (),
            }
        }
        let of = |snapshot: &Snapshot, wish: &Restore| {
            Restore {
                snapshot: snapshot.short_id.clone(),
                host: None,
                ..wish.clone()
            }
            .line()
        };
        let whole = Restore {
            paths: Vec::new(),
            target: None,
            in_place: false,
            overwrite: None,
            ..self.wish.clone()
        };
        Err(Refusal::Relative {
            snapshot: snapshot.short_id.clone(),
            path,
            line: of(snapshot, &whole),
            older: older.map(|older| of(older, self.wish)),
        }
        .into())
    }
}
