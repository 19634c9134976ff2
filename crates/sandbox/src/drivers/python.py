# The Python zygote: imports what jobs need once, and forks confined children that wait for one job each.
# It is the first process of the template's namespaces. What a child does between fork and waiting mirrors confine.rs;
# the kernel is called through ctypes, so that nothing has to be compiled against any version of Python.
import ctypes, fcntl, gc, os, resource, select, signal, socket, struct, sys

CONTROL, EXITS, FILTERS, FOLDERS, IMPORTS = sys.argv[1:6]
SPAWN, SPAWNED, FAILED, READY, GO, PING, START, PONG, EXIT = 1, 2, 3, 4, 10, 11, 12, 13, 17
LINE, JOB, LENGTH_MAX = 3, 1000, 128 * 1024
NAMESPACES = 0x10000000 | 0x20000000 | 0x00020000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000
CLONE_PIDFD, CLONE_CHILD_CLEARTID, CLONE_CHILD_SETTID = 0x1000, 0x200000, 0x1000000
SYS_CLONE3, SYS_LANDLOCK = 435, 444
SYS_CAPSET, SYS_SCHED_SETATTR = (126, 314) if os.uname().machine == "x86_64" else (91, 274)
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
PDEATHSIG, DUMPABLE, SECCOMP, CAPBSET_DROP, SECUREBITS, NO_NEW_PRIVS, GET_TID_ADDRESS, AMBIENT = 1, 4, 22, 24, 28, 38, 40, 47

# PyDLL keeps the interpreter's lock during a call: a clone must not let go of it.
libc = ctypes.PyDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
long = ctypes.c_long


def call(name, result):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"failed to {name}: {os.strerror(number)}")
    return result


def prctl(name, option, a=0, b=0):
    return call(name, libc.prctl(option, long(a), long(b), long(0), long(0)))


def tid_address():
    # Where the C library keeps the thread's number; a clone behind its back must renew it, or abort() and raise() miss.
    address = ctypes.c_ulong(0)
    if libc.prctl(GET_TID_ADDRESS, ctypes.byref(address), long(0), long(0), long(0)) != 0:
        return 0
    return address.value


def programs():
    # struct sock_filter as hexadecimal fields, into struct sock_fprog.
    made = []
    for text in FILTERS.split(","):
        count = len(text) // 16
        fields = [(int(text[i:i+4], 16), int(text[i+4:i+6], 16), int(text[i+6:i+8], 16), int(text[i+8:i+16], 16))
                  for i in range(0, len(text), 16)]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *field) for field in fields), count * 8)
        made.append((code, ctypes.create_string_buffer(struct.pack("@HxxxxxxP", count, ctypes.addressof(code)), 16)))
    return made


BUFFER, SPACE = memoryview(bytearray(LENGTH_MAX)), socket.CMSG_SPACE(4 * 4)
FILTER_PROGRAMS = programs()
TID_ADDRESS = tid_address()
PIDFD = ctypes.c_int(-1)
CLONE = ctypes.create_string_buffer(struct.pack(
    "=11Q", NAMESPACES | CLONE_PIDFD | ((CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID) if TID_ADDRESS else 0),
    ctypes.addressof(PIDFD), TID_ADDRESS, 0, signal.SIGCHLD, 0, 0, 0, 0, 0, 0), 88)
# Beyond the numbers that a child moves its own descriptors to.
DEVICES = [fcntl.fcntl(os.open("/dev/" + name, os.O_PATH | os.O_CLOEXEC), fcntl.F_DUPFD_CLOEXEC, 100)
           for name in ("null", "zero", "full", "random", "urandom")]


def landlock():
    version = libc.syscall(long(SYS_LANDLOCK), long(0), long(0), long(1))
    if version < 1:
        return
    handled = (1 << 13) - 1
    handled |= (1 << 13 if version >= 2 else 0) | (1 << 14 if version >= 3 else 0) | (1 << 15 if version >= 5 else 0)
    net, scoped = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    attributes = struct.pack("=3Q", handled, net, scoped)
    rules = call("make Landlock rules", libc.syscall(long(SYS_LANDLOCK), attributes, long(size), long(0)))
    read = 1 | 4 | 8
    writable = handled & ~(1 << 6) & ~(1 << 11) & ~(1 << 15)
    opened = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in ("/", "/tmp", "/job")]
    for descriptor, access in zip(opened + DEVICES, [read, writable, writable] + [2 | 4] * len(DEVICES)):
        rule = struct.pack("=Qi", access & handled, descriptor)
        call("add a Landlock rule", libc.syscall(long(SYS_LANDLOCK + 1), long(rules), long(1), rule, long(0)))
    prctl("set no_new_privs", NO_NEW_PRIVS, 1)
    call("restrict paths", libc.syscall(long(SYS_LANDLOCK + 2), long(rules), long(0)))
    for descriptor in opened + [rules]:
        os.close(descriptor)


def mount(kind, target, flags, options):
    call(f"mount {target}", libc.mount(kind, target.encode(), kind, ctypes.c_ulong(flags), options.encode()))


