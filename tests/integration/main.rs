//! Tests of the built image in real containers; `scripts/test` builds the image and runs them.
//!
//! `CLOUD_BACKUP_IMAGE` names the image. Everything a test makes (containers, volumes) is its own and goes with it.

mod harness;
mod healthchecks;
mod report;
mod process_model;
