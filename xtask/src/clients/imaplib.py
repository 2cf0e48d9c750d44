"""Reads everything that the server HOST PORT has, with Python's own IMAP client, and checks that it agrees with itself."""

import email
import email.policy
import imaplib
import re
import sys

HOST, PORT = sys.argv[1], int(sys.argv[2])
MAILBOXES = {"INBOX": 12, "Sent": 8, "Drafts": 1, "Archive": 3}


def ok(answer):
    status, data = answer
    assert status == "OK", answer
    return data


def connect():
    return imaplib.IMAP4(HOST, PORT, timeout=20)


def one_message(client, number):
    """One message in all its forms; returns its size."""
    (head, whole), *_ = ok(client.fetch(number, "(RFC822)"))
    assert head.endswith(b"{%d}" % len(whole)), head
    (_, peeked), *_ = ok(client.fetch(number, "(BODY.PEEK[])"))
    (_, header), *_ = ok(client.fetch(number, "(RFC822.HEADER)"))
    (_, text), *_ = ok(client.fetch(number, "(BODY.PEEK[TEXT])"))
    assert peeked == whole and header + text == whole, number
    assert whole.replace(b"\r\n", b"").count(b"\n") == 0, "a bare line feed in message %s" % number

    size = ok(client.fetch(number, "(RFC822.SIZE)"))[0]
    assert int(re.search(rb"RFC822\.SIZE (\d+)", size).group(1)) == len(whole), size
    assert b"\\Seen" in ok(client.fetch(number, "(FLAGS UID INTERNALDATE)"))[0], "reading marks as seen"

    mail = email.message_from_bytes(whole, policy=email.policy.SMTP)
    assert not mail.defects, mail.defects
    envelope = answer(client, number, "ENVELOPE")
    assert mail["Message-ID"].encode() in envelope, envelope
    assert mail["Date"].encode() in envelope, envelope

    structure = answer(client, number, "BODYSTRUCTURE").lower()
    for part in mail.walk():
        assert not part.defects, part.defects
        kind = '"%s" "%s"' % (part.get_content_maintype(), part.get_content_subtype())
        if not part.is_multipart():
            assert kind.encode() in structure, (kind, structure)
    if mail.is_multipart():
        for index, part in enumerate(mail.iter_parts(), 1):
            (_, body), *_ = ok(client.fetch(number, "(BODY.PEEK[%d])" % index))
            assert not part.is_multipart() or body, (number, index)
            if not part.is_multipart():
                assert body in whole, (number, index)
    return len(whole)


def answer(client, number, item):
    """The answer to one item, its literals put in their places."""
    parts = ok(client.fetch(number, "(%s)" % item))
    joined = b"".join(b" ".join(part) if isinstance(part, tuple) else part for part in parts)
    assert item.encode() in joined, joined
    return joined


def everything():
    """Every message of every mailbox; returns how many and how large."""
    client = connect()
    assert "AUTH=CRAM-MD5" not in client.capabilities, client.capabilities
    assert "AUTH=PLAIN" in client.capabilities, client.capabilities
    ok(client.login("admin", "admin"))
    listed = [line.split()[-1].decode().strip('"') for line in ok(client.list())]
    assert sorted(name.rpartition("/")[2] for name in listed) == sorted(MAILBOXES), listed
    count = octets = 0
    for name, expected in MAILBOXES.items():
        path = next(path for path in listed if path.endswith(name))
        status = ok(client.status(path, "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)"))[0]
        assert b"MESSAGES %d" % expected in status, status
        assert int(ok(client.select(path))[0]) == expected, name
        numbers = ok(client.search(None, "ALL"))[0].split()
        assert len(numbers) == expected, numbers
        for number in numbers:
            octets += one_message(client, number.decode())
            count += 1
        ok(client.close())
    search(client)
    ok(client.noop())
    assert client.logout()[0] == "BYE"
    return count, octets


def search(client):
    """Searches for what intruders search for."""
    ok(client.select("inbox", readonly=True))
    assert ok(client.search(None, "SUBJECT", "password"))[0].split() != []
    assert b"5" in ok(client.search(None, "TEXT", '"r00tM3T00!"'))[0].split()
    assert ok(client.search(None, "FROM", "nobody-at-all"))[0].split() == []
    assert ok(client.uid("SEARCH", "1:3"))[0].split() == [b"1", b"2", b"3"]


def by_mechanism(mechanism, *answers):
    """Logs in with AUTHENTICATE."""
    client = connect()
    pending = list(answers)
    ok(client.authenticate(mechanism, lambda _challenge: pending.pop(0)))
    ok(client.select("INBOX"))
    client.logout()


def refuses_writing():
    """The specification's server changes nothing."""
    client = connect()
    try:
        client.login("admin", "wrong")
    except imaplib.IMAP4.error as error:
        assert "AUTHENTICATIONFAILED" in str(error), error
    else:
        raise AssertionError("a wrong password was let in")
    client.shutdown()


COUNT, OCTETS = everything()
by_mechanism("PLAIN", b"\0admin\0password")
by_mechanism("LOGIN", b"root", b"root")
refuses_writing()
print("%d messages, %d octets, three ways to log in" % (COUNT, OCTETS))
