-- For wrk: sends the requests of a file, each ended by a NUL byte, one after the other and then again from the first.
-- Prints one line of JSON at the end.
--   wrk -t1 -s replay.lua URL -- FILE

local requests = {}
local last = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  for text in string.gmatch(file:read("*a"), "([^%z]+)%z") do
    requests[#requests + 1] = text
  end
  file:close()
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  print(string.format('\n{"requests": %d, "microseconds": %d, "failed": %d, "p99_us": %d}', summary.requests,
    summary.duration, failed, latency:percentile(99)))
end
