//! STS of Ceph RGW: a token becomes temporary credentials of S3 (`AssumeRoleWithWebIdentity`).
