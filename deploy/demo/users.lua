-- wrk: requests of random users, about 200 a second on each connection.
local seed = 0

function setup(thread)
    seed = seed + 1
    thread:set("seed", seed)
end

function init(args)
    math.randomseed(seed)
end

function request()
    return wrk.format("GET", "/", {["X-User-Id"] = "user-" .. math.random(100000)})
end

function delay()
    return 5
end
