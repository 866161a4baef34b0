//! How much a bucket holds, where its storage says so: one request, whatever is in it.
//!
//! Ceph RGW answers HeadBucket with headers of its own, `X-RGW-Bytes-Used` among them (docs/parts.md). What unfinished
//! uploads and other programs have left is in it too, unlike in a list of the repository.

use std::time::Duration;

use reqwest::redirect::Policy;
use rusty_s3::{Bucket, Credentials as Keys, S3Action, UrlStyle};

use crate::credentials::Credentials;
use crate::settings::ObjectStorage;
use crate::trust::Trust;

/// In bytes, decimal.
const USED: &str = "X-RGW-Bytes-Used";
/// What the signature names where a storage has no region: as rclone does it.
const REGION: &str = "us-east-1";

/// How long the signed address is good: clocks differ.
const SIGNED: Duration = Duration::from_mins(5);

/// The bytes in this bucket; `None` where the storage does not say, or not in time.
pub async fn bytes_used(
    storage: &ObjectStorage,
    bucket: &str,
    credentials: &Credentials,
    trust: &Trust,
    deadline: Duration,
) -> Option<u64> {
    let region = storage.region.as_deref().unwrap_or(REGION).to_owned();
    let bucket = Bucket::new(
        storage.endpoint.clone(),
        UrlStyle::Path,
        bucket.to_owned(),
        region,
    )
    .ok()?;
    let keys = Keys::new_with_token(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        &credentials.session_token,
    );
    // The address is a key for as long as it is signed for, so it goes nowhere else and into no message. What an access log
    // of the storage keeps of it opens nothing more: it is for this question alone, and the secret key is not in it.
    let address = bucket.head_bucket(Some(&keys)).sign(SIGNED);
    let client = trust
        .client()
        .redirect(Policy::none())
        .timeout(deadline)
        .build()
        .ok()?;
    let answer = client.head(address.as_str()).send().await.ok()?;
    let answer = answer.error_for_status().ok()?;
    let used = answer.headers().get(USED)?.to_str().ok()?;
    used.trim().parse().ok()
}
