"""Goes through the specification's POP3 list at HOST POP3 IMAP, with Python's own clients, line by line."""

import imaplib
import poplib
import re
import socket
import sys

HOST, POP3, IMAP = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
CAPABILITIES = ["TOP", "USER", "UIDL", "RESP-CODES", "AUTH-RESP-CODE"]


def connect():
    client = poplib.POP3(HOST, POP3, timeout=20)
    assert client.user("admin").startswith(b"+OK")
    assert client.pass_("admin").startswith(b"+OK")
    return client


def refused(call, *arguments):
    try:
        answer = call(*arguments)
    except poplib.error_proto as error:
        assert error.args[0].startswith(b"-ERR"), error
        return
    raise AssertionError((call.__name__, arguments, answer))


def raw(client, command):
    """The bytes of an answer up to the lone dot, dots unstuffed: poplib itself drops the line ends."""
    client.sock.sendall(command + b"\r\n")
    first = client.file.readline()
    assert first.startswith(b"+OK"), (command, first)
    lines = []
    while (line := client.file.readline()) != b".\r\n":
        assert line.endswith(b"\r\n"), line
        lines.append(line[1:] if line.startswith(b".") else line)
    return first, b"".join(lines)


def over_imap():
    """(size, bytes) of every message of INBOX."""
    client = imaplib.IMAP4(HOST, IMAP, timeout=20)
    client.login("admin", "admin")
    client.select("INBOX", readonly=True)
    found = []
    for number in range(1, 13):
        _, data = client.fetch(str(number), "(RFC822.SIZE BODY.PEEK[])")
        found.append((int(re.search(rb"RFC822\.SIZE (\d+)", data[0][0]).group(1)), data[0][1]))
    client.logout()
    return found


refused(poplib.POP3(HOST, POP3, timeout=20).stat)
wrong = poplib.POP3(HOST, POP3, timeout=20)
wrong.user("admin")
refused(wrong.pass_, "wrongpass")
wrong.user("root")
assert wrong.pass_("root").startswith(b"+OK"), "another try on the same connection"
wrong.quit()

client = connect()
capabilities = raw(client, b"CAPA")[1].decode().split("\r\n")[:-1]
assert capabilities[:5] == CAPABILITIES and capabilities[5:] == ["SASL PLAIN LOGIN"], capabilities
client.sock.sendall(b"STAT\r\n")
assert client.file.readline() == b"+OK 12 48000\r\n"
first, listing = raw(client, b"LIST")
assert first == b"+OK 12 messages\r\n", first
assert listing.startswith(b"1 3912\r\n2 2048\r\n"), listing
sizes = [int(line.split()[1]) for line in listing.splitlines()]
messages = over_imap()
assert sizes == [size for size, _ in messages], (sizes, "RFC822.SIZE differs")
assert sum(sizes) == 48000

for number, (size, mail) in enumerate(messages, 1):
    assert client.list(number) == b"+OK %d %d" % (number, size)
    first, bytes_ = raw(client, b"RETR %d" % number)
    assert first.split()[1] == b"%d" % size, first
    assert bytes_ == mail and len(mail) == size, ("not IMAP's bytes", number)
    header, _, body = mail.partition(b"\r\n\r\n")
    lines = body.splitlines(keepends=True)
    for count in (0, 3, 100000):
        expected = header + b"\r\n\r\n" + b"".join(lines[:count])
        assert raw(client, b"TOP %d %d" % (number, count))[1] == expected, ("TOP", number, count)

uids = [line.split() for line in client.uidl()[1]]
assert [int(number) for number, _ in uids] == list(range(1, 13))
assert len({uid for _, uid in uids}) == 12 and not any(b"msg" in uid for _, uid in uids), uids
assert client.uidl(5).split()[1:] == uids[4]

assert client.dele(2).startswith(b"+OK")
assert client.stat() == (11, 48000 - 2048)
refused(client.retr, 2)
refused(client.dele, 2)
assert len(client.list()[1]) == 11 and len(client.uidl()[1]) == 11
assert client.rset().startswith(b"+OK")
assert client.stat() == (12, 48000)
client.dele(1)
client.dele(12)
assert client.noop().startswith(b"+OK")
assert client.quit().startswith(b"+OK")

again = connect()
assert again.stat() == (12, 48000), "what was deleted must be there in the next session"
assert [line.split() for line in again.uidl()[1]] == uids, "other identifiers in the next session"
for call, *arguments in [
    (again.list, 13), (again.list, 0), (again.retr, 13), (again.retr, "x"), (again.top, 1, "x"),
    (again.uidl, 13), (again.user, "admin"), (again._shortcmd, "XYZZY"), (again._shortcmd, "RETR"),
]:
    refused(call, *arguments)
assert again.stat() == (12, 48000)
again.sock.shutdown(socket.SHUT_RDWR)
again.close()
print("12 messages, 48000 octets, byte for byte as over IMAP")
