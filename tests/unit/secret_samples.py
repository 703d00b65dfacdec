"""Secrets as people paste them. All are made up, or made for these tests: they open nothing."""

_BODY = (
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz\n"
    "c2gtZWQyNTUxOQAAACBxoiSn9up6d3LgUpRVONRT3EAPhFJPliVEHdfLssVwrQAA\n"
)
_WIREGUARD = "v0Z7jnyZ3AAKzAewf4vpKbkWatWN++lBd8kgJ5OYlxU="
_PUTTY = (
    "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: laptop\nPublic-Lines: 2\n"
    "AAAAC3NzaC1lZDI1NTE5AAAAIHGiJKf26np3cuBSlFU41FPcQA+EUk+WJUQd18uy\nxXCt\nPrivate-Lines: 1\n"
    "V6NS2hCnZAMLP1uNeeI8CK/62iZ6VzAtkXxu6parQVPZOM5W\nPrivate-MAC: 00000000\n"
)


def pem(label: str, dashes: str = "-----") -> str:
    return f"{dashes}BEGIN {label}{dashes}\n{_BODY}{dashes}END {label}{dashes}\n"


PRIVATE_KEYS = [
    pem("OPENSSH PRIVATE KEY"),
    pem("RSA PRIVATE KEY").replace("\n", " "),
    pem("ENCRYPTED PRIVATE KEY"),
    pem("PGP PRIVATE KEY BLOCK"),
    pem(" SSH2 ENCRYPTED PRIVATE KEY ", "----"),
    pem("OpenVPN Static key V1"),
    f"{pem('CERTIFICATE')}{pem('EC PRIVATE KEY')}",
    _BODY,
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g",
    "MIIEpAIBAAKCAQEAxgNSMV0oQjnZ7xR4T5mJq2bYw8uLk3vH1sE6dCfa9XgUeWzB",
    _PUTTY,
    _PUTTY.replace("\n", " "),
    "AGE-SECRET-KEY-1QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQS0PSUV9",
    f"PrivateKey = {_WIREGUARD}",
    f"private_key: {_WIREGUARD}",
    f"option private_key '{_WIREGUARD}'",
    f"[Interface]\nPrivateKey={_WIREGUARD}\nAddress = 10.66.1.21/32\n\n[Peer]\nAllowedIPs = ::/0\n",
    f"PresharedKey = {_WIREGUARD}",
]
TOKENS = [
    "ghp_000000000000000000000000000000000000",
    "github_pat_11AAAAAAA0aaaaaaaaaaaa_bbbbbbbb",
    "glpat-aaaaaaaaaaaaaaaaaaaa",
    "AKIAIOSFODNN7EXAMPLE",
    "npm_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "syt_b3BzLWh5cGhhLTE_abcdefghijklmnopqrst_0abcDE",
    "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
]
ADDRESSES = [
    "https://{}@example.org/a.git",
    "https://{}:x-oauth-basic@example.org/a.git",
    "https://me:{}@example.org/a.git",
    "https://me%3A{}@example.org/a.git",
    "ssh://me:{}@example.org/a.git",
    "me:{}@example.org:a.git",
    "https://example.org/{}/a.git",
    "https://example.org/a.git?access_token={}",
    "https://example.org/a.git?private_token={}&x=1",
    "https://example.org/a.git#{}",
]
OTHERS = [
    "GOCRYPTFS_PASSWORD_PROD1=correct-horse-battery",
    "01234567-" * 7 + "01234567",
    # As gocryptfs prints it.
    "6f717d8b-6b5f8e8a-fd0aa206-778ec093-\n    62c5669b-abd229cd-241e00cd-b4d6713d",
    "6F717D8B-6B5F8E8A-FD0AA206-778EC093-62C5669B-ABD229CD-241E00CD-B4D6713D",
    "6f717d8b-6b5f8e8a-fd0aa206-778ec093",
    "password: hunter2-hunter2-hunter2",
    "machine git.example.org login me password hunter2-hunter2",
    "https://me:se/cr@et@example.org/a.git",
    "ops:hunter2-hunter2@nas.example.org:/export",
]
SECRETS = [
    *PRIVATE_KEYS,
    *OTHERS,
    *(ADDRESSES[i % len(ADDRESSES)].format(it) for i, it in enumerate(TOKENS * 2)),
]


def parts(secret: str) -> list[str]:
    """The pieces of a secret of which no message may show any."""
    words = secret.replace("/", " ").replace("=", " ").split()
    return [word for word in words if len(word) >= 16 and not word.isalpha()]
