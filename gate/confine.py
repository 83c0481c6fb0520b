# How the gate confines its own process, with Landlock and seccomp, before it becomes the program
# that the other host asked for. scripts/embed-gate.mjs puts this into syncmedia-gate.py.
import ctypes
import errno
import os
import struct
import sys

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG, REFER, TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
READ = READ_FILE | READ_DIR
# Neither MAKE_CHAR, MAKE_BLOCK, MAKE_SOCK, MAKE_FIFO nor MAKE_SYM.
CHANGE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
LIBRARIES = ('/lib', '/lib64', '/usr/lib', '/usr/lib64', '/usr/local/lib')
SETTINGS = (
    '/etc/ld.so.cache', '/etc/ld.so.preload', '/etc/ld-musl-x86_64.path', '/etc/ld-musl-aarch64.path', '/etc/passwd', '/etc/group',
    '/etc/nsswitch.conf', '/etc/localtime',
)

# System call numbers of x86-64, of the architectures with the generic table
# (asm-generic/unistd.h), and of all architectures.
X86_64 = {
    'open': 2, 'ioctl': 16, 'mkdir': 83, 'creat': 85, 'chmod': 90, 'fchmod': 91, 'chown': 92, 'fchown': 93, 'lchown': 94, 'mknod': 133,
    'setxattr': 188, 'lsetxattr': 189, 'fsetxattr': 190, 'removexattr': 197, 'lremovexattr': 198, 'fremovexattr': 199, 'openat': 257,
    'mkdirat': 258, 'mknodat': 259, 'fchownat': 260, 'fchmodat': 268, 'open_by_handle_at': 304,
}
GENERIC = {
    'setxattr': 5, 'lsetxattr': 6, 'fsetxattr': 7, 'removexattr': 14, 'lremovexattr': 15, 'fremovexattr': 16, 'ioctl': 29, 'mknodat': 33,
    'mkdirat': 34, 'fchmod': 52, 'fchmodat': 53, 'fchownat': 54, 'fchown': 55, 'openat': 56, 'open_by_handle_at': 265,
}
COMMON = {
    'io_uring_setup': 425, 'io_uring_enter': 426, 'io_uring_register': 427, 'openat2': 437, 'fchmodat2': 452, 'setxattrat': 463,
    'removexattrat': 466, 'file_setattr': 469,
}
# Machine name of uname: its AUDIT_ARCH (linux/audit.h) and its call numbers.
ARCHITECTURES = {
    'x86_64': (0xC000003E, X86_64), 'aarch64': (0xC00000B7, GENERIC), 'riscv64': (0xC00000F3, GENERIC), 'loongarch64': (0xC0000102, GENERIC),
}
# Setuid, setgid, sticky.
SPECIAL_BITS = 0o7000
# Index of the mode argument. For calls that open files: of the flags and of the mode, which only
# counts if a file is created.
MODE_OF = {'chmod': 1, 'fchmod': 1, 'fchmodat': 2, 'fchmodat2': 2, 'mkdir': 1, 'mkdirat': 2, 'creat': 1}
FLAGS_AND_MODE_OF = {'open': (1, 2), 'openat': (2, 3)}
MAKES_FILE = os.O_CREAT | (os.O_TMPFILE & ~os.O_DIRECTORY)
# Errors of calls that neither program needs, as from a kernel without them; programs then use
# other calls. openat2 passes its mode in memory that no filter can read. io_uring and
# open_by_handle_at bypass filters. ioctl and the others set other attributes, such as file
# capabilities.
ANSWERS = {'openat2': errno.ENOSYS, 'ioctl': errno.ENOTTY, 'io_uring_setup': errno.ENOSYS, 'io_uring_enter': errno.ENOSYS, 'io_uring_register': errno.ENOSYS}
# Capabilities that root keeps: read, write, rename and date files of any owner. Without
# CAP_FSETID writing removes the setuid bit, as for any other user.
CAPABILITIES = (1, 2, 3)


def find_loader(program):
    """Finds the ELF interpreter, which the kernel executes as well (elf(5)).

    Returns the program itself if it has none.
    """
    with open(program, 'rb') as file:
        head = file.read(1 << 16)
    if head[:4] != b'\x7fELF':
        raise Refused('%s is a script, and only programs can be confined' % program)
    if head[4] != 2 or head[5] != 1:
        raise Refused('%s is no 64-bit program for this machine, and only such can be confined' % program)
    at, = struct.unpack_from('<Q', head, 32)
    size, count = struct.unpack_from('<HH', head, 54)
    for header in range(at, at + size * count, size):
        kind, = struct.unpack_from('<I', head, header)
        if kind == 3:
            start, = struct.unpack_from('<Q', head, header + 8)
            return os.fsdecode(head[start:head.index(b'\0', start)])
    return program


