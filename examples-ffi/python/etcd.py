"""libetcd_client for asyncio, by ctypes alone.

The library gets one queue, whose descriptor stands in the loop: all callbacks run inside etcd_queue_poll, on the loop's thread,
which holds the interpreter's lock. No thread of the library ever calls Python.
"""
import asyncio
import ctypes
import itertools
import json
from ctypes import byref, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p

OK, ERR_CLOSED = 0, 2  # of the header
KEY_NOT_FOUND = 100

FutureFn = ctypes.CFUNCTYPE(None, c_void_p, c_void_p)
WatchFn = ctypes.CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)

# Results and arguments of every function: what ctypes is not told is an int to it, and a pointer does not fit into one.
_SIGNATURES = {
    "etcd_status_name": (c_char_p, c_int32),
    "etcd_config_new": (c_void_p,),
    "etcd_config_add_endpoint": (c_int32, c_void_p, c_char_p),
    "etcd_config_free": (None, c_void_p),
    "etcd_client_new": (c_int32, c_void_p, c_void_p, c_void_p),
    "etcd_client_close": (c_int32, c_void_p, c_int64, c_void_p),
    "etcd_client_free": (None, c_void_p),
    "etcd_keys_get_async": (c_void_p, c_void_p, c_void_p, c_char_p, c_void_p),
    "etcd_keys_set_async": (c_void_p, c_void_p, c_void_p, c_char_p, c_char_p, c_size_t, c_void_p),
    "etcd_future_on_ready": (c_int32, c_void_p, c_void_p, FutureFn, c_void_p, c_void_p),
    "etcd_future_take_response": (c_int32, c_void_p, c_void_p, c_void_p),
    "etcd_future_cancel": (None, c_void_p),
    "etcd_future_free": (None, c_void_p),
    "etcd_queue_new": (c_void_p,),
    "etcd_queue_fd": (c_int32, c_void_p),
    "etcd_queue_poll": (c_int32, c_void_p, c_int64, c_int32),
    "etcd_queue_free": (None, c_void_p),
    "etcd_watcher_options_new": (c_void_p,),
    "etcd_watcher_options_set_after_index": (c_int32, c_void_p, c_uint64),
    "etcd_watcher_options_set_recursive": (c_int32, c_void_p, c_int),
    "etcd_watcher_options_free": (None, c_void_p),
    "etcd_watcher_new": (c_int32, c_void_p, c_char_p, c_void_p, c_void_p, c_void_p),
    "etcd_watcher_start": (c_int32, c_void_p, c_void_p, WatchFn, c_void_p, c_void_p, c_void_p),
    "etcd_watcher_free": (None, c_void_p),
    "etcd_response_json": (c_char_p, c_void_p, c_void_p),
    "etcd_response_free": (None, c_void_p),
    "etcd_error_status": (c_int32, c_void_p),
    "etcd_error_message": (c_char_p, c_void_p),
    "etcd_error_api_code": (c_int32, c_void_p),
    "etcd_error_free": (None, c_void_p),
}
lib = ctypes.CDLL("libetcd_client.so.0")
for _name, (_result, *_arguments) in _SIGNATURES.items():
    getattr(lib, _name).restype, getattr(lib, _name).argtypes = _result, _arguments


class Error(Exception):
    """A copy of an etcd_error, or a bare status, which has no more to say."""

    def __init__(self, status, error=None):
        name = lib.etcd_status_name(status).decode()
        super().__init__(f"{name}: {lib.etcd_error_message(error).decode()}" if error else name)
        self.status = status
        self.api_code = lib.etcd_error_api_code(error)


def _must(status, error=None):
    """Raises what a call tells by its status and its error object, which is freed."""
    if status != OK:
        try:
            raise Error(status, error)
        finally:
            lib.etcd_error_free(error)


