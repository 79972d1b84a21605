// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/process/exec.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "fluxpod/base/text.hpp"
#include "fluxpod/process/signals.hpp"

namespace fluxpod {

void reserve_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        // open(2) takes the lowest free descriptor, which is fd. Images from scratch have no
        // /dev/null; a handle on "/" serves as well.
        if (::open("/dev/null", O_RDWR | O_CLOEXEC) < 0) {
            (void)::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
    }
}

namespace {

// 0 if it can be executed, else the errno that says why not.
int executable_fault(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return errno;
    if (S_ISDIR(info.st_mode)) return EISDIR;
    // access(2) rather than faccessat(2) with flags, which old seccomp filters deny; we are never
    // set-uid.
    if (::access(path.c_str(), X_OK) != 0) return errno;
    return 0;
}

Error launch_error(const std::string& program, int error_number, std::string hint) {
    Error error;
    error.code = error_number == ENOENT ? ExitCode::not_found : ExitCode::cannot_run;
    error.doing = "run";
    error.subject = program;
    error.cause = describe_errno(error_number);
    error.hint = std::move(hint);
    return error;
}

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    // execve(2) takes char* for historical reasons and changes nothing.
    for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace

Result<std::string> find_program(const std::string& argv0, const Environment& environment) {
    if (argv0.find('/') != std::string::npos) {
        int fault = executable_fault(argv0);
        if (fault != 0) return fail(launch_error(argv0, fault, ""));
        return argv0;
    }
    const std::string path = environment.get("PATH").value_or("/bin:/usr/bin");
    int last_fault = ENOENT;
    for (const auto& directory : split(path, ':')) {
        if (argv0.empty()) break;
        std::string candidate = (directory.empty() ? "." : directory) + "/" + argv0;
        int fault = executable_fault(candidate);
        if (fault == 0) return candidate;
        // execvp(3) goes on after these, and remembers that there was something.
        if (fault != ENOENT && fault != ENOTDIR) last_fault = fault;
    }
    return fail(launch_error(argv0, last_fault, "PATH is " + path));
}

Error exec_program(const std::string& path, const std::vector<std::string>& argv,
                   const Environment& environment, const sigset_t& mask) {
    auto arguments = pointers_to(argv);
    auto variables = environment.pointers();
    discard_signals_of_our_writes();
    end_on_boot_signals();
    sigset_t ours;
    ::pthread_sigmask(SIG_SETMASK, &mask, &ours);
    ::execve(path.c_str(), arguments.data(), variables.data());
    int error_number = errno;
    if (error_number == ENOEXEC) {
        std::vector<std::string> script{"/bin/sh", path};
        if (argv.size() > 1) script.insert(script.end(), argv.begin() + 1, argv.end());
        auto script_arguments = pointers_to(script);
        ::execve("/bin/sh", script_arguments.data(), variables.data());
        error_number = ENOEXEC;  // the file's fault, whatever became of /bin/sh
    }
    // The message that follows must not end us by SIGPIPE.
    set_signal_mask(ours);
    return launch_error(path, error_number,
                        error_number == ENOENT
                            ? "the file exists only if its interpreter (#! line or ELF loader) does"
                            : "");
}

}  // namespace fluxpod
