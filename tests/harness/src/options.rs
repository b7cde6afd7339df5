use ::etcd_client::capi::options::*;

/// Options of a get.
#[derive(Debug, Clone, Copy, Default)]
pub struct Get {
    pub recursive: bool,
    pub sort: bool,
    /// False leaves it to the client.
    pub quorum: bool,
}

/// Options of a set.
#[derive(Debug, Clone, Copy, Default)]
pub struct Set<'a> {
    pub prev_value: Option<&'a str>,
    pub prev_index: u64,
    pub prev_exist: i32,
    pub ttl_ms: Option<i64>,
    pub refresh: bool,
    pub dir: bool,
    pub no_value_on_success: bool,
    /// Whether it may be sent again; None does not say.
    pub resend: Option<bool>,
}

/// Options of a delete.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delete<'a> {
    pub prev_value: Option<&'a str>,
    pub prev_index: u64,
    pub recursive: bool,
    pub dir: bool,
}

impl Get {
    pub(crate) fn with<T>(&self, body: impl FnOnce(*const etcd_get_options) -> T) -> T {
        // SAFETY: the options are made here, used by this thread, and freed at the end.
        unsafe {
            let options = etcd_get_options_new();
            assert_eq!(etcd_get_options_set_recursive(options, self.recursive.into()), 0);
            assert_eq!(etcd_get_options_set_sort(options, self.sort.into()), 0);
            if self.quorum {
                assert_eq!(etcd_get_options_set_quorum(options, 1), 0);
            }
            let result = body(options);
            etcd_get_options_free(options);
            result
        }
    }
}

impl Set<'_> {
    pub(crate) fn with<T>(&self, body: impl FnOnce(*const etcd_set_options) -> T) -> T {
        // SAFETY: the options are made here, used by this thread, and freed at the end.
        unsafe {
            let options = etcd_set_options_new();
            if let Some(value) = self.prev_value {
                assert_eq!(etcd_set_options_set_prev_value(options, value.as_ptr().cast(), value.len()), 0);
            }
            assert_eq!(etcd_set_options_set_prev_index(options, self.prev_index), 0);
            assert_eq!(etcd_set_options_set_prev_exist(options, self.prev_exist), 0);
            if let Some(ms) = self.ttl_ms {
                assert_eq!(etcd_set_options_set_ttl_ms(options, ms), 0);
            }
            assert_eq!(etcd_set_options_set_refresh(options, self.refresh.into()), 0);
            assert_eq!(etcd_set_options_set_dir(options, self.dir.into()), 0);
            assert_eq!(etcd_set_options_set_no_value_on_success(options, self.no_value_on_success.into()), 0);
            if let Some(on) = self.resend {
                assert_eq!(etcd_set_options_set_resend(options, on.into()), 0);
            }
            let result = body(options);
            etcd_set_options_free(options);
            result
        }
    }
}

impl Delete<'_> {
    pub(crate) fn with<T>(&self, body: impl FnOnce(*const etcd_delete_options) -> T) -> T {
        // SAFETY: the options are made here, used by this thread, and freed at the end.
        unsafe {
            let options = etcd_delete_options_new();
            if let Some(value) = self.prev_value {
                assert_eq!(etcd_delete_options_set_prev_value(options, value.as_ptr().cast(), value.len()), 0);
            }
            assert_eq!(etcd_delete_options_set_prev_index(options, self.prev_index), 0);
            assert_eq!(etcd_delete_options_set_recursive(options, self.recursive.into()), 0);
            assert_eq!(etcd_delete_options_set_dir(options, self.dir.into()), 0);
            let result = body(options);
            etcd_delete_options_free(options);
            result
        }
    }
}
