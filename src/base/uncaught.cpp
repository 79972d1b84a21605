// SPDX-License-Identifier: Apache-2.0
// What is said of an exception that nobody caught, for the static program: in the place of
// libstdc++'s own handler, which brings a demangler of 50 KB for the type's name.
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace __gnu_cxx {  // the name that is to be replaced

void __verbose_terminate_handler() {
    const char* what = "no exception";
    try {
        if (const auto exception = std::current_exception()) std::rethrow_exception(exception);
    } catch (const std::exception& exception) {
        what = exception.what();
    } catch (...) {
        what = "an exception of an unknown type";
    }
    std::fputs("fluxpod: error: this is a fault of fluxpod's own: ", stderr);
    std::fputs(what, stderr);
    std::fputs("\n", stderr);
    std::abort();
}

}  // namespace __gnu_cxx
