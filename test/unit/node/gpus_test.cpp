// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/node/gpus.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <string>

#include "temp_dir.hpp"

namespace fluxpod {
namespace {

// Device files need root; without it there is nothing that could be opened.
class Machine {
  public:
    bool device(const std::string& path, unsigned major, unsigned minor) const {
        const std::filesystem::path file = files_ / path;
        std::filesystem::create_directories(file.parent_path());
        return ::mknod(file.c_str(), S_IFCHR | 0600, makedev(major, minor)) == 0;
    }
    // 1:3 is /dev/null; 4095 has no driver.
    bool opening(const std::string& path) const { return device(path, 1, 3); }
    bool dead(const std::string& path) const { return device(path, 4095, 0); }
    void file(const std::string& path, const std::string& text) const { files_.write(path, text); }
    void kfd_node(int number, int render_minor) const {
        file("sys/class/kfd/kfd/topology/nodes/" + std::to_string(number) + "/properties",
             "simd_count 304\ndrm_render_minor " + std::to_string(render_minor) + "\n");
    }
    [[nodiscard]] std::uint32_t gpus() const { return count_gpus(files_.path()); }

  private:
    test::TempDir files_;
};

TEST_CASE("a machine without device files has no GPU") {
    const Machine machine;
    CHECK(machine.gpus() == 0);
    machine.file("dev/nvidia0", "a file is not a device");
    machine.kfd_node(0, 128);
    CHECK(machine.gpus() == 0);
}

TEST_CASE("NVIDIA's GPUs are the numbered files that open") {
    const Machine machine;
    if (!machine.opening("dev/nvidia0")) {
        MESSAGE("device files cannot be made here");
        return;
    }
    machine.opening("dev/nvidia11");
    machine.opening("dev/nvidiactl");
    machine.opening("dev/nvidia-uvm");
    machine.dead("dev/nvidia2");
    CHECK(machine.gpus() == 2);
}

TEST_CASE("AMD's GPUs and partitions are the render nodes that open, beside the KFD's own file") {
    const Machine machine;
    if (!machine.opening("dev/dri/renderD128")) {
        MESSAGE("device files cannot be made here");
        return;
    }
    machine.opening("dev/dri/renderD129");
    machine.opening("dev/dri/renderD135");  // a display without compute
    machine.dead("dev/dri/renderD130");
    machine.kfd_node(0, 0);  // a CPU
    for (int i = 1; i <= 3; ++i) machine.kfd_node(i, 127 + i);
    machine.kfd_node(4, 140);  // not given to this pod
    CHECK(machine.gpus() == 0);
    machine.opening("dev/kfd");
    CHECK(machine.gpus() == 2);
}

}  // namespace
}  // namespace fluxpod
