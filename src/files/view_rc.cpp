// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/files/view_rc.hpp"

#include <fmt/format.h>

#include <string_view>

#include "fluxpod/base/text.hpp"

namespace fluxpod {

namespace {

constexpr std::string_view lua = R"(-- Made by fluxpod: the view's libraries are for Flux.
local command = shell.info.jobspec.tasks[1].command
local program = type (command) == "table" and command[1] or command

local function take_out (name, part)
    local value = shell.getenv (name)
    if not value then return end
    local kept = {{}}
    for word in (value .. ":"):gmatch ("([^:]*):") do
        if word ~= part then table.insert (kept, word) end
    end
    if #kept == 0 then
        shell.unsetenv (name)
    else
        shell.setenv (name, table.concat (kept, ":"))
    end
end

if program ~= "flux" and not program:match ("/flux$") then
    take_out ("LD_LIBRARY_PATH", {lib})
    take_out ("FLUX_SHELL_RC_PATH", {rc})
    take_out ("SHELL", {shell})
end
)";

// Lua's \ddd, which no byte needs to be spared from.
std::string lua_quoted(std::string_view text) {
    std::string quoted = "\"";
    for (char c : text) {
        const bool is_plain = is_alphanumeric({&c, 1}, "/._-");
        quoted +=
            is_plain ? std::string(1, c) : fmt::format("\\{:03}", static_cast<unsigned char>(c));
    }
    return quoted + "\"";
}

}  // namespace

std::string render_view_rc(const Plan& plan) {
    return fmt::format(lua, fmt::arg("lib", lua_quoted(plan.view + "/lib")),
                       fmt::arg("rc", lua_quoted(plan.layout.shell_rc)),
                       fmt::arg("shell", lua_quoted(plan.view + "/bin/bash")));
}

}  // namespace fluxpod
