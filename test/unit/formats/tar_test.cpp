// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/tar.hpp"

#include <doctest/doctest.h>

#include <string>

#include "tar_archive.hpp"

namespace fluxpod {
namespace {

using test::tar_header;

TEST_CASE("a header's name, type and size are read") {
    auto header = parse_tar_header(tar_header("job/0000/R", '0', 513));
    REQUIRE(header);
    CHECK(header->name == "job/0000/R");
    CHECK(header->type == '0');
    CHECK(header->size == 513);
}

TEST_CASE("a name in two fields is joined") {
    std::string block = tar_header("name", '0', 0);
    block.replace(345, 6, "prefix");
    auto header = parse_tar_header(resized_tar_header(block, 0));
    REQUIRE(header);
    CHECK(header->name == "prefix/name");
}

TEST_CASE("a resized header differs in its size alone") {
    auto header = parse_tar_header(resized_tar_header(tar_header("x", '2', 7), 123456));
    REQUIRE(header);
    CHECK(header->name == "x");
    CHECK(header->type == '2');
    CHECK(header->size == 123456);
}

TEST_CASE("a block that is not a header: refused") {
    CHECK_FALSE(parse_tar_header(""));
    CHECK_FALSE(parse_tar_header(std::string(tar_block, '\0')));
    CHECK_FALSE(parse_tar_header(std::string(tar_block, 'x')));
    CHECK_FALSE(parse_tar_header(tar_header("x", '0', 1).substr(1)));
}

TEST_CASE("every flipped byte of a header is noticed by its checksum") {
    const std::string good = tar_header("x", '0', 1);
    for (std::size_t i = 0; i < good.size(); ++i) {
        if (i >= 148 && i < 156) continue;  // the checksum itself has more than one spelling
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x11);
        CAPTURE(i);
        CHECK_FALSE(parse_tar_header(bad));
    }
}

TEST_CASE("a block of zeros is one, and padding fills a block") {
    CHECK(is_zero_block(std::string(tar_block, '\0')));
    CHECK_FALSE(is_zero_block(std::string(tar_block - 1, '\0')));
    CHECK_FALSE(is_zero_block(tar_header("x", '0', 0)));
    CHECK(tar_padding(0) == 0);
    CHECK(tar_padding(1) == 511);
    CHECK(tar_padding(512) == 0);
    CHECK(tar_padding(513) == 511);
}

TEST_CASE("pax records tell a long name and a size") {
    auto records = parse_pax_records("20 mtime=1.500000000\n15 path=a/b=c d\n9 size=7\n");
    CHECK_FALSE(records);  // the first length is one too small
    records = parse_pax_records("21 mtime=1.500000000\n15 path=a/b=c d\n9 size=7\n");
    REQUIRE_FALSE(records);
    records = parse_pax_records("21 mtime=1.500000000\n16 path=a/b=c d\n9 size=7\n");
    REQUIRE(records);
    CHECK(records->path == "a/b=c d");
    CHECK(records->size == 7);
}

TEST_CASE("pax records that lie about their length are refused") {
    for (const char* text : {"x", "5 path=a\n", "99 path=a\n", "0 path=a\n", "2 \n", "4 ab\n",
                             "10 size=-\n", "18446744073709551616 path=a\n", "-9 path=a\n"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_pax_records(text));
    }
}

}  // namespace
}  // namespace fluxpod
