-- wrk's side of tokens: wrk ... -s load.lua URL
-- BENCH_REQUESTS names a file of "target TAB header TAB value" lines, asked in turn; without it wrk's own GET of the URL
-- is used. The last line printed is "RESULT " and JSON. With BENCH_EXPLAIN set, the first answer of each bad status is
-- printed.

local file = os.getenv("BENCH_REQUESTS")

if file then
   local requests = {}
   local turn = 0

   function init()
      for line in io.lines(file) do
         local target, name, value = line:match("^([^\t]+)\t([^\t]+)\t([^\t]+)$")
         local headers = { Host = wrk.headers["Host"], [name] = value }
         requests[#requests + 1] = wrk.format("GET", target, headers)
      end
   end

   function request()
      turn = turn % #requests + 1
      return requests[turn]
   end
end

if os.getenv("BENCH_EXPLAIN") then
   local seen = {}
   function response(status, _, body)
      if status == 200 or seen[status] then return end
      seen[status] = true
      print("ANSWER " .. status .. " " .. body)
   end
end

function done(summary, latency)
   local errors = summary.errors
   local fields = {
      requests = summary.requests,
      microseconds = summary.duration,
      p50 = latency:percentile(50),
      p99 = latency:percentile(99),
      refused = errors.status,
      broken = errors.connect + errors.read + errors.write + errors.timeout,
   }
   local parts = {}
   for name, value in pairs(fields) do parts[#parts + 1] = ('"%s":%.0f'):format(name, value) end
   print("RESULT {" .. table.concat(parts, ",") .. "}")
end
