# A watch, a hundred sets with callbacks, gets without any, and a call that is cancelled.
require "socket"
require "timeout"
require_relative "etcd"

DIRECTORY = "/example/ruby"
COUNT = 100

def set_and_watch(client)
  index = client.set("#{DIRECTORY}/begin", "").value["index"]
  events = Queue.new
  answers = Queue.new
  watch = client.watch(DIRECTORY, index) { |event| events << event }
  COUNT.times { |number| client.set("#{DIRECTORY}/#{number}", number.to_s).on_ready(client) { |answer| answers << answer } }

  COUNT.times { answers.pop.then { |answer| raise answer if answer.is_a?(Etcd::Error) } }
  keys = Array.new(COUNT) { events.pop.then { |event| event.is_a?(Etcd::Error) ? raise(event) : event["node"]["key"] } }
  watch.stop
  raise "not every key has its event" unless keys.uniq.size == COUNT

  puts "#{COUNT} sets, #{keys.uniq.size} events"
end

def get_all(client)
  futures = Array.new(COUNT) { |number| client.get("#{DIRECTORY}/#{number}") }
  futures.each_with_index do |future, number|
    raise "another value" unless future.value["node"]["value"] == number.to_s
  end
  client.get("#{DIRECTORY}/not-there").value
  raise "a key that is not there was found"
rescue Etcd::Error => e
  raise unless e.api_code == Etcd::KEY_NOT_FOUND

  puts e.message
end

# A server that takes connections and stays silent, because an etcd in good health answers at once. This very thread waits for
# the connection while another one waits for the answer, which shows that no lock is held meanwhile.
def expect_cancel
  server = TCPServer.new("127.0.0.1", 0)
  client = Etcd::Client.new("http://127.0.0.1:#{server.addr[1]}")
  call = client.get("/never")
  waiter = Thread.new { call.value }
  waiter.report_on_exception = false
  connection = server.accept
  call.cancel
  begin
    waiter.value
    raise "nothing was cancelled"
  rescue Etcd::Error => e
    puts e.message
  end
  client.close
  connection.close
end

Timeout.timeout(60) do
  client = Etcd::Client.new(ENV.fetch("ETCD_ENDPOINTS", "http://127.0.0.1:2379"))
  set_and_watch(client)
  get_all(client)
  client.close
  expect_cancel
end
