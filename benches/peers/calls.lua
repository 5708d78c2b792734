-- calls.lua: one kind of request of a token service, for wrk.
--
-- Its argument is a file that benches/peers.py writes: the path, the headers, and the bodies. Without `next`, the
-- bodies are sent in turn. With it, each thread begins with a body of its own, and what the pattern `next` finds in
-- an answer takes the place of %s in `body`: a refresh token is good for one request. Prints one line of JSON.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  call = dofile(args[1])
  prepared = {}
  for index, body in ipairs(call.bodies) do
    prepared[index] = wrk.format("POST", call.path, call.headers, body)
  end
  position = number % #prepared
  -- Reading answers takes the load's time: wrk does it if there is a function of this name.
  response = call.next and remember
end

function request()
  if call.next then
    return following or prepared[position + 1]
  end
  position = position % #prepared + 1
  return prepared[position]
end

function remember(status, headers, body)
  local found = body:match(call.next)
  if status == 200 and found then
    following = wrk.format("POST", call.path, call.headers, call.body:format(found))
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "micros": %d, "p50": %d, "p99": %d, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
