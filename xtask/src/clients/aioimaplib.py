"""aioimaplib: three connections at once, one of which waits in IDLE for what another appends."""
import asyncio
import sys

from aioimaplib import aioimaplib

MAIL = b"From: a@client.test\r\nSubject: from aioimaplib\r\n\r\nText.\r\n"


async def connect():
    client = aioimaplib.IMAP4("127.0.0.1", int(sys.argv[1]), timeout=20)
    await client.wait_hello_from_server()
    assert (await client.login("admin", "admin")).result == "OK"
    return client


async def whole(client, name):
    assert (await client.select(name)).result == "OK"
    count = 0
    while True:
        reply = await client.fetch(str(count + 1), "(UID RFC822.SIZE BODY.PEEK[])")
        if reply.result != "OK" or len(reply.lines) < 3:
            return count
        assert b"RFC822.SIZE %d " % len(reply.lines[1]) in reply.lines[0], reply.lines[0]
        count += 1


async def main():
    clients = await asyncio.gather(*(connect() for _ in range(3)))
    counts = [
        await asyncio.gather(*map(whole, clients, names)) for names in [["INBOX", "Sent", "Archive"], ["Drafts", "Archive.2023"]]
    ]
    assert sum(map(sum, counts)) > 12, counts
    one, two, _ = clients
    for client in [one, two]:
        assert (await client.select("INBOX")).result == "OK"
    idle = await one.idle_start(timeout=20)
    assert (await two.append(MAIL, mailbox="INBOX", flags="\\Flagged")).result == "OK"
    heard = await one.wait_server_push()
    assert any(line.endswith(b"13 EXISTS") for line in heard), heard
    one.idle_done()
    await asyncio.wait_for(idle, 20)
    assert (await two.uid("store", "1:*", "+FLAGS", "(\\Seen)")).result == "OK"
    found = await two.uid_search("SUBJECT aioimaplib")
    assert found.result == "OK" and len(found.lines[0].split()) == 1, found
    assert (await two.uid("move", found.lines[0].decode(), "Sent")).result == "OK"
    assert (await one.noop()).result == "OK"
    for client in clients:
        assert (await client.logout()).result == "OK"
    print(sum(map(sum, counts)), "messages")


asyncio.run(main())