class Client:
    """Belongs to the loop in which it is made."""

    def __init__(self, endpoints):
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._waiting = {}
        self.watches = set()  # C refers to them, which Python does not see
        # C has only their addresses: without these references Python would free them.
        self._on_ready = FutureFn(self._ready)
        self._handle, error = c_void_p(), c_void_p()
        config = lib.etcd_config_new()
        try:
            _must(lib.etcd_config_add_endpoint(config, endpoints.encode()))
            _must(lib.etcd_client_new(config, byref(self._handle), byref(error)), error)
        finally:
            lib.etcd_config_free(config)
        self._queue = lib.etcd_queue_new()
        self._loop.add_reader(lib.etcd_queue_fd(self._queue), lib.etcd_queue_poll, self._queue, 0, 0)

    async def close(self):
        """First everything in flight ends and is told so, then the queue goes."""
        # It waits for the end of the library's thread, and the loop must not.
        await asyncio.to_thread(lib.etcd_client_close, self._handle, 5000, None)
        while lib.etcd_queue_poll(self._queue, 0, 0) > 0:
            pass
        self._loop.remove_reader(lib.etcd_queue_fd(self._queue))
        lib.etcd_queue_free(self._queue)
        lib.etcd_client_free(self._handle)

    async def get(self, key):
        return await self._response(lib.etcd_keys_get_async(self._handle, None, key.encode(), None))

    async def set(self, key, value):
        value = value.encode()
        return await self._response(lib.etcd_keys_set_async(self._handle, None, key.encode(), value, len(value), None))

    async def _response(self, future):
        number = next(self._numbers)  # a number, because an object's address in C would not keep it alive
        waiter = self._waiting[number] = self._loop.create_future()
        try:
            _must(lib.etcd_future_on_ready(future, self._queue, self._on_ready, number, None))
            return await waiter
        finally:
            # Of use where the task was cancelled; a call that has ended stays as it is.
            lib.etcd_future_cancel(future)
            lib.etcd_future_free(future)
            del self._waiting[number]

    def _ready(self, number, future):
        waiter = self._waiting.get(number)
        if waiter is None or waiter.done():
            return  # cancelled; the future goes with its answer
        response, error = c_void_p(), c_void_p()
        try:
            _must(lib.etcd_future_take_response(future, byref(response), byref(error)), error)
            waiter.set_result(json.loads(lib.etcd_response_json(response, None)))
        except Exception as failure:  # nothing may be raised through C
            waiter.set_exception(failure)
        finally:
            lib.etcd_response_free(response)

    def watch(self, key, after_index):
        return Watch(self, key, after_index)


class Watch:
    """`async with client.watch(key, index) as events: async for event in events`, where an event may be an Error, after which
    the watch goes on. Events that nobody has read yet wait here."""

    def __init__(self, client, key, after_index):
        self._client, self._events = client, asyncio.Queue()
        self._on_event = WatchFn(self._event)
        self._handle, error = c_void_p(), c_void_p()
        options = lib.etcd_watcher_options_new()
        try:
            _must(lib.etcd_watcher_options_set_after_index(options, after_index))
            _must(lib.etcd_watcher_options_set_recursive(options, 1))
            _must(lib.etcd_watcher_new(client._handle, key.encode(), options, byref(self._handle), byref(error)), error)
            start = lib.etcd_watcher_start
            _must(start(self._handle, client._queue, self._on_event, None, None, byref(error)), error)
            client.watches.add(self)
        finally:
            lib.etcd_watcher_options_free(options)

    def _event(self, _user_data, response, error):
        if error:
            self._events.put_nowait(Error(lib.etcd_error_status(error), error))
        else:
            self._events.put_nowait(json.loads(lib.etcd_response_json(response, None)))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        # On the thread that polls, so no callback runs now, and none comes any more.
        lib.etcd_watcher_free(self._handle)
        self._client.watches.discard(self)

    def __aiter__(self):
        return self

    async def __anext__(self):
        event = await self._events.get()
        if isinstance(event, Error) and event.status == ERR_CLOSED:
            raise StopAsyncIteration  # the client was closed
        return event
