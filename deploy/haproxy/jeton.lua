-- Asks jeton whether a request may pass, and says whose request it is.

local identity = {"x-jeton-subject", "x-jeton-client-id", "x-jeton-username", "x-jeton-scope", "x-jeton-grant-id"}

local function refuse(txn, status, headers)
    local reply = txn:reply({status = status})
    for _, name in ipairs({"www-authenticate", "retry-after"}) do
        for _, value in pairs(headers[name] or {}) do
            reply:add_header(name, value)
        end
    end
    txn:done(reply)
end

core.register_action("jeton", {"http-req"}, function(txn, check)
    local headers = txn.http:req_get_headers()
    -- From 0 on, as HAProxy numbers them.
    local sent = {}
    for _, value in pairs(headers["authorization"] or {}) do
        sent[#sent + 1] = value
    end
    local asked = {["authorization"] = sent}
    -- That of the connection: a visitor's header of this name is not looked at.
    local certificate = txn:get_var("txn.certificate")
    if certificate then
        asked["client-cert"] = {":" .. certificate .. ":"}
    end
    local answer = core.httpclient():get({
        url = check .. "?" .. txn:get_var("txn.requires"),
        headers = asked,
        timeout = 2000,
    })
    -- 0 is no answer, 503 and 504 may be HAProxy's own.
    if answer == nil or answer.status == 0 or answer.status == 504 then
        return refuse(txn, 503, {["retry-after"] = {"1"}})
    end
    if answer.status ~= 200 then
        return refuse(txn, answer.status, answer.headers)
    end
    for _, name in ipairs(identity) do
        txn.http:req_del_header(name)
        local values = answer.headers[name]
        local value = values and values[0] or ""
        if value ~= "" then
            txn.http:req_set_header(name, value)
        end
    end
end, 1)