def confine(disk, inodes):
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    own = f"size={disk},nr_inodes={inodes},uid={JOB},gid={JOB},mode="
    mount(b"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, own + "1777")
    mount(b"tmpfs", "/job", MS_NOSUID | MS_NODEV, own + "0700")
    mount(b"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "subset=pid")
    socket.sethostname("sandbox")
    os.chdir("/job")
    os.setsid()
    os.umask(0o022)
    for kind, value in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 1024), (resource.RLIMIT_FSIZE, disk),
                        (resource.RLIMIT_MEMLOCK, 65536), (resource.RLIMIT_MSGQUEUE, 0), (resource.RLIMIT_SIGPENDING, 1024),
                        (resource.RLIMIT_RTPRIO, 0), (resource.RLIMIT_NICE, 0)):
        resource.setrlimit(kind, (value, value))
    prctl("lock the securebits", SECUREBITS, 3)
    prctl("clear the ambient capabilities", AMBIENT, 4)
    for capability in range(64):
        if libc.prctl(CAPBSET_DROP, long(capability), long(0), long(0), long(0)) != 0:
            if capability > 30:
                break
            call("drop a capability from the bounding set", -1)
    os.setgroups([])
    os.setresgid(JOB, JOB, JOB)
    os.setresuid(JOB, JOB, JOB)
    call("drop the capabilities", libc.syscall(long(SYS_CAPSET), struct.pack("=2I", 0x20080522, 0), bytes(24)))
    prctl("ask for a death signal", PDEATHSIG, signal.SIGKILL)
    # Becoming another user hid the process's own files in /proc from itself.
    prctl("be seen in /proc", DUMPABLE, 1)
    prctl("set no_new_privs", NO_NEW_PRIVS, 1)
    landlock()
    for _, program in FILTER_PROGRAMS:
        prctl("install a filter of system calls", SECCOMP, 2, ctypes.addressof(program))


def take(message, at, form):
    size = struct.calcsize(form)
    return *struct.unpack_from(form, message, at), at + size


def take_bytes(message, at):
    length, at = take(message, at, "<I")
    return message[at:at + length], at + length


def take_list(message, at):
    count, at = take(message, at, "<I")
    items = []
    for _ in range(count):
        item, at = take_bytes(message, at)
        items.append(os.fsdecode(item))
    return items, at


