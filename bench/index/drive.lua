-- wrk -s drive.lua URL -- KEYS PATHS ACCEPT [close]
-- KEYS: an Authorization value a line, "-" for none. PATHS: a path a line, with a tab and an ETag
-- for a conditional request. All requests are built before the first one is sent.
local requests, count, current = {}, 0, 0

local function lines(name)
  local found = {}
  for line in io.lines(name) do
    if #line > 0 then found[#found + 1] = line end
  end
  return found
end

function init(args)
  local keys = args[1] == "-" and {""} or lines(args[1])
  local paths = lines(args[2])
  count = math.max(#keys, #paths) * 5
  for k = 0, count - 1 do
    local path, etag = paths[(k * 7) % #paths + 1], nil
    local tab = path:find("\t", 1, true)
    if tab then
      path, etag = path:sub(1, tab - 1), path:sub(tab + 1)
    end
    local headers = {["Accept"] = args[3], ["User-Agent"] = "pip/26.3", ["If-None-Match"] = etag}
    local key = keys[k % #keys + 1]
    if key ~= "" then headers["Authorization"] = key end
    if args[4] == "close" then headers["Connection"] = "close" end
    requests[k] = wrk.format("GET", path, headers)
  end
end

function request()
  current = (current + 1) % count
  return requests[current]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '\nJSON {"requests": %d, "us": %d, "failed": %d, "not_ok": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.timeout, errors.status,
    latency:percentile(50), latency:percentile(99)))
end
