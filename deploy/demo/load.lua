-- wrk: readers who come back, a few milliseconds apart (5, or the argument), each with an id of their own.
local n, pause = 0, 5

function init(args)
    pause = tonumber(args[1]) or pause
end

function request()
    n = n + 1
    return wrk.format("GET", "/shop", {["X-User-Id"] = "user-" .. (n * 7919 % 10007)})
end

function delay()
    return math.random(0, 2 * pause)
end
