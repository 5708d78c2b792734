-- Asks jeton whether a request may pass, and says whose request it is.

require "apache2"
local http = require "socket.http"
http.TIMEOUT = 2

local jeton = "http://127.0.0.1:8081/check?"
local identity = {"X-Jeton-Subject", "X-Jeton-Client-Id", "X-Jeton-Username", "X-Jeton-Scope", "X-Jeton-Grant-Id"}

-- Every way to write a name with underscores, which would be the same header to many a service.
local function spellings(name)
    local before, after = name:match("^(.-)%-(.*)$")
    if not before then
        return {name}
    end
    local all = {}
    for _, rest in ipairs(spellings(after)) do
        all[#all + 1] = before .. "_" .. rest
        all[#all + 1] = before .. "-" .. rest
    end
    return all
end

local function check(r, requires)
    local _, status, headers = http.request{
        url = jeton .. requires,
        headers = {authorization = r.headers_in["Authorization"]},
        redirect = false,
    }
    if type(status) ~= "number" then
        status, headers = 503, {["retry-after"] = "1"}
    end
    if status ~= 200 then
        r.err_headers_out["WWW-Authenticate"] = headers["www-authenticate"]
        r.err_headers_out["Retry-After"] = headers["retry-after"]
        return status
    end
    for _, name in ipairs(identity) do
        for _, spelling in ipairs(spellings(name)) do
            r.headers_in[spelling] = nil
        end
        r.headers_in[name] = headers[name:lower()]
    end
    return apache2.DECLINED
end

function billing_read(r)
    return check(r, "audience=billing&scope=read")
end

function billing_optional(r)
    return check(r, "audience=billing&optional=true")
end
