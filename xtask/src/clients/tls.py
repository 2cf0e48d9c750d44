"""The three protocols over TLS with Python's own clients, both ways. Arguments: the ports of IMAP, POP3, SMTP, IMAPS, POP3S, submissions."""

import imaplib
import poplib
import smtplib
import ssl
import sys

imap, pop3, smtp, imaps, pop3s, submissions = map(int, sys.argv[1:])
anybody = ssl._create_unverified_context()
HOST = "127.0.0.1"


def read_imap(client):
    client.login("admin", "admin")
    client.select()
    assert b"r00tM3T00!" in client.fetch("5", "(BODY[])")[1][0][1]
    client.logout()


def read_pop3(client):
    client.user("admin"), client.pass_("admin")
    assert b"r00tM3T00!" in b"".join(client.retr(5)[1])
    client.quit()


def send(client):
    client.ehlo()
    assert not client.has_extn("starttls") and client.has_extn("auth")
    client.sendmail("a@client.test", ["admin@company.internal"], "Subject: over TLS\r\n\r\nsecret\r\n")
    client.quit()


read_imap(imaplib.IMAP4_SSL(HOST, imaps, ssl_context=anybody, timeout=20))
client = imaplib.IMAP4(HOST, imap, timeout=20)
client.starttls(anybody)
read_imap(client)

read_pop3(poplib.POP3_SSL(HOST, pop3s, context=anybody, timeout=20))
client = poplib.POP3(HOST, pop3, timeout=20)
client.stls(anybody)
read_pop3(client)

client = smtplib.SMTP_SSL(HOST, submissions, context=anybody, timeout=20)
client.ehlo()
assert not client.has_extn("starttls") and client.has_extn("auth")
client.quit()
client = smtplib.SMTP(HOST, smtp, timeout=20)
client.starttls(context=anybody)
send(client)
print("imaplib, poplib, smtplib, each twice")
