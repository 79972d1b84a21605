// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/exec.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>

#include "temp_dir.hpp"

using namespace fluxpod;
using fluxpod::test::TempDir;

namespace {

std::string make_file(const TempDir& directory, const std::string& name, const std::string& text,
                      mode_t mode) {
    const std::string path = directory.write(name, text);
    ::chmod(path.c_str(), mode);
    return path;
}

Environment with_path(const std::string& path) { return Environment({"PATH=" + path}); }

// The exit status of a child that runs `body`, and what it wrote to stdout.
struct Ran {
    int status = -1;
    std::string output;
};

Ran in_child(const std::function<int()>& body) {
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::dup2(pipe_ends[1], 1);
        ::close(pipe_ends[0]);
        ::close(pipe_ends[1]);
        ::_exit(body());
    }
    ::close(pipe_ends[1]);
    Ran ran;
    char chunk[4096];
    for (ssize_t n = 0; (n = ::read(pipe_ends[0], chunk, sizeof chunk)) > 0;) {
        ran.output.append(chunk, static_cast<std::size_t>(n));
    }
    ::close(pipe_ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return ran;
}

sigset_t no_signals() {
    sigset_t mask;
    sigemptyset(&mask);
    return mask;
}

}  // namespace

TEST_CASE("a name without slash is found in PATH, the first match wins") {
    TempDir first, second;
    make_file(first, "other", "", 0755);
    const std::string wanted = make_file(second, "tool", "", 0755);
    auto found =
        find_program("tool", with_path(first.path().string() + ":" + second.path().string()));
    REQUIRE(found);
    CHECK(*found == wanted);
}

TEST_CASE("a command that does not exist is 127 and the message names PATH") {
    auto found = find_program("no-such-tool", with_path("/nowhere:/neither"));
    REQUIRE_FALSE(found);
    CHECK(found.error().code == ExitCode::not_found);
    CHECK(found.error().message().find("/nowhere:/neither") != std::string::npos);
}

TEST_CASE("a directory and a file without x bit are 126") {
    TempDir directory;
    std::filesystem::create_directory(directory.path() / "tool");
    auto found = find_program("tool", with_path(directory.path().string()));
    REQUIRE_FALSE(found);
    CHECK(found.error().code == ExitCode::cannot_run);

    const std::string plain = make_file(directory, "plain", "text", 0644);
    auto absolute = find_program(plain, {});
    REQUIRE_FALSE(absolute);
    CHECK(absolute.error().code == ExitCode::cannot_run);
}

TEST_CASE("a later executable is taken when an earlier one cannot be executed") {
    TempDir first, second;
    make_file(first, "tool", "", 0644);
    const std::string wanted = make_file(second, "tool", "", 0755);
    CHECK(find_program("tool", with_path(first.path().string() + ":" + second.path().string())) ==
          wanted);
}

TEST_CASE("without PATH the default directories are searched") {
    CHECK(find_program("sh", Environment{}).value() == "/bin/sh");
}

TEST_CASE("an empty name is not found") {
    auto found = find_program("", with_path("/bin"));
    REQUIRE_FALSE(found);
    CHECK(found.error().code == ExitCode::not_found);
}

TEST_CASE("arguments and environment arrive byte for byte, duplicates included") {
    const Environment environment({"A=1", "A=2", "no-equals-sign", "B=line\nbreak"});
    auto ran = in_child([&] {
        (void)exec_program("/usr/bin/env", {"env", "-0"}, environment, no_signals());
        return 1;
    });
    CHECK(ran.status == 0);
    const std::string expected("A=1\0A=2\0no-equals-sign\0B=line\nbreak\0", 36);
    CHECK(ran.output == expected);
}

TEST_CASE("the child has the mask that is asked for") {
    sigset_t mask = no_signals();
    sigaddset(&mask, SIGUSR1);
    auto ran = in_child([&] {
        (void)exec_program("/bin/grep", {"grep", "SigBlk", "/proc/self/status"}, {}, mask);
        return 1;
    });
    CHECK(ran.output == "SigBlk:\t0000000000000200\n");
}

TEST_CASE("a script without #! is run by the shell") {
    TempDir directory;
    const std::string script = make_file(directory, "script", "echo \"$1\"\n", 0755);
    auto ran = in_child([&] {
        (void)exec_program(script, {"script", "a b"}, {}, no_signals());
        return 1;
    });
    CHECK(ran.output == "a b\n");
    CHECK(ran.status == 0);
}

TEST_CASE("a script whose interpreter is missing is 127 and says why") {
    TempDir directory;
    const std::string script = make_file(directory, "script", "#!/no/such/interpreter\n", 0755);
    auto error = exec_program(script, {"script"}, {}, no_signals());
    CHECK(error.code == ExitCode::not_found);
    CHECK(error.message().find("interpreter") != std::string::npos);
}

TEST_CASE("after a failed exec our own mask is back") {
    sigset_t ours = no_signals();
    sigaddset(&ours, SIGUSR2);
    sigset_t before;
    ::sigprocmask(SIG_SETMASK, &ours, &before);
    (void)exec_program("/no/such/file", {"x"}, {}, no_signals());
    sigset_t after;
    ::sigprocmask(SIG_SETMASK, &before, &after);
    CHECK(sigismember(&after, SIGUSR2) == 1);
}

TEST_CASE("closed standard descriptors are filled here and closed again for the child") {
    auto ran = in_child([&] {
        ::close(0);
        ::close(2);
        reserve_standard_descriptors();
        if (::fcntl(0, F_GETFD) != FD_CLOEXEC || ::fcntl(2, F_GETFD) != FD_CLOEXEC) return 1;
        (void)exec_program("/bin/sh", {"sh", "-c", "test ! -e /proc/$$/fd/0 && echo closed"}, {},
                           no_signals());
        return 2;
    });
    CHECK(ran.output == "closed\n");
}
