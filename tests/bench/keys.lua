-- wrk: a header of the next of 1,000 users in each request. As fast as it can, or with a pause after each answer:
--   wrk -s keys.lua URL [-- MILLISECONDS]
local requests = {}
local next_user = 0

function init(args)
    for user = 0, 999 do
        requests[user] = wrk.format("GET", nil, {["X-User-Id"] = "user-" .. user})
    end
    if args[1] then
        function delay() return args[1] end
    end
end

function request()
    next_user = (next_user + 1) % 1000
    return requests[next_user]
end
