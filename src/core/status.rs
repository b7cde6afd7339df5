//! Every status that the library can return: its number, its name in C, and what it means.

/// Declares the statuses once, so that number, name and text cannot disagree.
macro_rules! statuses {
    ($($variant:ident = $number:literal, $name:literal, $text:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum Status { $($variant = $number,)* }

        impl Status {
            pub const ALL: &[Status] = &[$(Status::$variant,)*];

            pub fn from_number(number: i32) -> Option<Status> {
                match number { $($number => Some(Status::$variant),)* _ => None }
            }

            pub fn number(self) -> i32 {
                self as i32
            }

            pub fn name(self) -> &'static std::ffi::CStr {
                match self { $(Status::$variant => $name,)* }
            }

            pub fn text(self) -> &'static std::ffi::CStr {
                match self { $(Status::$variant => $text,)* }
            }
        }
    };
}

statuses! {
    Ok = 0, c"ETCD_OK", c"success";
    InvalidArgument = 1, c"ETCD_ERR_INVALID_ARGUMENT", c"an argument is not valid";
    Closed = 2, c"ETCD_ERR_CLOSED", c"the client was closed";
    WouldDeadlock = 3, c"ETCD_ERR_WOULD_DEADLOCK", c"a blocking call inside a callback of the library would deadlock";
    Forked = 4, c"ETCD_ERR_FORKED", c"the object was made before fork(); make a new one in the child";
    Busy = 5, c"ETCD_ERR_BUSY", c"another call of this kind is running on the same object";
    AlreadyTaken = 6, c"ETCD_ERR_ALREADY_TAKEN", c"the result was already taken";
    NotReady = 7, c"ETCD_ERR_NOT_READY", c"the result is not there yet";
    Unsupported = 8, c"ETCD_ERR_UNSUPPORTED", c"not supported here";
    Canceled = 100, c"ETCD_ERR_CANCELED", c"the context was cancelled";
    DeadlineExceeded = 101, c"ETCD_ERR_DEADLINE_EXCEEDED", c"the context's deadline passed";
    Cluster = 200, c"ETCD_ERR_CLUSTER", c"no endpoint answered; the error's list says why, endpoint by endpoint";
    NoEndpoints = 201, c"ETCD_ERR_NO_ENDPOINTS", c"no endpoints available";
    NoLeaderEndpoint = 202, c"ETCD_ERR_NO_LEADER_ENDPOINT", c"no endpoint of the leader could be found";
    ApiNotServed = 203, c"ETCD_ERR_API_NOT_SERVED", c"the server does not serve the v2 API";
    Connect = 300, c"ETCD_ERR_CONNECT", c"the connection could not be made";
    Dns = 301, c"ETCD_ERR_DNS", c"the host name could not be resolved";
    Tls = 302, c"ETCD_ERR_TLS", c"TLS failed, or its certificates cannot be used";
    Io = 303, c"ETCD_ERR_IO", c"the connection broke";
    Timeout = 304, c"ETCD_ERR_TIMEOUT", c"the endpoint did not answer in the time that this attempt had";
    HttpStatus = 305, c"ETCD_ERR_HTTP_STATUS", c"the endpoint answered with a server error";
    NoLeader = 306, c"ETCD_ERR_NO_LEADER", c"the etcd member has no leader";
    TooManyRedirects = 307, c"ETCD_ERR_TOO_MANY_REDIRECTS", c"too many redirects";
    BadRedirect = 308, c"ETCD_ERR_BAD_REDIRECT", c"a redirect that cannot or must not be followed";
    Api = 400, c"ETCD_ERR_API", c"etcd refused the request; the error's api code says why";
    Auth = 401, c"ETCD_ERR_AUTH", c"etcd's auth API refused the request";
    Members = 402, c"ETCD_ERR_MEMBERS", c"etcd's members API refused the request";
    InvalidResponse = 403, c"ETCD_ERR_INVALID_RESPONSE", c"the answer makes no sense; the endpoint is probably not etcd";
    EmptyBody = 404, c"ETCD_ERR_EMPTY_BODY", c"the answer's body is empty";
    TooLarge = 405, c"ETCD_ERR_TOO_LARGE", c"the answer is larger than the limit";
    NoMemory = 900, c"ETCD_ERR_NO_MEMORY", c"there is not enough memory for a size that the caller or an answer asked for";
    Panic = 901, c"ETCD_ERR_PANIC", c"a bug in the library was caught; the client is not usable any more";
    Internal = 902, c"ETCD_ERR_INTERNAL", c"an internal error of the library";
}
