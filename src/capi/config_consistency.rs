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

/// Non-zero: a get that does not read through the quorum is answered only by a member that has shown within the last 3 seconds
/// that it belongs to the majority of its cluster, so that no answer misses a write that was acknowledged earlier than that.
/// One get in 3 seconds waits for that question to its member, a read through the quorum. The others cost nothing more. A
/// member that is cut off is passed over; where all are, the get fails with ETCD_ERR_CLUSTER (in its list ETCD_ERR_NO_LEADER).
/// Default 0, as in Go: a member that is cut off answers with what it has.
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
/// another endpoint, and to the same one once more. The first copy can be carried out later, over newer values, also where only
/// the leader behind the endpoint froze: etcd_response_was_resent tells when that is possible. etcd_set_options_set_resend decides for one set.
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
