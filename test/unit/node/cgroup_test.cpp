// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/cgroup.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "temp_dir.hpp"

namespace fluxpod {
namespace {

// A machine's /proc and /sys as far as cgroups are concerned.
class Machine {
  public:
    Machine& member(const std::string& lines) {
        files_.write("proc/self/cgroup", lines);
        return *this;
    }
    Machine& mount(const std::string& root, const std::string& point, const std::string& type,
                   const std::string& options) {
        mounts_ += "30 23 0:26 " + root + " " + point + " rw,nosuid shared:4 - " + type + " " +
                   type + " " + options + "\n";
        files_.write("proc/self/mountinfo", mounts_);
        return *this;
    }
    // With the list of processes that every cgroup on the way has.
    Machine& file(const std::string& path, const std::string& text) {
        files_.write(path.substr(1), text + "\n");
        for (auto end = path.rfind('/'); end > path.find("/sys/fs") + 7;
             end = path.rfind('/', end - 1)) {
            files_.write(path.substr(1, end) + "cgroup.procs", "");
        }
        return *this;
    }
    [[nodiscard]] CgroupLimits read() const { return read_cgroup_limits(files_.path()); }

  private:
    test::TempDir files_;
    std::string mounts_ = "20 1 0:1 / / rw - ext4 /dev/root rw\n";
};

const char* const v1_members =
    "5:cpuset:/kubepods/pod1/c1\n4:memory:/kubepods/pod1/c1\n2:cpu,cpuacct:/kubepods/pod1/c1\n";

}  // namespace

TEST_CASE("a v2 container in a cgroup namespace knows quota, request, cpuset and memory") {
    Machine machine;
    machine.member("0::/\n").mount("/", "/sys/fs/cgroup", "cgroup2", "rw");
    machine.file("/sys/fs/cgroup/cpu.max", "150000 100000")
        .file("/sys/fs/cgroup/cpu.weight", "59")
        .file("/sys/fs/cgroup/cpuset.cpus.effective", "0-3,8")
        .file("/sys/fs/cgroup/memory.max", "1073741824");
    const CgroupLimits limits = machine.read();
    CHECK(limits.version == "v2");
    CHECK(limits.cpu_directory == "/sys/fs/cgroup");
    CHECK(limits.cpu_quota == 1.5);
    REQUIRE(limits.cpu_request);
    // 59 is 1.5 CPUs by the line and 0.5 by the curve; the quota decides.
    CHECK(limits.cpu_request->min <= 1.5);
    CHECK(limits.cpu_request->max >= 1.5);
    CHECK(limits.cpu_request->min > 1.4);
    CHECK_FALSE(limits.cpu_request_is_default);
    CHECK(limits.cpuset->encode() == "0-3,8");
    CHECK(limits.memory_limit == 1073741824U);
}

TEST_CASE("a v2 container without a namespace is found below the whole hierarchy") {
    Machine machine;
    machine.member("0::/kubepods/pod1/c1\n").mount("/", "/sys/fs/cgroup", "cgroup2", "rw");
    machine.file("/sys/fs/cgroup/kubepods/pod1/c1/cpu.max", "max 100000")
        .file("/sys/fs/cgroup/kubepods/pod1/cpu.max", "200000 50000")
        .file("/sys/fs/cgroup/kubepods/cpu.max", "max 100000")
        .file("/sys/fs/cgroup/kubepods/cpuset.cpus.effective", "0-7");
    const CgroupLimits limits = machine.read();
    CHECK(limits.cpu_quota == 4.0);
    CHECK(limits.cpu_quota_directory == "/sys/fs/cgroup/kubepods/pod1");
    CHECK(limits.cpuset->encode() == "0-7");
    CHECK_FALSE(limits.cpu_request);
}

TEST_CASE("a v1 container that sees its own cgroup mounted knows it by the mount's root") {
    Machine machine;
    machine.member(v1_members)
        .mount("/kubepods/pod1/c1", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct")
        .mount("/kubepods/pod1/c1", "/sys/fs/cgroup/cpuset", "cgroup", "rw,cpuset")
        .mount("/kubepods/pod1/c1", "/sys/fs/cgroup/memory", "cgroup", "rw,memory");
    machine.file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000")
        .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
        .file("/sys/fs/cgroup/cpu,cpuacct/cpu.shares", "512")
        .file("/sys/fs/cgroup/cpuset/cpuset.cpus", "1")
        .file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912");
    const CgroupLimits limits = machine.read();
    CHECK(limits.version == "v1");
    CHECK(limits.cpu_quota == 0.5);
    CHECK(limits.cpu_request->min == 0.5);
    CHECK(limits.cpuset->encode() == "1");
    CHECK(limits.memory_limit == 536870912U);
}

TEST_CASE("the least limit on the way to the root counts") {
    Machine machine;
    machine.member(v1_members)
        .mount("/", "/sys/fs/cgroup/cpu", "cgroup", "rw,cpu,cpuacct")
        .mount("/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory");
    const std::string cpu = "/sys/fs/cgroup/cpu/kubepods/pod1";
    machine.file(cpu + "/c1/cpu.cfs_quota_us", "400000")
        .file(cpu + "/c1/cpu.cfs_period_us", "100000")
        .file(cpu + "/cpu.cfs_quota_us", "300000")
        .file(cpu + "/cpu.cfs_period_us", "100000")
        .file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1")
        .file("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
    const std::string memory = "/sys/fs/cgroup/memory";
    machine.file(memory + "/kubepods/pod1/c1/memory.limit_in_bytes", "9223372036854771712")
        .file(memory + "/kubepods/memory.limit_in_bytes", "8589934592")
        .file(memory + "/memory.limit_in_bytes", "9223372036854771712");
    const CgroupLimits limits = machine.read();
    CHECK(limits.cpu_quota == 3.0);
    CHECK(limits.cpu_quota_directory == cpu);
    CHECK(limits.memory_limit == 8589934592U);
}

TEST_CASE("on a hybrid machine each controller is found where it is") {
    Machine machine;
    machine.member("3:cpuset:/c\n1:cpu:/c\n0::/c\n")
        .mount("/", "/sys/fs/cgroup/cpu", "cgroup", "rw,cpu")
        .mount("/", "/sys/fs/cgroup/cpuset", "cgroup", "rw,cpuset")
        .mount("/", "/sys/fs/cgroup/unified", "cgroup2", "rw,nsdelegate");
    machine.file("/sys/fs/cgroup/cpu/c/cpu.shares", "1024")
        .file("/sys/fs/cgroup/cpuset/c/cpuset.effective_cpus", "0")
        .file("/sys/fs/cgroup/unified/c/memory.max", "4096")
        .file("/sys/fs/cgroup/unified/c/cpu.max", "1 100000");
    const CgroupLimits limits = machine.read();
    CHECK(limits.version == "v1 and v2");
    CHECK(limits.cpu_directory == "/sys/fs/cgroup/cpu/c");
    CHECK_FALSE(limits.cpu_quota);
    CHECK(limits.cpu_request_is_default);
    CHECK(limits.cpuset->encode() == "0");
    CHECK(limits.memory_limit == 4096U);
}

TEST_CASE("a mount that shows the host's hierarchy to a namespace is not taken for the pod's") {
    Machine machine;
    machine.member("0::/\n")
        .mount("/../../..", "/host/sys/fs/cgroup", "cgroup2", "rw")
        .mount("/", "/sys/fs/cgroup", "cgroup2", "rw");
    machine.file("/host/sys/fs/cgroup/cpu.max", "max 100000")
        .file("/sys/fs/cgroup/cpu.max", "100000 100000");
    CHECK(machine.read().cpu_quota == 1.0);

    machine.member("0::/../sibling\n");
    CHECK(machine.read().cpu_directory.empty());
    CHECK(machine.read().unseen.find("no mount shows") != std::string::npos);
}

TEST_CASE("a membership that no mount shows: could not be read, and nothing is taken for it") {
    Machine machine;
    machine.member("0::/system.slice/docker-abc.scope\n")
        .mount("/elsewhere", "/sys/fs/cgroup", "cgroup2", "rw");
    machine.file("/sys/fs/cgroup/cpu.max", "200000 100000");
    CHECK_FALSE(machine.read().cpu_quota);
    CHECK(machine.read().unseen.find("docker-abc.scope: no mount shows") != std::string::npos);
}

// As unshare -C leaves it: the old mount's root is above the namespace.
TEST_CASE("a new cgroup namespace over the old mount: could not be read") {
    Machine machine;
    machine.member("0::/\n").mount("/../..", "/sys/fs/cgroup", "cgroup2", "rw");
    machine.file("/sys/fs/cgroup/cpu.max", "200000 100000");
    CHECK(machine.read().unseen.find("could not be read") != std::string::npos);
    CHECK(machine.read().version.empty());
}

TEST_CASE("cgroups that are masked or not mounted: could not be read, and have no version") {
    for (const char* members : {"0::/\n", "2:cpu,cpuacct:/a\n0::/a\n"}) {
        Machine machine;
        machine.member(members).mount("/nothing", "/somewhere", "tmpfs", "rw");
        CHECK(machine.read().unseen.find("not mounted") != std::string::npos);
        CHECK(machine.read().version.empty());
        machine.mount("/", "/sys/fs/cgroup", "cgroup2", "rw")
            .mount("/", "/sys/fs/cgroup/cpu", "cgroup", "rw,cpu,cpuacct");
        CHECK(machine.read().unseen.find("cgroup.procs: No such file") != std::string::npos);
        CHECK(machine.read().version.empty());
    }
    CHECK(read_cgroup_limits("/nonexistent").unseen.find("/proc/self/cgroup") != std::string::npos);
}

TEST_CASE("the root of v2 has no limits of its own, and that is read") {
    Machine machine;
    machine.member("0::/\n").mount("/", "/sys/fs/cgroup", "cgroup2", "rw");
    machine.file("/sys/fs/cgroup/cgroup.controllers", "cpu memory");
    CHECK(machine.read().unseen.empty());
    CHECK(machine.read().version == "v2");
}

TEST_CASE("an inner leaf with the default weight: the request is its container's") {
    Machine machine;
    machine.member("0::/init\n").mount("/", "/sys/fs/cgroup", "cgroup2", "rw");
    machine.file("/sys/fs/cgroup/init/cpu.weight", "100")
        .file("/sys/fs/cgroup/cpu.weight", "303");  // 4 CPUs by the curve, 7.7 by the line
    const CgroupLimits limits = machine.read();
    REQUIRE(limits.cpu_request);
    CHECK_FALSE(limits.cpu_request_is_default);
    CHECK(limits.cpu_request->min <= 1);  // if the leaf is the container, 100 is 1 CPU
    CHECK(limits.cpu_request->max >= 4);
    machine.file("/sys/fs/cgroup/cpu.weight", "100");
    CHECK(machine.read().cpu_request_is_default);
    machine.file("/sys/fs/cgroup/init/cpu.weight", "39");  // the innermost counts
    CHECK(machine.read().cpu_request->max < 2);
}

TEST_CASE("a mount point with a blank is read") {
    Machine machine;
    machine.member("0::/\n").mount("/", "/sys/fs/my\\040cgroup", "cgroup2", "rw");
    machine.file("/sys/fs/my cgroup/cpu.max", "100000 100000");
    CHECK(machine.read().cpu_quota == 1.0);
}

TEST_CASE("what cannot be read is not known") {
    CHECK(read_cgroup_limits("/nonexistent").version.empty());
    Machine machine;
    machine.member("garbage\n\n0:\n0::\n:::\n0::relative/path\n0::/\n")
        .mount("/", "/sys/fs/cgroup", "cgroup2", "rw");
    for (const char* text : {"", "max", "1", "-1 100000", "0 0", "100000 0", "1 2 3", "x 100000"}) {
        machine.file("/sys/fs/cgroup/cpu.max", text);
        CAPTURE(text);
        CHECK_FALSE(machine.read().cpu_quota);
    }
    machine.file("/sys/fs/cgroup/cpu.weight", "heavy")
        .file("/sys/fs/cgroup/cpuset.cpus.effective", "0-")
        .file("/sys/fs/cgroup/memory.max", "max");
    const CgroupLimits limits = machine.read();
    CHECK_FALSE(limits.cpu_request);
    CHECK_FALSE(limits.cpuset);
    CHECK_FALSE(limits.memory_limit);
}

TEST_CASE("shares are the request, as the kubelet writes them") {
    CHECK(request_of_shares(1024).min == 1.0);
    CHECK(request_of_shares(98304).min == 96.0);
    CHECK(request_of_shares(98304).max < 96.01);
    CHECK(request_of_shares(2).min == 0.0);  // the least that the kernel takes: no request
    CHECK(std::isinf(request_of_shares(262144).max));
}

TEST_CASE("a weight holds the request of either formula") {
    struct Row {
        double request;
        std::uint64_t line, curve;
    };
    // milliCPU * 1024 / 1000 shares, and what runc made of them before and since 2025.
    for (const Row& row : {Row{1, 39, 100}, Row{2, 79, 174}, Row{4, 157, 303}, Row{0.1, 4, 17},
                           Row{96, 3750, 4276}, Row{256, 10000, 10000}}) {
        CAPTURE(row.request);
        for (const auto weight : {row.line, row.curve}) {
            const CpuRange range = request_of_weight(weight);
            CHECK(range.min <= row.request);
            CHECK(range.max >= row.request);
            const CpuRange exact = request_of_weight(weight, row.request);
            CHECK(exact.min > 0.75 * row.request);
            CHECK(exact.max >= row.request);
        }
    }
    CHECK(request_of_weight(1).min == 0.0);
    CHECK(request_of_weight(1).max < 0.03);
    CHECK(request_of_weight(10000).max > 1000);
    CHECK(request_of_weight(0) == request_of_weight(1));
    CHECK(request_of_weight(20000) == request_of_weight(10000));
}

}  // namespace fluxpod
