// SPDX-License-Identifier: Apache-2.0
#include "fluxpod/formats/broker_toml.hpp"

#include <doctest/doctest.h>

using fluxpod::BrokerConfig;
using fluxpod::check_broker_toml;
using fluxpod::encode_broker_toml;

namespace {

BrokerConfig config_of_four() {
    BrokerConfig config;
    config.curve_cert = "/run/fluxpod/curve/curve.cert";
    config.default_bind = "tcp://eth0:%p";
    config.default_connect = "tcp://%h.svc.ns.svc.cluster.local:%p";
    config.hosts = {{"fp-[0-3]", {}, {}, {}}};
    config.topo = "kary:32";
    config.connect_timeout = "5s";
    config.tcp_user_timeout = "20s";
    config.resource_path = "/run/fluxpod/etc/flux/system/R";
    return config;
}

std::string merged(std::string_view user_toml) {
    auto text = encode_broker_toml(config_of_four(), user_toml);
    return text ? *text : "refused: " + text.error();
}

bool mentions(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string repeat(std::string_view text, std::size_t times) {
    std::string repeated;
    for (std::size_t i = 0; i < times; ++i) repeated += text;
    return repeated;
}

std::string fault_of(const std::string& toml, std::string_view own = "fp-1") {
    auto checked = check_broker_toml(toml, own);
    return checked ? "no fault" : checked.error();
}

// [bootstrap] of four hosts and then some.
std::string bootstrap(const std::string& lines) {
    return "[bootstrap]\ncurve_cert = \"/c\"\n" + lines;
}
std::string hosts(const std::string& entries) { return bootstrap("hosts = [" + entries + "]\n"); }
std::string four_and(const std::string& lines) {
    return bootstrap("hosts = [{host = \"fp-[0-3]\"}]\n" + lines);
}

}  // namespace

TEST_CASE("a configuration is written in sections sorted by name") {
    CHECK(merged("") ==
          "[access]\n"
          "allow-guest-user = false\n"
          "allow-root-owner = true\n"
          "\n"
          "[bootstrap]\n"
          "curve_cert = \"/run/fluxpod/curve/curve.cert\"\n"
          "default_bind = \"tcp://eth0:%p\"\n"
          "default_connect = \"tcp://%h.svc.ns.svc.cluster.local:%p\"\n"
          "default_port = 8050\n"
          "hosts = [\n"
          "{host=\"fp-[0-3]\"},\n"
          "]\n"
          "\n"
          "[resource]\n"
          "path = \"/run/fluxpod/etc/flux/system/R\"\n"
          "\n"
          "[tbon]\n"
          "connect_timeout = \"5s\"\n"
          "tcp_user_timeout = \"20s\"\n"
          "topo = \"kary:32\"\n");
}

TEST_CASE("what is not said is not written") {
    auto text = encode_broker_toml(BrokerConfig{}, "");
    REQUIRE(text);
    CHECK_FALSE(mentions(*text, "tbon"));
    CHECK_FALSE(mentions(*text, "hosts"));
    CHECK_FALSE(mentions(*text, "curve_cert"));
    CHECK_FALSE(mentions(*text, "resource"));
    CHECK_FALSE(mentions(*text, "sched-fluxion"));
    CHECK_FALSE(mentions(*text, "ipv6"));
}

TEST_CASE("every field has its key") {
    BrokerConfig config = config_of_four();
    config.allow_guest_user = true;
    config.enable_ipv6 = true;
    config.queue_policy = "easy";
    config.topo = "custom";
    config.hosts = {{"lead", "tcp://eth1:%p", "tcp://10.0.0.1:99", {}}, {"fp-1", {}, {}, "lead"}};
    auto text = encode_broker_toml(config, "");
    REQUIRE(text);
    CHECK(mentions(*text, "allow-guest-user = true\n"));
    CHECK(mentions(*text, "enable_ipv6 = true\n"));
    CHECK(mentions(*text, "[sched-fluxion-qmanager]\nqueue-policy = \"easy\"\n"));
    CHECK(mentions(*text, R"({bind="tcp://eth1:%p",connect="tcp://10.0.0.1:99",host="lead"},)"));
    CHECK(mentions(*text, R"({host="fp-1",parent="lead"},)"));
    CHECK(check_broker_toml(*text, "fp-1"));
}

TEST_CASE("the user's TOML is merged key by key, and a value that is not a table replaces") {
    const std::string text = merged(
        "exec.imp = \"/imp\"\n[tbon]\ntopo = \"binomial\"\nzmqdebug = 1\n[resource]\nnoverify = "
        "true\n"
        "[queues.batch]\nrequires = [\"batch\"]\n[bootstrap]\ndefault_port = 9000\n");
    CHECK(mentions(text, "topo = \"binomial\"\n"));
    CHECK(mentions(text, "zmqdebug = 1\n"));
    CHECK(mentions(text, "connect_timeout = \"5s\"\n"));
    CHECK(mentions(text, "noverify = true\npath = "));
    CHECK(mentions(text, "[queues.batch]\nrequires = [\"batch\"]\n"));
    CHECK(mentions(text, "[exec]\nimp = \"/imp\"\n"));
    CHECK(mentions(text, "default_port = 9000\n"));
}

TEST_CASE("the user's hosts replace ours, they are not added to them") {
    const std::string text = merged("[[bootstrap.hosts]]\nhost = \"other-[0-1]\"\n");
    CHECK(mentions(text, "other-[0-1]"));
    CHECK_FALSE(mentions(text, "fp-[0-3]"));
}

TEST_CASE("odd strings, keys and numbers come through unchanged") {
    const std::string text = merged(
        "[x]\n\"a b\" = \"q\\\" b\\\\ t\\t n\\n\\u0001\"\n'\"' = '\\raw'\n\"\" = 1\n"
        "max = 9223372036854775807\nmin = -9223372036854775808\nf = 1e300\ng = 0.1\n"
        "d = 1979-05-27T07:32:00Z\nu = \"\xC3\xA9\"\nempty = []\nnested = [[1], [\"a\"]]\ne = "
        "{}\n");
    CHECK(mentions(text, "\"a b\" = \"q\\\" b\\\\ t\\t n\\n\\u0001\"\n"));
    CHECK(mentions(text, "max = 9223372036854775807\nmin = -9223372036854775808\n"));
    CHECK(mentions(text, "d = 1979-05-27T07:32:00Z\n"));
    CHECK(mentions(text, "u = \"\xC3\xA9\"\n"));
    CHECK(mentions(text, "[x.e]\n"));
    CHECK(merged(text) == text);
}

TEST_CASE("a value that TOML cannot carry back is refused instead of changed") {
    CHECK(merged("[x]\nf = nan\n").starts_with("refused: "));
}

TEST_CASE("the same value is written as the same bytes, whatever the order of the user's keys") {
    CHECK(merged("[b]\nx = 1\ny = 2\n[a]\nz = 3\n") == merged("[a]\nz = 3\n[b]\ny = 2\nx = 1\n"));
}

TEST_CASE("a syntax error: refused with its line") {
    CHECK(mentions(merged("[a]\nb = \n"), "refused: line 2: "));
    CHECK(mentions(merged("[a]\n[a]\n"), "refused: line "));
    CHECK(mentions(merged("x = 1\nx = 2\n"), "refused: line "));
    CHECK(merged("[\n\n").starts_with("refused: "));
    CHECK_FALSE(mentions(merged("[\n\n"), "\n"));
}

TEST_CASE("size, NUL characters and bytes that are no UTF-8 are refused before parsing") {
    CHECK(mentions(merged(std::string(256 * 1024 + 1, '\n')), "larger than 262144 bytes"));
    CHECK(mentions(merged(std::string_view("a = 1\0", 6)), "NUL"));
    CHECK(mentions(merged("a = \"\xFF\"\n"), "UTF-8"));
    CHECK(mentions(merged("a = \"\xC0\x80\"\n"), "UTF-8"));
}

TEST_CASE("nesting is bounded, however it is spelled") {
    CHECK_FALSE(mentions(merged("a = " + repeat("[", 31) + repeat("]", 31)), "refused"));
    for (const std::string& deep :
         {"a = " + repeat("[", 100000), "a = " + repeat("{a=", 50000),
          repeat("a.", 50000) + "a = 1", "[" + repeat("a.", 50000) + "a]",
          "a = {" + repeat("b.", 20) + "b = {" + repeat("c.", 20) + "c = 1}}",
          "a = [\n" + repeat("[\n", 50000), repeat("[", 100000),
          "s = \"\"\"]]\"]\"\"\"\na = " + repeat("[", 100000),
          "s = ''']]'] \\'''\na = " + repeat("[", 100000)}) {
        CHECK(mentions(merged(deep), "deeper than 32"));
    }
}

TEST_CASE("so many values in one line that reading them takes minutes are refused") {
    CHECK(mentions(merged("a = [" + repeat("1,", 100000) + "]\n"), "line 1: too many values"));
    CHECK(mentions(merged("\na = [" + repeat("[[1]],", 40000)), "line 2: too many values"));
    CHECK_FALSE(mentions(merged("a = [" + repeat("1,", 2000) + "]\n"), "refused"));
    CHECK_FALSE(mentions(merged("a = \"" + repeat("1,", 60000) + "\"\n"), "refused"));
}

TEST_CASE("host names that only R knows are left out of Flux's check, and nothing else is") {
    BrokerConfig config = config_of_four();
    config.ignore_kernel_hostnames = true;
    auto text = encode_broker_toml(config, "");
    REQUIRE(text);
    CHECK(mentions(*text,
                   "[resource.verify]\ndefault = \"allow-extra\"\ngpu = \"ignore\"\n"
                   "hostname = \"ignore\"\n"));
    CHECK(check_broker_toml(*text, "fp-1"));
}

TEST_CASE("brackets and dots in strings and comments do not nest") {
    const std::string many = repeat("[{.", 1000);
    CHECK_FALSE(mentions(merged("# " + many + "\na = \"" + many + "\"\n"), "refused"));
    CHECK_FALSE(mentions(merged("a = '" + many + "'\n"), "refused"));
    CHECK_FALSE(mentions(merged("a = \"\"\"\n" + many + "\n\\\"\"\"\"\n"), "refused"));
    CHECK_FALSE(mentions(merged("a = \"\\\"" + many + "\"\n"), "refused"));
    CHECK_FALSE(mentions(merged("a = '''\n" + many + "\n'''\n"), "refused"));
}

TEST_CASE("a string without end is refused with its line") {
    CHECK(mentions(merged("\n\na = \"x\n"), "line 3: a string without end"));
    CHECK(mentions(merged("a = '''x\n"), "a string without end"));
    CHECK(mentions(merged("a = \"\\"), "a string without end"));
}

TEST_CASE("a user's key that contradicts Flux is refused before anything is written") {
    CHECK(mentions(merged("bootstrap = 1\n"), "bootstrap is not a table"));
    CHECK(mentions(merged("[bootstrap]\ndefault_prot = 1\n"), "is default_port meant?"));
    CHECK(mentions(merged("[tbon]\ntopo = 3\n"), "topo is not a string"));
}

TEST_CASE("every prefix of a configuration is refused or accepted, never a crash") {
    const std::string text = merged("[x]\na = '''\n[\n'''\nb = \"\"\"\n\\\n\"\"\"\n");
    for (std::size_t length = 0; length < text.size(); ++length) {
        (void)check_broker_toml(std::string_view(text).substr(0, length), "fp-1");
    }
}

TEST_CASE("no bootstrap, or one without hosts, is an instance of one") {
    CHECK(fault_of("") == "no fault");
    CHECK(fault_of("[bootstrap]\n") == "no fault");
    CHECK(fault_of("[bootstrap]\nhosts = []\n") == "no fault");
}

TEST_CASE("the keys of bootstrap are known and have their types") {
    CHECK(fault_of("bootstrap = []\n") == "bootstrap is not a table");
    CHECK(mentions(fault_of(four_and("size = 4\n")), "Flux knows no key size"));
    CHECK(mentions(fault_of(four_and("default_port = \"8050\"\n")), "is not an integer"));
    CHECK(mentions(fault_of(four_and("default_port = 8050.0\n")), "is not an integer"));
    CHECK(mentions(fault_of(four_and("enable_ipv6 = 1\n")), "is not true or false"));
    CHECK(mentions(fault_of(four_and("default_bind = [\"a\"]\n")), "is not a string"));
    CHECK(mentions(fault_of("[bootstrap]\nhosts = \"fp-[0-3]\"\n"), "hosts is not an array"));
    CHECK(mentions(fault_of("[bootstrap]\ncurve_cert = true\n"), "curve_cert is not a string"));
}

TEST_CASE("a port is from 0 to 65535") {
    CHECK(fault_of(four_and("default_port = 0\n")) == "no fault");
    CHECK(fault_of(four_and("default_port = 65535\n")) == "no fault");
    CHECK(mentions(fault_of(four_and("default_port = 65536\n")), "default_port 65536"));
    CHECK(mentions(fault_of(four_and("default_port = -1\n")), "default_port -1"));
}

TEST_CASE("a host entry is a table with a host and known keys") {
    CHECK(mentions(fault_of(hosts("\"fp-0\"")), "hosts[0] is not a table"));
    CHECK(mentions(fault_of(hosts("{host=\"fp-1\"},{bind=\"tcp://a\"}")),
                   "hosts[1]: host is missing"));
    CHECK(mentions(fault_of(hosts("{host=7}")), "hosts[0]: host is not a string"));
    CHECK(mentions(fault_of(hosts("{host=\"fp-1\",prent=\"x\"}")), "is parent meant?"));
    CHECK(mentions(fault_of(hosts("{host=\"fp-[3-1]\"}")), "hosts[0]: host: "));
}

TEST_CASE("host names are those of DNS") {
    CHECK(mentions(fault_of(hosts("{host=\"a_b\"}")), "host name a_b has a character"));
    CHECK(mentions(fault_of(hosts("{host=\"a[0-1]-\"}")), "hyphen"));
    CHECK(fault_of(hosts("{host=\"10.0.0.[1-2]\"}"), "10.0.0.2") == "no fault");
}

TEST_CASE("a repeated host: counts once, and lends the keys that its first entry lacks") {
    CHECK(fault_of(hosts("{host=\"fp-[0-3]\"},{host=\"fp-2\",connect=\"tcp://a:1\"}")) ==
          "no fault");
    CHECK(fault_of("[bootstrap]\nhosts = [{host=\"fp-1,fp-1\"}]\n") == "no fault");
    CHECK(mentions(fault_of("[bootstrap]\nhosts = [{host=\"fp-[1-2],fp-1\"}]\n"),
                   "2 hosts need a curve_cert"));
    CHECK(fault_of(hosts("{host=\"fp-[0-2]\"},{host=\"fp-2\",parent=\"fp-1\"}")) == "no fault");
    CHECK(fault_of(hosts("{host=\"fp-[0-1]\"},{host=\"fp-2\",parent=\"fp-1\"},"
                         "{host=\"fp-2\",parent=\"nobody\"}")) == "no fault");
    CHECK(mentions(fault_of(hosts("{host=\"fp-[0-2]\"},{host=\"fp-2\",parent=\"fp-1\"},"
                                  "{host=\"fp-1\",parent=\"fp-2\"}")),
                   "the parents of rank 1 form a cycle"));
}

TEST_CASE("a number that its type cannot hold: refused, not made to fit") {
    for (const char* number :
         {"99999999999999999999", "9223372036854775808", "-9223372036854775809",
          "+9_223_372_036_854_775_808", "0xFFFFFFFFFFFFFFFFF", "0o7777777777777777777777", "1e999",
          "-1e400", "[1, 99999999999999999999]", "{a = 1e999}", "[\n  [\n 99999999999999999999 ]]",
          "{a = 1, b = 1e999}"}) {
        CAPTURE(number);
        CHECK(
            mentions(merged("a = 1\nx = " + std::string(number) + "\n"), "too large or too small"));
    }
    CHECK(mentions(merged("a = 1\nx = 99999999999999999999\n"),
                   "line 2: the number 99999999999999999999"));
    for (const char* good :
         {"[99999999999999999999]\nx = 1", "99999999999999999999 = 1",
          "a = {b = 1, 99999999999999999999 = 2}", "a = \"99999999999999999999\"",
          "a = 1979-05-27T07:32:00.999999Z", "# 99999999999999999999", "[[x]]\n1e999 = 1",
          "a = ['99999999999999999999']", "a = 0xFFFF_FFFF", "a = 1e300"}) {
        CAPTURE(good);
        CHECK_FALSE(mentions(merged(std::string(good) + "\n"), "refused"));
    }
}

TEST_CASE("the keys of a user's TOML: those below its sections") {
    using Keys = std::vector<std::pair<std::string, std::string>>;
    auto keys =
        fluxpod::section_keys("a = 1\ntbon.topo = 'x'\n[bootstrap]\nhosts = []\n['a.b']\nc = 1");
    REQUIRE(keys);
    CHECK(*keys == Keys{{"a.b", "c"}, {"bootstrap", "hosts"}, {"tbon", "topo"}});
    CHECK_FALSE(fluxpod::section_keys("["));
}

TEST_CASE("more than a user's TOML may have: written and read back if it is ours") {
    BrokerConfig config = config_of_four();
    config.hosts.clear();
    for (int i = 0; i < 25000; ++i) {
        const std::string name = "host-with-a-long-name-" + std::to_string(i);
        config.hosts.push_back({name, {}, {}, {}});
    }
    auto text = encode_broker_toml(config, "");
    REQUIRE_MESSAGE(text, text.error());
    CHECK(text->size() > 256 * 1024);
    CHECK(check_broker_toml(*text, "host-with-a-long-name-24999"));
}

TEST_CASE("this host must be among the hosts") {
    CHECK(fault_of(four_and(""), "fp-3") == "no fault");
    CHECK(mentions(fault_of(four_and(""), "fp-4"), "this host, fp-4, is not among the 4"));
    CHECK(mentions(fault_of(four_and(""), ""), "is not among"));
}

TEST_CASE("more than one host needs a certificate") {
    CHECK(fault_of("[bootstrap]\nhosts = [{host=\"fp-1\"}]\n") == "no fault");
    CHECK(mentions(fault_of("[bootstrap]\nhosts = [{host=\"fp-[0-1]\"}]\n"),
                   "2 hosts need a curve_cert"));
}

TEST_CASE("more hosts than a range may span are refused without expanding them") {
    CHECK(
        mentions(fault_of(hosts("{host=\"a-[0-1048575]\"},{host=\"fp-1\"}")), "more than 1048576"));
}

TEST_CASE("bind and connect are tcp or ipc URIs without a wildcard port") {
    auto bind = [](const std::string& uri) {
        return fault_of(four_and("default_bind = \"" + uri + "\"\n"));
    };
    CHECK(bind("tcp://eth0:%p") == "no fault");
    CHECK(bind("ipc:///tmp/%h") == "no fault");
    CHECK(mentions(bind("tcp://eth0:*"), "[bootstrap]: default_bind: tcp://eth0:* has a wildcard"));
    CHECK(mentions(bind("udp://eth0:%p"), "neither a tcp:// nor an ipc:// URI"));
    CHECK(mentions(bind("eth0:8050"), "neither"));
    CHECK(mentions(bind("tcp://"), "no address"));
    CHECK(mentions(bind("ipc://" + std::string(109, 'x')), "longer than 108"));
    CHECK(mentions(bind("tcp://" + std::string(2100, 'x')), "longer than 2048"));
    CHECK(mentions(fault_of(hosts("{host=\"fp-[0-3]\",connect=\"tcp://%h:*\"}")),
                   "hosts[0]: connect: tcp://fp-0:* has a wildcard"));
    CHECK(bind("tcp://%%%p%x%") == "no fault");
}

TEST_CASE("a parent is one of the hosts, and parents form no cycle") {
    CHECK(
        fault_of(hosts("{host=\"a\"},{host=\"fp-1\",parent=\"a\"},{host=\"c\",parent=\"fp-1\"}")) ==
        "no fault");
    CHECK(mentions(fault_of(hosts("{host=\"a\"},{host=\"fp-1\",parent=\"x\"}")),
                   "parent x is not one of the hosts"));
    CHECK(mentions(fault_of(hosts("{host=\"a\"},{host=\"fp-1\",parent=\"fp-1\"}")),
                   "fp-1 is its own parent"));
    CHECK(mentions(fault_of(hosts("{host=\"a\",parent=\"fp-1\"},{host=\"fp-1\"}")),
                   "rank 0, a, may have no parent"));
    CHECK(mentions(fault_of(hosts("{host=\"a\"},{host=\"fp-1\",parent=\"c\"},"
                                  "{host=\"c\",parent=\"fp-1\"},{host=\"d\",parent=\"c\"}")),
                   "form a cycle"));
}

TEST_CASE("topo is one of Flux's topologies") {
    for (const char* good : {"kary:0", "kary:32", "mincrit", "mincrit:4", "binomial", "custom"}) {
        CHECK(fault_of(std::string("tbon.topo = \"") + good + "\"\n") == "no fault");
    }
    for (const char* bad : {"", "kary", "kary:", "kary:-1", "kary:x", "flat", "binomial:2",
                            "custom:1", "mincrit:x", "kary:99999999999"}) {
        CHECK(mentions(fault_of(std::string("tbon.topo = \"") + bad + "\"\n"), "[tbon]: topo"));
    }
}

TEST_CASE("the times and numbers of tbon are Flux's") {
    CHECK(fault_of("[tbon]\nconnect_timeout = \"inf\"\ntcp_user_timeout = \"2m\"\n") == "no fault");
    CHECK(mentions(fault_of("tbon.connect_timeout = \"soon\"\n"), "connect_timeout soon"));
    for (const char* flux_takes :
         {"730d", "Infinity", "INF", "1e3s", "0x10", "  5s", "1e999", ""}) {
        CAPTURE(flux_takes);
        CHECK(fault_of(std::string("resource.history = \"") + flux_takes + "\"\n") == "no fault");
    }
    for (const char* flux_refuses : {"infinitys", "5 s", "nan", "-1s", "1w", "5ss"}) {
        CAPTURE(flux_refuses);
        CHECK_FALSE(fault_of(std::string("resource.history = \"") + flux_refuses + "\"\n") ==
                    "no fault");
    }
    CHECK(mentions(fault_of("tbon.zmq_io_threads = 4294967297\n"),
                   "zmq_io_threads 4294967297 is not a number from 1 to 2147483647"));
    CHECK(mentions(fault_of("tbon.connect_timeout = 5\n"), "is not a string"));
    CHECK(mentions(fault_of("tbon.torpid_min = \"0s\"\n"), "torpid_min is 0"));
    CHECK(mentions(fault_of("tbon.torpid_min = \"31s\"\n"), "less than torpid_max"));
    CHECK(fault_of("[tbon]\ntorpid_min = \"31s\"\ntorpid_max = \"0\"\n") == "no fault");
    CHECK(mentions(fault_of("tbon.child_rcvhwm = 1\n"), "child_rcvhwm"));
    CHECK(fault_of("tbon.child_rcvhwm = 2\n") == "no fault");
    CHECK(mentions(fault_of("tbon.zmq_io_threads = 0\n"), "zmq_io_threads"));
    CHECK(fault_of("tbon.unknown = 0\n") == "no fault");
    CHECK(mentions(fault_of("tbon = 0\n"), "tbon is not a table"));
}

TEST_CASE("the keys of resource are known and have their types") {
    CHECK(mentions(fault_of("resource.pth = \"x\"\n"), "is path meant?"));
    CHECK(mentions(fault_of("resource.path = 1\n"), "path is not a string"));
    CHECK(mentions(fault_of("resource.noverify = \"yes\"\n"), "noverify is not true or false"));
    CHECK(mentions(fault_of("resource.journal-max = 1.5\n"), "journal-max is not an integer"));
    CHECK(mentions(fault_of("resource.history = \"long\"\n"), "history long"));
    CHECK(mentions(fault_of("resource.scheduling = \"/s\"\n"), "scheduling needs"));
    CHECK(fault_of("[resource]\nscheduling = \"/s\"\npath = \"/r\"\nexclude = \"0\"\n") ==
          "no fault");
    CHECK(mentions(fault_of("resource = []\n"), "resource is not a table"));
}

TEST_CASE("resource.verify is a boolean or modes of known resources") {
    CHECK(fault_of("resource.verify = false\n") == "no fault");
    CHECK(fault_of("[resource.verify]\ndefault = \"strict\"\ngpu = \"ignore\"\n") == "no fault");
    CHECK(mentions(fault_of("resource.verify = []\n"), "neither a table nor true or false"));
    CHECK(mentions(fault_of("resource.verify.cores = \"strict\"\n"), "is core meant?"));
    CHECK(mentions(fault_of("resource.verify.core = \"loose\"\n"), "core loose is none of"));
    CHECK(mentions(fault_of("resource.verify.core = true\n"), "core is not a string"));
}

TEST_CASE("resource.config is an array of hosts with their resources") {
    auto config = [](const std::string& lines) {
        return fault_of("[[resource.config]]\n" + lines);
    };
    CHECK(config("hosts = \"a[0-3]\"\ncores = \"0-3\"\ngpus = \"0\"\nproperties = [\"p\"]\n") ==
          "no fault");
    CHECK(mentions(config("cores = \"0\"\n"), "config[0]: hosts is missing"));
    CHECK(mentions(config("hosts = \"a\"\nmemory = \"1\"\n"), "knows no key memory"));
    CHECK(mentions(config("hosts = \"a\"\ncores = 4\n"), "cores is not a string"));
    CHECK(mentions(config("hosts = \"a\"\ncores = \"3-1\"\n"), "config[0]: cores: "));
    CHECK(mentions(config("hosts = \"a[3-1]\"\n"), "config[0]: hosts: "));
    CHECK(mentions(config("hosts = \"a\"\nproperties = \"p\"\n"), "properties is not an array"));
    CHECK(mentions(config("hosts = \"a\"\nproperties = [1]\n"), "a property"));
    CHECK(mentions(config("hosts = \"a\"\nproperties = [\"a|b\"]\n"), "a property"));
    CHECK(mentions(fault_of("resource.config = {}\n"), "config is not an array"));
    CHECK(mentions(fault_of("resource.config = []\n"), "names no hosts"));
    CHECK(mentions(fault_of("resource.config = [1]\n"), "config[0] is not a table"));
}
