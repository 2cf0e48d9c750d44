"""IMAPClient through a mailbox, and through what it can change."""
import sys

from imapclient import DELETED, FLAGGED, IMAPClient

MAIL = b"From: a@client.test\r\nSubject: from IMAPClient\r\n\r\nText.\r\n"


def connect():
    return IMAPClient("127.0.0.1", port=int(sys.argv[1]), ssl=False, timeout=20)


with connect() as one, connect() as two:
    one.login("admin", "admin")
    two.plain_login("admin", "admin")
    assert one.has_capability("UIDPLUS") and one.has_capability("MOVE") and one.has_capability("IDLE")
    assert b"Dovecot" in one.id_({"name": "IMAPClient"})[0]
    assert one.namespace().personal == (("", "."),)
    total = 0
    for flags, separator, name in one.list_folders():
        assert separator == b"."
        status = one.folder_status(name, ["MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN"])
        selected = one.select_folder(name, readonly=True)
        assert selected[b"EXISTS"] == status[b"MESSAGES"]
        uids = one.search()
        mails = one.fetch(uids, ["BODY.PEEK[]", "ENVELOPE", "BODYSTRUCTURE", "FLAGS", "INTERNALDATE", "RFC822.SIZE"])
        for uid in uids:
            mail = mails[uid]
            assert len(mail[b"BODY[]"]) == mail[b"RFC822.SIZE"], (name, uid)
            subject = mail[b"ENVELOPE"].subject
            assert subject is None or subject.split()[0] in mail[b"BODY[]"], (name, uid)
        total += len(uids)
    assert total == int(sys.argv[2]), total
    assert "Sent" in {name for _, _, name in one.list_sub_folders()}
    assert one.find_special_folder(b"\\Sent") == "Sent"

    one.select_folder("INBOX")
    two.select_folder("INBOX")
    assert one.search(["FROM", "a", "SINCE", "1-Jan-2000"]) == one.search("FROM a SINCE 1-Jan-2000")
    assert sorted(one.sort("REVERSE DATE")) == one.search() and one.thread("REFERENCES")
    uids = one.search()
    two.idle()
    one.append("INBOX", MAIL, [FLAGGED])
    one.add_flags(uids[0], [DELETED])
    one.set_flags(uids[1], [b"\\Answered", b"$Forwarded"])
    assert b"$Forwarded" in one.get_flags(uids[1])[uids[1]]
    one.copy(uids[2], "Sent")
    one.move(uids[2], "Archive")
    one.uid_expunge([uids[0]])
    heard = []
    while not any(item[1] == b"EXISTS" for item in heard):
        more = two.idle_check(timeout=20)
        assert more, "nothing was heard in IDLE: %r" % heard
        heard += more
    two.idle_done()
    two.noop()
    assert sorted(two.search()) == sorted(one.search()), "two connections see two mailboxes"
    found = one.search(["SUBJECT", "from IMAPClient"])
    assert one.fetch(found, "BODY[]")[found[0]][b"BODY[]"] == MAIL
    one.create_folder("Entwürfe.Neu")
    assert one.folder_exists("Entwürfe.Neu")
    one.subscribe_folder("Entwürfe.Neu")
    one.rename_folder("Entwürfe.Neu", "Alt")
    one.unselect_folder()
    one.delete_folder("Alt")
    assert not one.folder_exists("Alt")
    print(total, "messages")
