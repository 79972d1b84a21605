// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/job_eventlog.hpp"

#include <doctest/doctest.h>

#include <string>

namespace fluxpod {
namespace {

std::string event(const std::string& name, const std::string& context = "") {
    const std::string more = context.empty() ? "" : ",\"context\":" + context;
    return "{\"timestamp\":1.5,\"name\":\"" + name + "\"" + more + "}\n";
}

const std::string pending = event("submit", R"({"userid":1000,"urgency":20,"flags":0})") +
                            event("validate") + event("depend") +
                            event("priority", R"({"priority":20})");
const std::string begun = event("alloc") + event("start");
const std::string cut =
    event("exception", R"({"type":"cancel","severity":0,"note":")" + std::string(cut_note) + "\"}");
const std::string gone = event("release") + event("free") + event("clean");

TEST_CASE("a job that was cut while it ran is pending again, as it was submitted") {
    for (const char* status : {"15", "36608", "256"}) {
        auto job = undo_cut(pending + begun + cut +
                            event("finish", std::string(R"({"status":)") + status + "}") + gone);
        REQUIRE(job);
        CHECK(job->again);
        CHECK(job->eventlog == pending);
    }
}

TEST_CASE("a job whose end the dump did not see is pending again") {
    auto job = undo_cut(pending + begun + cut);
    REQUIRE(job);
    CHECK(job->again);
    CHECK(job->eventlog == pending);
}

TEST_CASE(
    "a job that ended well while the cut was on its way is complete, and does not run twice") {
    const std::string well = event("finish", R"({"status":0})");
    auto job = undo_cut(pending + begun + cut + well + gone);
    REQUIRE(job);
    CHECK_FALSE(job->again);
    CHECK(job->eventlog == pending + begun + well + gone);
}

TEST_CASE("what was noted on a running job stays with it") {
    const std::string noted = event("memo", R"({"k":"v"})") + event("jobspec-update", R"({"a":1})");
    auto job = undo_cut(pending + begun + noted + cut + event("finish", R"({"status":15})"));
    REQUIRE(job);
    CHECK(job->eventlog == pending + noted);
}

TEST_CASE("a job that somebody else cancelled, that failed, or that waits is left alone") {
    const std::string cancelled =
        event("exception", R"({"type":"cancel","severity":0,"note":"by its user"})");
    const std::string warned = event(
        "exception", R"({"type":"cancel","severity":1,"note":")" + std::string(cut_note) + "\"}");
    for (const std::string& eventlog :
         {pending, pending + begun, pending + cut, pending + begun + cancelled + gone,
          pending + begun + warned, pending + begun + event("finish", R"({"status":256})") + cut,
          pending + begun + event("finish", R"({"status":0})") + gone}) {
        CAPTURE(eventlog);
        CHECK_FALSE(undo_cut(eventlog));
    }
}

TEST_CASE("bytes that are not an eventlog: left alone") {
    for (const std::string& text :
         {std::string(), std::string("\n"), std::string("{}"),
          pending + begun + cut + "{\"name\":", "[]\n" + cut, std::string("\xff\xfe")}) {
        CHECK_FALSE(undo_cut(text));
    }
}

TEST_CASE("a job's files are told from everything else, and its id is Flux's") {
    auto file = split_job_file("job/0000/0003/9d00/0000/guest/output");
    REQUIRE(file);
    CHECK(file->directory == "job/0000/0003/9d00/0000");
    CHECK(file->file == "guest/output");
    CHECK(job_id(file->directory) == "ƒQeMYfy");
    CHECK(job_id("job/0000/0000/0000/0000") == "ƒ1");
    CHECK(job_id("job/ffff/ffff/ffff/ffff") == "ƒjpXCZedGfVQ");
    for (const char* name : {"", "job", "job/0000/0003/9d00/0000", "job/0000/0003/9d00/0000/",
                             "job/0000/0003/9D00/0000/R", "resource/eventlog",
                             "/job/0000/0003/9d00/0000/R", "job/0000/0003/9d000/000/R"}) {
        CHECK_FALSE(split_job_file(name));
    }
}

}  // namespace
}  // namespace fluxpod
