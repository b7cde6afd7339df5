use ::etcd_client::capi::error::*;

use crate::text;

/// A failed call: its status and everything that its error object says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failure {
    pub status: i32,
    pub message: String,
    pub detail: String,
    pub endpoint: Option<String>,
    pub http_status: i32,
    pub api_code: i32,
    pub api_message: Option<String>,
    pub api_cause: Option<String>,
    pub api_index: u64,
    pub outcome: i32,
    pub is_user_not_found: bool,
    pub is_role_not_found: bool,
    pub list: Vec<Failure>,
}

impl Failure {
    /// Takes the error object, checks that it agrees with the status, and frees it.
    pub(crate) fn take(status: i32, error: *mut etcd_error) -> Failure {
        assert!(!error.is_null(), "status {status} without an error object");
        let failure = Failure::read(error);
        assert_eq!(failure.status, status, "the error's status and the call's");
        // SAFETY: the object is ours and not used again.
        unsafe { etcd_error_free(error) };
        failure
    }

    pub(crate) fn read(error: *const etcd_error) -> Failure {
        // SAFETY: the error is alive.
        unsafe {
            Failure {
                status: etcd_error_status(error),
                message: text(etcd_error_message(error)).expect("a message"),
                detail: text(etcd_error_detail(error)).expect("a detail"),
                endpoint: text(etcd_error_endpoint(error)),
                http_status: etcd_error_http_status(error),
                api_code: etcd_error_api_code(error),
                api_message: text(etcd_error_api_message(error)),
                api_cause: text(etcd_error_api_cause(error)),
                api_index: etcd_error_api_index(error),
                outcome: etcd_error_outcome(error),
                is_user_not_found: etcd_error_is_user_not_found(error),
                is_role_not_found: etcd_error_is_role_not_found(error),
                list: (0..etcd_error_list_len(error))
                    .map(|index| Failure::read(etcd_error_list_get(error, index)))
                    .collect(),
            }
        }
    }

    /// The statuses of the list, in the order in which the endpoints were tried.
    pub fn statuses(&self) -> Vec<i32> {
        self.list.iter().map(|entry| entry.status).collect()
    }
}