def confine(allowed):
    """Confines this process, and the program it becomes, with Landlock (landlock(7)) and seccomp.

    `allowed` lists paths with their access rights. All other file access is denied.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long

    def call(number, *arguments):
        numbers = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
        result = libc.syscall(ctypes.c_long(number), *numbers)
        if result < 0:
            raise Refused('Landlock: %s; it needs Linux 5.19 or newer with "landlock" among its security modules' % os.strerror(ctypes.get_errno()))
        return result

    abi = call(444, None, 0, 1)
    if abi < 2:
        raise Refused('Landlock of this kernel is too old: it needs Linux 5.19 or newer')
    files = (1 << 14) - 1 | (TRUNCATE if abi >= 3 else 0) | (1 << 15 if abi >= 5 else 0)
    # The second field denies TCP bind and connect. The third denies abstract sockets of, and
    # signals to, other processes.
    wanted = struct.pack('=QQQ', files, 3, 3)[:8 if abi < 4 else 16 if abi < 6 else 24]
    ruleset = call(444, ctypes.create_string_buffer(wanted, len(wanted)), len(wanted), 0)
    for path, bits in allowed:
        try:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue
        rights = bits & files & (-1 if os.path.isdir(path) else OF_FILES)
        call(445, ruleset, 1, ctypes.create_string_buffer(struct.pack('=Qi', rights, opened), 12), 0)
        os.close(opened)
    if libc.prctl(38, 1, 0, 0, 0) != 0:
        raise Refused('PR_SET_NO_NEW_PRIVS failed')
    call(446, ruleset, 0)
    os.close(ruleset)
    drop_capabilities(libc)
    filter_calls(libc)
    return abi


def drop_capabilities(libc):
    """Drops capabilities for the program that this process becomes (capabilities(7)).

    Only root has any. If they cannot be dropped, seccomp still confines the program.
    """
    for capability in range(64):
        if capability not in CAPABILITIES:
            libc.prctl(24, ctypes.c_ulong(capability), 0, 0, 0)


def filter_calls(libc):
    """Installs a seccomp filter (seccomp(2)).

    It denies special modes, and creating anything but regular files and directories.
    """
    program = compile_filter(os.uname().machine)
    code = ctypes.create_string_buffer(program, len(program))
    # A struct sock_fprog. confine() has already set no_new_privs.
    fprog = ctypes.create_string_buffer(struct.pack('@HP', len(program) // 8, ctypes.addressof(code)))
    if libc.prctl(22, ctypes.c_ulong(2), fprog, 0, 0) != 0:
        raise Refused('seccomp: %s; it needs a kernel with CONFIG_SECCOMP_FILTER' % os.strerror(ctypes.get_errno()))


def compile_filter(machine):
    """Compiles the filter to BPF instructions (linux/filter.h, linux/seccomp.h)."""
    if machine not in ARCHITECTURES or struct.calcsize('P') != 8 or sys.byteorder != 'little':
        raise Refused('seccomp: the system calls of this machine (%s) are not known here; known are %s, 64 bits' % (machine, ', '.join(ARCHITECTURES)))
    architecture, own = ARCHITECTURES[machine]
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000
    denied = (answer, 0, 0, refuse | errno.EPERM)
    # Deny calls of other architectures, whose numbers differ, and of x32, which sets this bit.
    code = [(load, 0, 0, 4), (equal, 1, 0, architecture), denied, (load, 0, 0, 0), (at_least, 0, 1, 0x40000000), denied]
    for name, number in {**own, **COMMON}.items():
        checks = []
        if name in FLAGS_AND_MODE_OF:
            flags, mode = FLAGS_AND_MODE_OF[name]
            checks = [(load, 0, 0, 16 + 8 * flags), (any_bit, 0, 3, MAKES_FILE)]
        else:
            mode = MODE_OF.get(name)
        if mode is None:
            checks = [(answer, 0, 0, refuse | ANSWERS.get(name, errno.EPERM))]
        else:
            checks += [(load, 0, 0, 16 + 8 * mode), (any_bit, 0, 1, SPECIAL_BITS), denied, (answer, 0, 0, allow)]
        code += [(equal, 0, len(checks), number)] + checks
    code.append((answer, 0, 0, allow))
    return b''.join(struct.pack('=HBBI', *instruction) for instruction in code)