def write_files(message, at, content):
    count, at = take(message, at, "<I")
    for _ in range(count):
        name, at = take_bytes(message, at)
        length, mode, at = take(message, at, "<QI")
        path = os.path.join("/job", os.fsdecode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb", opener=lambda p, flags: os.open(p, flags, mode)) as file:
            while length > 0:
                length -= file.write(os.read(content, min(length, 1 << 20)))


REHEARSAL = b"""
import os, sys, time
class Example:
    def method(self, *arguments, **named):
        return f"{arguments} {named}"
def function(number=1, text="text"):
    try:
        return [str(part) for part in range(number)] + [text.encode().decode(), {"key": Example().method(1, a=2)}]
    except ValueError as error:
        raise RuntimeError(error) from None
with open("/dev/null", "w") as null:
    print(function(3), file=null)
    null.write("%d %s" % (time.monotonic_ns(), os.getpid()))
"""


def rehearse():
    # What every job touches is written to once ahead: the pages that a fork shares are then copied while nobody waits.
    arguments, main, path = sys.argv[:], sys.modules["__main__"], sys.path[:]
    # A second round also touches what the first one freed.
    for _ in range(2):
        code = os.memfd_create("rehearsal")
        os.write(code, REHEARSAL)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = [f"{key}={value}".encode() for key, value in os.environ.items()] + [b"REHEARSAL=1"]
        message = struct.pack("<BBI9sII4sI", START, 1, 9, b"rehearsal", 1, 4, b"text", len(environment))
        message += b"".join(struct.pack("<I", len(entry)) + entry for entry in environment) + struct.pack("<I", 0)
        socket.send_fds(ours, [message], [code])
        os.close(code)
        message, descriptors = receive(theirs)
        for end in (ours, theirs):
            end.close()
        execute(*run(message, descriptors))
        os.environ.pop("REHEARSAL", None)
        sys.argv[:], sys.path[:], sys.modules["__main__"] = arguments, path, main


def receive(line):
    # Into memory that is there already: a fresh buffer of this size would be mapped and unmapped for every message.
    length, control, _, _ = line.recvmsg_into([BUFFER], SPACE)
    return bytes(BUFFER[:length]), struct.unpack(f"{len(control[0][2]) // 4}i", control[0][2]) if control else ()


def wait_for_a_job():
    line = socket.socket(fileno=LINE)
    message, descriptors = receive(line)
    if message[:1] != bytes([GO]):
        os._exit(0)
    disk, inodes = CHILD_LIMITS
    try:
        confine(disk, inodes)
    except BaseException as error:
        text = str(error).encode()
        line.send(struct.pack("<BI", FAILED, len(text)) + text)
        os._exit(1)
    for descriptor in DEVICES:
        os.close(descriptor)
    rehearse()
    while True:
        message, descriptors = receive(line)
        if not message:
            os._exit(0)
        if message[0] == PING:
            line.send(bytes([PONG]) + message[1:])
        elif message[0] == START:
            line.close()
            return message, descriptors


def reseed():
    # `random` reseeds by itself after a fork; others only when they are told.
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()


def run(message, descriptors):
    name, at = take_bytes(message, 2)
    arguments, at = take_list(message, at)
    environment, at = take_list(message, at)
    # Its offset is shared with every other run of the same code.
    code = os.pread(descriptors[0], os.fstat(descriptors[0]).st_size, 0)
    write_files(message, at, descriptors[1] if len(descriptors) > 1 else -1)
    for descriptor in descriptors:
        os.close(descriptor)
    environment = dict(entry.partition("=")[::2] for entry in environment)
    # Most of it is as it was, and every change is a call into the C library.
    for key in os.environ.keys() - environment.keys():
        del os.environ[key]
    for key, value in environment.items():
        if os.environ.get(key) != value:
            os.environ[key] = value
    name = os.fsdecode(name)
    sys.argv[:] = [name, *arguments]
    sys.path.insert(0, "/job")
    main = type(sys)("__main__")
    main.__file__ = name
    sys.modules["__driver__"], sys.modules["__main__"] = sys.modules["__main__"], main
    return code, name, main


def execute(code, name, main):
    try:
        exec(compile(code, name, "exec"), main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        import linecache, traceback
        lines = code.decode(errors="replace").splitlines(keepends=True)
        linecache.cache[name] = len(code), None, lines, name
        if sys.excepthook is sys.__excepthook__:
            # Without the frames of this driver.
            traceback.print_exception(type(error), error, error.__traceback__.tb_next)
        else:
            sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(1) from None


def fork(descriptors):
    ctypes.pythonapi.PyOS_BeforeFork()
    pid = libc.syscall(long(SYS_CLONE3), CLONE, long(88))
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        for signal_number in (signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(signal_number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        lifted = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64) for descriptor in descriptors]
        devices = DEVICES[:]
        for number, descriptor in zip((LINE, 1, 2), lifted):
            os.dup2(descriptor, number, inheritable=number != LINE)
        keep = sorted(devices)
        first = LINE + 1
        for kept in keep:
            os.closerange(first, kept)
            first = max(first, kept + 1)
        os.closerange(first, 4096)
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    return call("clone", pid)


def map_ids(pid, first):
    # Root, who sets the child up, and the job's. Only the parent namespace may do that.
    for file in ("uid_map", "gid_map"):
        with open(f"/proc/{pid}/{file}", "w") as opened:
            opened.write(f"0 {first} 1\n{JOB} {first + 1} 15\n")


def serve():
    global CHILD_LIMITS
    control, exits = socket.socket(fileno=int(CONTROL)), socket.socket(fileno=int(EXITS))
    woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(woken, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if woken in ready:
            os.read(woken, 4096)
            reap(exits)
        if control.fileno() not in ready:
            continue
        message, descriptors = receive(control)
        if not message:
            os._exit(0)
        try:
            disk, inodes, first = struct.unpack_from("<QII", message, 1)
            CHILD_LIMITS = disk, inodes
            pid = fork(descriptors)
            if pid > 0:
                map_ids(pid, first)
        except OSError as error:
            text = str(error).encode()
            control.send(struct.pack("<BI", FAILED, len(text)) + text)
            pid = -1
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for gone in (control, exits):
                gone.detach()
            return
        for descriptor in descriptors:
            os.close(descriptor)
        if pid > 0:
            socket.send_fds(control, [struct.pack("<BI", SPAWNED, pid)], [PIDFD.value])
            os.close(PIDFD.value)


def reap(exits):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        try:
            exits.send(struct.pack("<BII", EXIT, pid, status), socket.MSG_DONTWAIT)
        except OSError:
            # Nobody waits for this one's status any more.
            pass


def prepare():
    # Short turns, so that a waking child need not wait for a long one to end. Best effort.
    libc.syscall(long(SYS_SCHED_SETATTR), long(0), struct.pack("=IIQiIQQQ", 48, 0, 0, 0, 0, 200_000, 0, 0), long(0))
    prctl("ask for a death signal", PDEATHSIG, signal.SIGKILL)
    sys.path[:0] = [f"/deps/{number}" for number in range(int(FOLDERS))]
    control = socket.socket(fileno=int(CONTROL))
    doing = "prepare"
    try:
        for name in filter(None, IMPORTS.split(",")):
            doing = "import " + name
            __import__(name)
        # A child's exceptions are printed without loading anything more.
        doing = "rehearse"
        __import__("traceback")
        rehearse()
    except BaseException as error:
        text = f"failed to {doing}: {type(error).__name__}: {error}".encode()
        control.send(struct.pack("<BI", FAILED, len(text)) + text)
        os._exit(1)
    gc.collect()
    gc.freeze()
    gc.disable()
    control.send(bytes([READY]))
    control.detach()


def main():
    prepare()
    serve()
    job = wait_for_a_job()
    gc.enable()
    reseed()
    return run(*job)


execute(*main())
