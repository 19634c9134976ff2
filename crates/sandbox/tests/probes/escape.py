# Tries from inside what a job must not be able to do, and prints NAME=RESULT lines.
import ctypes, errno, os, signal, socket

libc = ctypes.CDLL(None, use_errno=True)


def say(name, value):
    print(f"{name}={value}", flush=True)


def system_call(name, number, *arguments):
    if libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments)) >= 0:
        say(name, "allowed")
    else:
        say(name, errno.errorcode[ctypes.get_errno()])


def attempt(name, action):
    try:
        action()
        say(name, "allowed")
    except OSError as error:
        say(name, errno.errorcode[error.errno])


for line in open("/proc/self/status"):
    key, _, value = line.partition(":")
    if key in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid", "Gid", "Groups"):
        say(key, ",".join(value.split()))
NEWUSER, NEWNS, NEWTIME, CHLD = 0x10000000, 0x20000, 0x80, 17
system_call("clone_newuser", 56, NEWUSER | CHLD, 0, 0, 0, 0)
system_call("clone_newns", 56, NEWNS | CHLD, 0, 0, 0, 0)
system_call("clone_newpid", 56, 0x20000000 | CHLD, 0, 0, 0, 0)
system_call("clone_newnet", 56, 0x40000000 | CHLD, 0, 0, 0, 0)
system_call("unshare", 272, NEWUSER)
system_call("setns", 308, 0, 0)
system_call("clone3", 435, 0, 0)
system_call("io_uring", 425, 1, 0)
system_call("bpf", 321, 0, 0, 0)
system_call("keyctl", 250, 0, 0)
system_call("add_key", 248, 0, 0, 0, 0, 0)
system_call("userfaultfd", 323, 0)
system_call("perf", 298, 0, 0, -1, -1, 0)
system_call("ptrace", 101, 0, 0, 0, 0)
system_call("mount", 165, 0, 0, 0, 0, 0)
system_call("umount", 166, 0, 0)
system_call("open_tree", 428, -100, 0, 1)
system_call("fsopen", 430, 0, 0)
system_call("pivot_root", 155, 0, 0)
system_call("chroot", 161, 0)
system_call("init_module", 175, 0, 0, 0)
system_call("kexec", 246, 0, 0, 0, 0)
system_call("reboot", 169, 0, 0, 0, 0)
system_call("handle", 304, -100, 0, 0)
system_call("process_vm_readv", 310, 1, 0, 0, 0, 0, 0)
system_call("kcmp", 312, 1, 1, 0, 0, 0)
system_call("pidfd_getfd", 438, 0, 0, 0)
system_call("personality", 135, 0x0040000)
system_call("syslog", 103, 3, 0, 0)
system_call("packet_socket", 41, 17, 3, 0)
system_call("vsock", 41, 40, 1, 0)
system_call("unset_death_signal", 157, 1, 0, 0, 0, 0)
system_call("x32", 0x40000000 + 39)
attempt("setuid", lambda: os.setuid(0))
attempt("write_usr", lambda: open("/usr/x", "w"))
attempt("write_etc", lambda: open("/etc/passwd", "w"))
attempt("write_root", lambda: open("/x", "w"))
attempt("write_dev", lambda: open("/dev/x", "w"))
attempt("write_deps", lambda: open("/deps/x", "w"))
attempt("mknod", lambda: os.mknod("/tmp/device", 0o600 | 0o020000, os.makedev(1, 1)))
attempt("sys", lambda: os.listdir("/sys"))
for name in ("kcore", "sys", "keys", "sysrq-trigger", "timer_list", "kallsyms", "meminfo", "config.gz", "1/root/etc/shadow"):
    attempt("proc_" + name, lambda: os.stat("/proc/" + name))
attempt("read_init", lambda: open("/proc/1/mem", "rb") if os.getpid() != 1 else open("/etc/shadow"))
attempt("host_shadow", lambda: open("/etc/shadow"))
attempt("network", lambda: socket.create_connection(("192.0.2.1", 80), 2))
attempt("loopback", lambda: socket.create_connection(("127.0.0.1", HOST_PORT), 2))


def abstract():
    socket.socket(socket.AF_UNIX).connect("\0" + HOST_NAME)


attempt("abstract", abstract)
# Only Landlock refuses this one: the second layer is there.
attempt("landlock_bind", lambda: socket.socket().bind(("0.0.0.0", 8080)))
attempt("kill_host", lambda: os.kill(HOST_PID, 0))
say("interfaces", ",".join(name for _, name in socket.if_nameindex()))
say("pids", ",".join(sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int)))
say("self", os.getpid())
say("root", ",".join(sorted(os.listdir("/"))))
say("dev", ",".join(sorted(os.listdir("/dev"))))
descriptors = []
for name in os.listdir("/proc/self/fd"):
    try:
        descriptors.append(f"{name}:{os.readlink('/proc/self/fd/' + name).split(':')[0]}")
    except FileNotFoundError:
        # The one that lists them.
        pass
say("descriptors", ",".join(sorted(descriptors)))
say("session", os.getsid(0) == os.getpid() or os.getsid(0))
say("environment", ",".join(sorted(os.environ)))
for namespace in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup"):
    say("ns_" + namespace, os.readlink("/proc/self/ns/" + namespace))

import mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("b814000000cd80c3"))
child = os.fork()
if child == 0:
    # getpid through the gate of 32-bit programs.
    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
    os._exit(0)
_, status = os.waitpid(child, 0)
say("i386", signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "allowed")
