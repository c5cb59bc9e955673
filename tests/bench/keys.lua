-- wrk: a header of the next of 1,000 users in each request. As fast as it can, or with a pause after each answer, which
-- keeps all clients in step, or with one of a random length, on average that of the pause, which does not:
--   wrk -s keys.lua URL [-- MILLISECONDS [random]]
local requests = {}
local next_user = 0

function init(args)
    for user = 0, 999 do
        requests[user] = wrk.format("GET", nil, {["X-User-Id"] = "user-" .. user})
    end
    if args[2] == "random" then
        math.randomseed(os.time())
        function delay() return math.random(0, 2 * args[1]) end
    elseif args[1] then
        function delay() return args[1] end
    end
end

function request()
    next_user = (next_user + 1) % 1000
    return requests[next_user]
end
