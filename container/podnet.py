# SPDX-License-Identifier: Apache-2.0
"""Pods on one machine without a container engine.

enter() moves the calling process into namespaces of its own (net, mount, pid, uts, ipc). All that a
Net makes lives in there: bridge, pods, DNS server, files. When the process ends, by whatever
signal, the kernel takes everything down with it, so there is nothing to clean up on the machine.

    podnet.enter()
    with podnet.Net() as net:
        pod = net.pod("fp-0", ["sleep", "1"])
        assert pod.wait(5) == 0

A pod has its own network namespace with eth0 on the bridge, host name, PID namespace in which the
given command is PID 1, mount namespace with /etc/hosts and /etc/resolv.conf as a kubelet writes
them, /proc, and empty /run, /tmp and /dev/shm. Everything else is the machine's own file system,
except SHARE, which all pods of the net have in common.

An ordinary user becomes root of a user namespace for it. One Net at a time.
"""

import contextlib
import ctypes
import ipaddress
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHARE = "/run/podnet/share"  # the same directory in every pod and outside of them
_PODS = "/run/podnet/pods"
_RECORDS = "/run/podnet/records"

_NEWNS, _NEWUTS, _NEWIPC = 0x00020000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_MOVE = 1, 8, 32, 4096, 8192
_MS_REC, _MS_PRIVATE = 16384, 1 << 18
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, data=None):
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    _call("mount", *words, ctypes.c_ulong(flags), None if data is None else data.encode())


def _exec(argv, environment):
    """execvpe(3) with the environment as a list, so that it may hold anything."""
    argv = [os.fsencode(word) for word in argv]
    path = b"/usr/sbin:/usr/bin:/sbin:/bin"
    for entry in environment:
        if entry.startswith(b"PATH="):
            path = entry[5:]
    candidates = [argv[0]]
    if b"/" not in argv[0]:
        candidates = [os.path.join(directory, argv[0]) for directory in path.split(b":")]
    vector = (ctypes.c_char_p * (len(argv) + 1))(*argv, None)
    variables = (ctypes.c_char_p * (len(environment) + 1))(*environment, None)
    for candidate in candidates:
        _libc.execve(candidate, vector, variables)
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), os.fsdecode(argv[0]))


def _ip(*lines, netns=None, check=True):
    command = ["ip", "-force"] + (["-n", netns] if netns else []) + ["-batch", "-"]
    done = subprocess.run(command, input="\n".join(lines) + "\n", text=True, capture_output=True)
    if done.returncode != 0 and check:
        raise RuntimeError("ip: " + done.stderr.strip())


# ---- the outer namespaces ------------------------------------------------------------------------

_inside = False
_outside_network = None


def enter():
    """Returns inside new namespaces, as their PID 1. The process that called stays outside, waits,
    and ends with the same status; if it ends first, by any signal, so does everything inside."""
    global _inside, _outside_network
    if _inside:
        return
    _outside_network = os.open("/proc/self/ns/net", os.O_RDONLY)
    sys.stdout.flush()
    sys.stderr.flush()
    if os.geteuid() != 0:
        _become_root_of_a_user_namespace()
    guard = os.pidfd_open(os.getpid())
    _call("unshare", _NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET)
    child = os.fork()
    if child != 0:
        _stand_guard(child)
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if select.select([guard], [], [], 0)[0]:  # died before the line above
        os._exit(1)
    os.close(guard)
    mount(None, "/", None, _MS_REC | _MS_PRIVATE)
    mount("proc", "/proc", "proc")
    mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
    for directory in (SHARE, _PODS, _RECORDS):
        os.makedirs(directory)
    _ip("link set lo up")
    _inside = True


def leave_network():
    """Back to the machine's own network, for what has to reach a mirror: as subprocess's
    preexec_fn. Denied to an ordinary user."""
    _call("setns", _outside_network, _NEWNET)


