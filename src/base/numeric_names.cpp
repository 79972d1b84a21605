// SPDX-License-Identifier: Apache-2.0
// libc's resolver, for the static program: numbers only, no NSS. glibc's own would load the image's
// NSS libraries at run time, which must then be of the very version that we were linked with, and a
// foreign image has none. Names are resolved by gates/resolver.hpp; libzmq is handed numbers, and
// Asio's resolver, which is not used, need only link.
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

// One block, so that freeaddrinfo is free: the entry, and the address that it points to.
struct Answer {
    addrinfo entry;
    sockaddr_storage address;
};

bool read_port(const char* service, in_port_t& port) {
    if (service == nullptr) return true;
    char* end = nullptr;
    const unsigned long number = std::strtoul(service, &end, 10);
    if (end == service || *end != '\0' || number > 65535) return false;
    port = htons(static_cast<in_port_t>(number));
    return true;
}

bool fill_v4(Answer& answer, const char* node, bool passive, in_port_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = port;
    address.sin_addr.s_addr = htonl(passive ? INADDR_ANY : INADDR_LOOPBACK);
    if (node != nullptr && ::inet_pton(AF_INET, node, &address.sin_addr) != 1) return false;
    std::memcpy(&answer.address, &address, sizeof address);
    answer.entry.ai_family = AF_INET;
    answer.entry.ai_addrlen = sizeof address;
    return true;
}

bool fill_v6(Answer& answer, const char* node, bool passive, in_port_t port) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = port;
    address.sin6_addr = passive ? in6addr_any : in6addr_loopback;
    if (node != nullptr) {
        const std::string_view text = node;
        const auto percent = text.find('%');
        const std::string number(text.substr(0, percent));
        if (::inet_pton(AF_INET6, number.c_str(), &address.sin6_addr) != 1) return false;
        if (percent != std::string_view::npos) {
            address.sin6_scope_id = ::if_nametoindex(node + percent + 1);
            if (address.sin6_scope_id == 0) return false;
        }
    }
    std::memcpy(&answer.address, &address, sizeof address);
    answer.entry.ai_family = AF_INET6;
    answer.entry.ai_addrlen = sizeof address;
    return true;
}

}  // namespace

extern "C" {

int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** result) {
    const addrinfo none{};
    const addrinfo& wanted = hints != nullptr ? *hints : none;
    in_port_t port = 0;
    if (!read_port(service, port)) return EAI_SERVICE;

    auto* answer = static_cast<Answer*>(std::calloc(1, sizeof(Answer)));
    if (answer == nullptr) return EAI_MEMORY;
    const bool passive = (wanted.ai_flags & AI_PASSIVE) != 0;
    const bool found = (wanted.ai_family != AF_INET6 && fill_v4(*answer, node, passive, port)) ||
                       (wanted.ai_family != AF_INET && fill_v6(*answer, node, passive, port));
    if (!found) {
        std::free(answer);
        return EAI_NONAME;
    }
    answer->entry.ai_socktype = wanted.ai_socktype;
    answer->entry.ai_protocol = wanted.ai_protocol;
    answer->entry.ai_addr = reinterpret_cast<sockaddr*>(&answer->address);
    *result = &answer->entry;
    return 0;
}

void freeaddrinfo(addrinfo* result) { std::free(result); }

int getnameinfo(const sockaddr* address, socklen_t, char* host, socklen_t host_size, char* service,
                socklen_t service_size, int) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    const bool is_v6 = address->sa_family == AF_INET6;
    const void* number = is_v6 ? static_cast<const void*>(&v6->sin6_addr) : &v4->sin_addr;
    if (host != nullptr && ::inet_ntop(address->sa_family, number, host, host_size) == nullptr) {
        return EAI_OVERFLOW;
    }
    if (service != nullptr) {
        const unsigned port = ntohs(is_v6 ? v6->sin6_port : v4->sin_port);
        (void)std::snprintf(service, service_size, "%u", port);
    }
    return 0;
}

const char* gai_strerror(int) { return "only numbers are resolved"; }
}
