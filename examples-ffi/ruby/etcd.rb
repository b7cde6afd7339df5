# libetcd_client for Ruby, by ruby-ffi.
#
# A thread of Ruby polls a queue, with the interpreter's lock released while it waits (blocking: true): all callbacks run on
# that thread, and no thread of the library ever calls Ruby. What may wait for the network is blocking: true as well, or it
# would stop every thread of Ruby.
require "ffi"
require "json"

module Etcd
  module C
    extend FFI::Library
    ffi_lib "libetcd_client.so.0"

    callback :future_fn, %i[pointer pointer], :void
    callback :watch_fn, %i[pointer pointer pointer], :void

    attach_function :etcd_status_name, [:int32], :string
    attach_function :etcd_config_new, [], :pointer
    attach_function :etcd_config_add_endpoint, %i[pointer string], :int32
    attach_function :etcd_config_free, [:pointer], :void
    attach_function :etcd_client_new, %i[pointer pointer pointer], :int32
    attach_function :etcd_client_close, %i[pointer int64 pointer], :int32, blocking: true
    attach_function :etcd_client_free, [:pointer], :void
    attach_function :etcd_keys_get_async, %i[pointer pointer string pointer], :pointer
    attach_function :etcd_keys_set_async, %i[pointer pointer string pointer size_t pointer], :pointer
    attach_function :etcd_future_on_ready, %i[pointer pointer future_fn pointer pointer], :int32
    attach_function :etcd_future_wait, %i[pointer int64], :int32, blocking: true
    attach_function :etcd_future_take_response, %i[pointer pointer pointer], :int32
    attach_function :etcd_future_cancel, [:pointer], :void
    attach_function :etcd_future_free, [:pointer], :void
    attach_function :etcd_queue_new, [], :pointer
    attach_function :etcd_queue_poll, %i[pointer int64 int32], :int32, blocking: true
    attach_function :etcd_queue_wakeup, [:pointer], :void
    attach_function :etcd_queue_free, [:pointer], :void
    attach_function :etcd_watcher_options_new, [], :pointer
    attach_function :etcd_watcher_options_set_after_index, %i[pointer uint64], :int32
    attach_function :etcd_watcher_options_set_recursive, %i[pointer int], :int32
    attach_function :etcd_watcher_options_free, [:pointer], :void
    attach_function :etcd_watcher_new, %i[pointer string pointer pointer pointer], :int32
    attach_function :etcd_watcher_start, %i[pointer pointer watch_fn pointer pointer pointer], :int32
    attach_function :etcd_watcher_stop, %i[pointer int64], :int32, blocking: true
    attach_function :etcd_watcher_free, [:pointer], :void
    attach_function :etcd_response_json, %i[pointer pointer], :string
    attach_function :etcd_response_free, [:pointer], :void
    attach_function :etcd_error_status, [:pointer], :int32
    attach_function :etcd_error_message, [:pointer], :string
    attach_function :etcd_error_api_code, [:pointer], :int32
    attach_function :etcd_error_free, [:pointer], :void
  end

  OK = 0
  KEY_NOT_FOUND = 100

  class Error < StandardError
    attr_reader :status, :api_code

    # A copy of an etcd_error, or a bare status, which has no more to say.
    def initialize(status, error = nil)
      @status = status
      @api_code = C.etcd_error_api_code(error)
      super([C.etcd_status_name(status), C.etcd_error_message(error)].compact.join(": "))
    end
  end

  # Calls with the address of an etcd_error, and raises what it tells.
  def self.must
    place = FFI::MemoryPointer.new(:pointer)
    status = yield place
    raise Error.new(status, place.read_pointer) unless status == OK
  ensure
    C.etcd_error_free(place.read_pointer)
  end

  # An object that a function gives through an out-parameter.
  def self.made_by
    place = FFI::MemoryPointer.new(:pointer)
    must { |error| yield place, error }
    place.read_pointer
  end

  # A call that goes on by itself. The garbage collector may free it on any thread and in any order, in flight too.
  class Future
    def initialize(pointer)
      @pointer = FFI::AutoPointer.new(pointer, C.method(:etcd_future_free))
    end

    # Without any callback: only this thread of Ruby waits.
    def value
      Etcd.must { C.etcd_future_wait(@pointer, -1) }
      Future.take(@pointer)
    end

    def cancel
      C.etcd_future_cancel(@pointer)
    end

    # Calls the block, with a response or an Error, on the thread that polls.
    def on_ready(client, &block)
      number = Future.remember(block)
      Etcd.must { C.etcd_future_on_ready(@pointer, client.queue, READY, FFI::Pointer.new(number), nil) }
      self
    end

    @blocks = {}
    @lock = Mutex.new

    class << self
      def take(pointer)
        response = Etcd.made_by { |place, error| C.etcd_future_take_response(pointer, place, error) }
        JSON.parse(C.etcd_response_json(response, nil))
      ensure
        C.etcd_response_free(response)
      end

      # C keeps no Ruby object alive, so it gets a number.
      def remember(block)
        @lock.synchronize do
          @last = @last.to_i + 1
          @blocks[@last] = block
          @last
        end
      end

      def block_of(number)
        @lock.synchronize { @blocks.delete(number) }
      end
    end

    # One for all calls, in a constant: the garbage collector must never take it.
    READY = FFI::Function.new(:void, %i[pointer pointer]) do |number, pointer|
      block = block_of(number.address)
      begin
        result = take(pointer)
      rescue Error => e
        result = e
      end
      Etcd.shield { block.call(result) }
    end
  end

  # Nothing may be raised through C.
  def self.shield
    yield
  rescue StandardError => e
    warn "in a callback: #{e.full_message}"
  end

  class Client
    attr_reader :pointer, :queue, :watches

    def initialize(endpoints)
      config = C.etcd_config_new
      Etcd.must { C.etcd_config_add_endpoint(config, endpoints) }
      @pointer = Etcd.made_by { |place, error| C.etcd_client_new(config, place, error) }
      @queue = C.etcd_queue_new
      @watches = [] # C refers to them, which Ruby does not see
      @poller = Thread.new { C.etcd_queue_poll(@queue, -1, 0) until @is_closing }
    ensure
      C.etcd_config_free(config)
    end

    def get(key)
      Future.new(C.etcd_keys_get_async(@pointer, nil, key, nil))
    end

    def set(key, value)
      Future.new(C.etcd_keys_set_async(@pointer, nil, key, value, value.bytesize, nil))
    end

    # Calls the block with each event, or an Error after which the watch goes on, on the thread that polls.
    def watch(key, after_index, &block)
      Watch.new(self, key, after_index, &block)
    end

    # Not in a callback. Those that have not run are not called any more.
    def close
      @is_closing = true
      C.etcd_queue_wakeup(@queue)
      @poller.join
      C.etcd_queue_free(@queue)
      C.etcd_client_close(@pointer, 5000, nil)
      C.etcd_client_free(@pointer)
    end
  end

  class Watch
    def initialize(client, key, after_index, &block)
      @client = client
      @on_event = FFI::Function.new(:void, %i[pointer pointer pointer]) do |_, response, error|
        Etcd.shield do
          failure = Error.new(C.etcd_error_status(error), error) unless error.null?
          block.call(failure || JSON.parse(C.etcd_response_json(response, nil)))
        end
      end
      options = C.etcd_watcher_options_new
      Etcd.must { C.etcd_watcher_options_set_after_index(options, after_index) }
      Etcd.must { C.etcd_watcher_options_set_recursive(options, 1) }
      @pointer = Etcd.made_by { |place, error| C.etcd_watcher_new(client.pointer, key, options, place, error) }
      Etcd.must { |error| C.etcd_watcher_start(@pointer, client.queue, @on_event, nil, nil, error) }
      client.watches << self
    ensure
      C.etcd_watcher_options_free(options)
    end

    # Waits for a callback that runs; after it none comes.
    def stop
      C.etcd_watcher_stop(@pointer, 5000)
      C.etcd_watcher_free(@pointer)
      @client.watches.delete(self)
    end
  end
end
