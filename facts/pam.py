"""Asks PAM whether it would let an account in, as sshd asks after it has accepted a key.

Only PAM knows what all of its modules together say: shadow(5), /etc/nologin, access.conf(5), ...
Like a login by key, the question sets an account's count of pam_faillock(8) back.
Source: pam_acct_mgmt(3); the numbers are those of <security/_pam_types.h>.
"""

PYTHON = "/usr/bin/python3"
"""Debian's own. Where Python or its ctypes is missing, PAM is not asked."""

# Prints "account, tab, reason" for each account of its arguments that PAM refuses, both from an
# address that is nobody's (RFC 5737) and from where the run itself came.
ASK_PAM = """\
import ctypes, os, sys
pam = ctypes.CDLL("libpam.so.0")
pam.pam_strerror.restype = ctypes.c_char_p
CALL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, *[ctypes.c_void_p] * 3)
class Conversation(ctypes.Structure):
    _fields_ = [("call", CALL), ("data", ctypes.c_void_p)]
silent = Conversation(CALL(lambda *_: 19), None)
def came_from():
    process = os.getpid()
    while process > 1:
        with open(f"/proc/{process}/environ", "rb") as file:
            for each in file.read().split(bytes(1)):
                if each.startswith(b"SSH_CONNECTION="):
                    return each.partition(b"=")[2].split()[:1]
        with open(f"/proc/{process}/stat") as file:
            process = int(file.read().rpartition(")")[2].split()[1])
    return []
def refusal(name, address):
    handle = ctypes.c_void_p()
    pam.pam_start(b"sshd", name.encode(), ctypes.byref(silent), ctypes.byref(handle))
    pam.pam_set_item(handle, 3, b"ssh")
    pam.pam_set_item(handle, 4, address)
    code = pam.pam_acct_mgmt(handle, 0x8000)
    reason = pam.pam_strerror(handle, code).decode()
    pam.pam_end(handle, code)
    return code and reason
addresses = [b"192.0.2.1", *came_from()]
for name in sys.argv[1:]:
    answers = [refusal(name, address) for address in addresses]
    if all(answers):
        print(name, answers[0], sep=chr(9))
"""
