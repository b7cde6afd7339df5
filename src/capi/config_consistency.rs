//! Config: what calls do where a member is frozen or cut off from the others.

use std::ffi::c_int;

use super::config::{change, etcd_config};
use super::status::etcd_status;

/// Non-zero: gets without options, and those whose options do not say otherwise (etcd_get_options_set_quorum), read through
/// the quorum, which sees every write that was acknowledged before. Each such read costs the cluster about as much as a
/// write. Default 0, as in Go.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_quorum_reads(config: *mut etcd_config, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe {
        change(config, |config| {
            config.keys.quorum_reads = on != 0;
            Ok(())
        })
    }
}

/// Non-zero: a get that does not read through the quorum takes no answer from a member that is known to be cut off from the
/// majority of its cluster, which knows nothing of newer writes; it goes on to the next endpoint, and fails with
/// ETCD_ERR_CLUSTER (in its list ETCD_ERR_NO_LEADER) where all are cut off. While such gets are made, the library asks all
/// members through the quorum every 3 seconds, on its own thread; one that was cut off is known after some 7 seconds. Default
/// 0, as in Go: such a member answers with what it has.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_refuse_isolated(config: *mut etcd_config, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe {
        change(config, |config| {
            config.refuse_isolated = on != 0;
            Ok(())
        })
    }
}

/// Zero: a plain set (no condition, no dir, no refresh) that may have reached an endpoint is never sent again, and ends with
/// ETCD_MAYBE_APPLIED where that endpoint does not answer, as every other write does. Default 1, as in Go: it goes on to
/// another endpoint. The copy that the first one has can be carried out later, over newer values: etcd_response_was_resent
/// tells when that is possible. etcd_set_options_set_resend decides for one set.
///
/// ETCD_ERR_INVALID_ARGUMENT: config is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn etcd_config_set_resend_sets(config: *mut etcd_config, on: c_int) -> etcd_status {
    // SAFETY: the C caller's promise.
    unsafe {
        change(config, |config| {
            config.keys.resend_sets = on != 0;
            Ok(())
        })
    }
}
