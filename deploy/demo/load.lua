-- wrk: readers who come back, a few milliseconds apart, each with an id of their own.
local n = 0

function request()
    n = n + 1
    return wrk.format("GET", "/shop", {["X-User-Id"] = "user-" .. (n * 7919 % 10007)})
end

function delay()
    return 5
end
