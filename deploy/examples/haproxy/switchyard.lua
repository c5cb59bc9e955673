-- SPDX-License-Identifier: Apache-2.0
-- Asks a Switchyard sidecar where a request goes, and tells it how that went. See haproxy.cfg.

local base = "http://127.0.0.1:7480/switchyard/v1/"
local patience = 200 -- ms, for a decision
local queue_max = 10000 -- outcomes; what is more is lost
local batch_max = 200

local queue = {}

local function milliseconds()
    local now = core.now()
    return now.sec * 1000 + now.usec / 1000
end

local function header(answer, name)
    local values = answer.headers and answer.headers[name]
    return values and values[0] or nil
end

-- The client's headers, without those that would speak for us and those of its connection.
local function headers_for(txn)
    local unwanted = {
        ["connection"] = true, ["content-length"] = true, ["transfer-encoding"] = true, ["expect"] = true,
        ["upgrade"] = true, ["te"] = true, ["host"] = true, ["x-forwarded-uri"] = true, ["x-forwarded-host"] = true,
        ["x-envoy-original-path"] = true,
    }
    local headers = {}
    for name, values in pairs(txn.http:req_get_headers()) do
        if not unwanted[name] then
            headers[name] = {}
            for _, value in pairs(values) do
                table.insert(headers[name], value)
            end
        end
    end
    headers["x-original-uri"] = { txn.sf:pathq() }
    headers["x-original-host"] = { txn.sf:req_hdr("host") }
    headers["x-real-ip"] = { txn.sf:src() }
    return headers
end

-- Sets txn.sw_system: legacy, new, nobody (who may serve it), or nothing when nothing is decided.
core.register_action("switchyard_decide", { "http-req" }, function(txn)
    local answer = core.httpclient():get { url = base .. "decide", headers = headers_for(txn), timeout = patience }
    local system = header(answer, "x-switchyard-system")
    if answer.status == 503 and system == "none" then
        txn:set_var("txn.sw_system", "nobody")
    elseif answer.status == 200 and system ~= "none" and system ~= nil then
        txn:set_var("txn.sw_system", system)
        txn:set_var("txn.sw_migration", header(answer, "x-switchyard-migration"))
        txn:set_var("txn.sw_began", string.format("%.3f", milliseconds()))
    end
end)

core.register_fetches("switchyard_outcome", function(txn)
    local migration = txn:get_var("txn.sw_migration")
    if migration and #queue < queue_max then
        table.insert(queue, string.format('{"migration": "%s", "system": "%s", "status": %d, "latencyMs": %.3f}',
            migration, txn:get_var("txn.sw_system"), txn.sf:status(),
            milliseconds() - tonumber(txn:get_var("txn.sw_began"))))
    end
    return ""
end)

local function tell()
    local batch = {}
    while #queue > 0 and #batch < batch_max do
        table.insert(batch, table.remove(queue))
    end
    local body = "[" .. table.concat(batch, ", ") .. "]"
    core.httpclient():post {
        url = base .. "outcome",
        headers = { ["content-type"] = { "application/json" }, ["content-length"] = { tostring(#body) } },
        body = body,
        timeout = 1000,
    }
end

core.register_task(function()
    while true do
        core.msleep(50)
        while #queue > 0 do
            tell()
        end
    end
end)