def _become_root_of_a_user_namespace():
    """An ordinary user is root there, and nowhere else: of namespaces, a bridge and mounts."""
    uid, gid = os.geteuid(), os.getegid()
    _call("unshare", _NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def _stand_guard(child):
    ended_by = []

    def end(number, _frame):
        ended_by.append(number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, end)
    # Returns when all processes inside are gone: the child was PID 1 there.
    _, status = os.waitpid(child, 0)
    os._exit(128 + ended_by[0] if ended_by else _exit_code(status))


def _exit_code(status):
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


# ---- network -------------------------------------------------------------------------------------


class Net:
    """A bridge, and on it a DNS server that is the headless service's."""

    def __init__(self, service="flux-service", namespace="default", domain="cluster.local"):
        if not _inside:
            raise RuntimeError("podnet.enter() comes first")
        self.service = service
        self.suffix = f".{service}.{namespace}.svc.{domain}"
        self.search = f"{namespace}.svc.{domain} svc.{domain} {domain}"
        self.domain = domain
        self.dns_server = "10.96.0.10"
        self._addresses = ipaddress.ip_network("10.244.0.0/16").hosts()
        self.gateway = str(next(self._addresses))
        self.pods = {}
        self.own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY)
        _ip(
            # A fixed address: a bridge otherwise takes that of a port, changes it as ports come,
            # and pods that know the old one lose their gateway for half a minute.
            "link add pods address 02:00:0a:f4:00:01 type bridge stp_state 0 mcast_snooping 0",
            f"address add {self.gateway}/16 dev pods",
            f"address add {self.dns_server}/32 dev pods",
            "link set pods up",
        )
        self._dns = self._start_dns()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _start_dns(self):
        with open("/run/podnet/dns.log", "wb") as log:
            server = self._spawn_dns(log)
        deadline = time.monotonic() + 10
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.05)
            probe.connect((self.dns_server, 53))
            while True:
                try:
                    probe.send(bytes.fromhex("0001010000010000000000000000010001"))
                    probe.recv(512)
                    return server
                except OSError as error:
                    if server.poll() is not None or time.monotonic() > deadline:
                        text = Path("/run/podnet/dns.log").read_text()
                        raise RuntimeError("dnsmasq does not answer: " + text) from error
                    if isinstance(error, ConnectionRefusedError):
                        time.sleep(0.005)

    def _spawn_dns(self, log):
        return subprocess.Popen(
            [
                "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=",
                # No change of group: in a user namespace it is denied.
                "--user=root", "--group=", "--no-resolv", "--no-hosts", "--log-facility=-",
                f"--hostsdir={_RECORDS}", f"--listen-address={self.dns_server}",
                "--bind-interfaces", "--cache-size=0", "--local-ttl=5",
                # Its own zones are answered here for good: what is not there does not exist.
                f"--local=/{self.domain}/", "--local=/in-addr.arpa/",
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip

    def fqdn(self, name):
        return name + self.suffix

    def prepare(self, names):
        """Makes the network namespaces of these pods ahead, so that starting one is quick."""
        names = [name for name in names if name not in self.pods]
        outside, start = [], len(self.pods)
        for number, name in enumerate(names, start):
            self.pods[name] = Pod(self, name, str(next(self._addresses)))
            outside += [
                f"netns add {name}",
                f"link add veth{number} type veth peer name eth0 netns {name}",
                f"link set veth{number} master pods up",
            ]
        if not names:
            return
        _ip(*outside)
        for name in names:
            _ip(
                "link set lo up",
                f"address add {self.pods[name].address}/16 dev eth0",
                "link set eth0 up",
                f"route add default via {self.gateway}",
                netns=name,
            )

    def pod(self, name, argv, **how):
        """Starts a pod: see Pod.start."""
        self.prepare([name])
        self.pods[name].start(argv, **how)
        return self.pods[name]

    def publish(self, name, address=None):
        """The records of a pod: its own, and the service's."""
        address = address or self.pods[name].address
        written = f"{_RECORDS}/.{name}"
        with open(written, "w") as file:
            file.write(f"{address} {self.fqdn(name)}\n{address} {self.suffix[1:]}\n")
        os.rename(written, f"{_RECORDS}/{name}")  # dnsmasq sees the rename by inotify

    def unpublish(self, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{_RECORDS}/{name}")
        self._dns.send_signal(signal.SIGHUP)

    def close(self):
        for pod in self.pods.values():
            pod.kill()
        self._dns.kill()
        self._dns.wait()
        # The links by name, since the kernel takes its time to remove what is in a namespace. A
        # link that a failed prepare() did not make is not missed.
        _ip(
            *(f"link delete veth{number}" for number in range(len(self.pods))),
            *(f"netns delete {name}" for name in self.pods),
            "link delete pods",
            check=False,
        )
        for name in os.listdir(_RECORDS):
            os.unlink(f"{_RECORDS}/{name}")
        os.close(self.own_pid_namespace)


# ---- processes and pods --------------------------------------------------------------------------


class Process:
    """A process whose output goes to files. After its end it can be started again."""

    def __init__(self, name):
        self.name = name
        self.pid = None
        self.returncode = None
        self.start_time = None  # time.time() when the command could begin

    def start(self, argv, env=None, cwd="/", setup=None, hold=False, pass_fds=()):
        """Runs argv, with `env` added to what an image has, or, as a list of bytes, instead of it.
        `setup` is called in the new process just before the command: signal mask, mounts and so on.
        With `hold` this returns when all is ready, and the command waits for release()."""
        if self.pid is not None and self.returncode is None:
            raise RuntimeError(f"{self.name} runs already")
        self.directory = tempfile.mkdtemp(prefix=self.name + ".", dir=_PODS)
        for stream in ("stdout", "stderr"):
            Path(self.directory, stream).touch()
        self.returncode = None
        if not isinstance(env, list):
            # A HOME of its own: what shells and Flux read and write in the machine's is not the
            # pod's. All pods share this machine on purpose, so none of them is to drain itself for
            # it.
            image = {"PATH": os.environ["PATH"], "HOME": "/tmp", "HOSTNAME": self.name,
                     "FLUXPOD_NODE_CHECK": "off"}  # fmt: skip
            env = [os.fsencode(f"{k}={v}") for k, v in {**image, **(env or {})}.items()
                   if v is not None]  # fmt: skip
        ours, theirs = socket.socketpair()
        self.pid = self._fork()
        if self.pid == 0:
            ours.close()
            self._become(argv, env, cwd, setup, theirs, pass_fds)
        theirs.close()
        self._pidfd = os.pidfd_open(self.pid)
        self._held = ours
        if hold:
            ours.recv(1)
        else:
            self.release()
        return self

    def release(self):
        self.start_time = time.time()
        with contextlib.suppress(BrokenPipeError):  # it may have failed by now
            self._held.send(b"g")

    def _fork(self):
        return os.fork()

    def _surround(self):
        """What makes the new process's surroundings its own."""

    def _become(self, argv, env, cwd, setup, starter, pass_fds):
        try:
            os.setsid()
            log = [
                os.open(f"{self.directory}/{name}", os.O_WRONLY | os.O_APPEND)
                for name in ("stdout", "stderr")
            ]
            for target, source in enumerate([os.open("/dev/null", os.O_RDONLY), *log]):
                os.dup2(source, target)
            self._surround()
            os.chdir(cwd)
            os.umask(0o022)
            for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores these
                signal.signal(number, signal.SIG_DFL)
            starter.send(b"r")
            if starter.recv(1) != b"g":
                os._exit(1)
            for fd in map(int, os.listdir("/proc/self/fd")):
                with contextlib.suppress(OSError):
                    os.set_inheritable(fd, fd <= 2 or fd in pass_fds)
            if setup:
                setup()
            _exec(argv, env)
        except BaseException as error:  # whatever it is, this process must not go on as the parent
            os.write(2, f"podnet: {self.name}: {error}\n".encode())
        os._exit(127)

    def poll(self):
        """The exit code, 128+n for a signal, or None while it runs."""
        return self._reap(os.WNOHANG)

    def wait(self, timeout):
        """Waits for the end; TimeoutError with the end of the log otherwise."""
        if self.returncode is None and not select.select([self._pidfd], [], [], timeout)[0]:
            raise TimeoutError(
                f"{self.name} still runs after {timeout} s; its log ends:\n{self.log_tail()}"
            )
        return self._reap(0)

    def _reap(self, flags):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, flags)
            if pid:
                self.returncode = _exit_code(status)
                os.close(self._pidfd)
                self._held.close()
        return self.returncode

    def signal(self, number):
        if self.returncode is None:
            signal.pidfd_send_signal(self._pidfd, number)

    def kill(self):
        if self.pid is not None and self.poll() is None:
            self.signal(signal.SIGKILL)
            self.wait(30)

    @property
    def stdout(self):
        return Path(self.directory, "stdout").read_text(errors="replace")

    @property
    def log(self):
        return Path(self.directory, "stderr").read_text(errors="replace")

    def log_tail(self, lines=15):
        return "\n".join((self.log + self.stdout).splitlines()[-lines:])


class Pod(Process):
    """Made by Net. `address` is known from the beginning; the process comes with start()."""

    def __init__(self, net, name, address):
        super().__init__(name)
        self.net, self.address = net, address
        self.hosts_file = (
            "# Kubernetes-managed hosts file.\n"
            "127.0.0.1\tlocalhost\n"
            "::1\tlocalhost ip6-localhost ip6-loopback\n"
            "fe00::0\tip6-localnet\n"
            "fe00::0\tip6-mcastprefix\n"
            "fe00::1\tip6-allnodes\n"
            "fe00::2\tip6-allrouters\n"
            f"{address}\t{net.fqdn(name)}\t{name}\n"
        )
        self.resolv_conf = (
            f"search {net.search}\nnameserver {net.dns_server}\noptions ndots:5\n"
        )

    def move(self, address):
        """Made again elsewhere: the next start has another address, and the old one is nobody's."""
        _ip(
            f"address del {self.address}/16 dev eth0",
            f"address add {address}/16 dev eth0",
            f"route replace default via {self.net.gateway}",
            netns=self.name,
        )
        self.hosts_file = self.hosts_file.replace(self.address, address)
        self.address = address

    def cut(self, off=True):
        """Swallows every packet to and from the pod, or, not `off`, no more."""
        port = list(self.net.pods).index(self.name)
        _ip(f"link set veth{port} " + ("nomaster" if off else "master pods"))

    def start(self, argv, dns=True, **how):
        """Runs argv as the pod's PID 1; see Process.start. `dns` publishes the pod's name at its
        start. /etc is the pod's own to change in `setup`."""
        self._published = dns
        return super().start(argv, **how)

    def release(self):
        if self._published:
            self.net.publish(self.name)
        super().release()

    def _fork(self):
        # The next child of this process is PID 1 of a new namespace, and its status comes to us.
        _call("unshare", _NEWPID)
        pid = os.fork()
        if pid != 0:
            _call("setns", self.net.own_pid_namespace, _NEWPID)
        return pid

    def _surround(self):
        with open(f"/run/netns/{self.name}") as network:
            _call("setns", network.fileno(), _NEWNET)
        _call("unshare", _NEWNS | _NEWUTS | _NEWIPC)
        socket.sethostname(self.name)
        own = self.directory
        for part in ("run", "etc.upper", "etc.work"):
            os.mkdir(f"{own}/{part}", 0o755)
        layers = f"lowerdir=/etc,upperdir={own}/etc.upper,workdir={own}/etc.work"
        mount("overlay", "/etc", "overlay", 0, layers)
        for path, text in (
            ("/etc/hosts", self.hosts_file),
            ("/etc/resolv.conf", self.resolv_conf),
            ("/etc/hostname", self.name + "\n"),
        ):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)  # it may be a link to anywhere
            Path(path).write_text(text)
        mount("proc", "/proc", "proc")
        for path in ("/tmp", "/dev/shm"):
            mount("tmpfs", path, "tmpfs", 0, "mode=1777")
        mount("tmpfs", f"{own}/run", "tmpfs", 0, "mode=755")
        os.makedirs(f"{own}{SHARE}")
        mount(SHARE, f"{own}{SHARE}", None, MS_BIND)
        mount(f"{own}/run", "/run", None, MS_MOVE)


def until(condition, timeout, what="it"):
    """Waits for a condition that nothing announces; returns its first true value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout} s")
        time.sleep(0.01)


def wait_any(pods, timeout):
    """Waits until one of these pods ends, or the timeout."""
    running = [pod._pidfd for pod in pods if pod.poll() is None]
    if running:
        select.select(running, [], [], timeout)


def share_program(path):
    """Copies a program to where every pod finds it, wherever the source tree is."""
    os.makedirs(f"{SHARE}/bin", exist_ok=True)
    return shutil.copy2(path, f"{SHARE}/bin/")
