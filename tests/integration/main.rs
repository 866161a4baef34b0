//! Tests of the built image in real containers; `scripts/test` builds the image and runs them.
//!
//! `CLOUD_BACKUP_IMAGE` names the image. Everything a test makes (containers, volumes) is its own and goes with it.

// A test that cannot go on says so by a panic, in its helpers too.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod append_only;
mod backup;
mod commands;
mod compose;
mod copy;
mod doctor;
mod documented;
mod doubles;
mod external_clients;
mod forget;
mod forget_retention;
mod hardships;
mod harness;
mod healthchecks;
mod history;
mod image;
mod job_report_delivery;
mod job_reports;
mod locks;
mod login_check;
mod login_config;
mod login_copy;
mod login_doctor;
mod login_host;
mod login_main_job;
mod login_outage;
mod login_password;
mod login_renewal;
mod login_rest_protocol;
mod login_restore;
mod login_rotation;
mod login_secrets;
mod login_service;
mod login_tools;
mod login_users;
mod ofelia;
mod one_shot;
mod overlap;
mod process_model;
mod project;
mod recovery_kit;
mod report;
mod rest_protocol;
mod restic_job;
mod restore;
mod rig;
mod rig_storages;
mod root_files;
mod scheduler;
mod secrets;
mod server;
mod status;
mod storage_failures;
mod trust;
mod verify;
mod watch;
