//! Every rule with what its honeypot says, and with what real servers say to the same.

use super::*;

fn answers(texts: &[&str]) -> Vec<Answer> {
    texts.iter().map(|text| Answer { bytes: text.as_bytes().to_vec(), ..Answer::default() }).collect()
}

/// What the honeypots say, and what the real servers say to the same.
const CASES: &[(Service, &str, &[&str], &[&str])] = &[
    (
        Service::Imap,
        "heralding-imap-greeting",
        &["* OK IMAP4rev1 Server Ready\r\n"],
        &["* OK Dovecot ready.\r\n"],
    ),
    (
        Service::Imap,
        "heralding-imap-error",
        &["", "a1 BAD invalid command\r\n"],
        &["", "a1 BAD Error in IMAP command received by server.\r\n"],
    ),
    (
        Service::Imap,
        "qeeqbox-imap-greeting",
        &["* OK OK Microsoft Exchange Server 2003 IMAP4rev1 server version 6.5.6944.0 DC9 ready\r\n"],
        &["* OK The Microsoft Exchange IMAP4 service is ready.\r\n"],
    ),
    (Service::Imap, "imap-status-twice", &["* OK OK x\r\n"], &["* OK x\r\n"]),
    (
        Service::Imap,
        "honeygrove-imap-capabilities",
        &["", "* CAPABILITY IMAP4rev1 LOGIN LOGOUT NOOP LIST\r\n"],
        &["", "* CAPABILITY IMAP4rev1 LOGIN-REFERRALS ID\r\n"],
    ),
    (Service::Imap, "imap-honey-greeting", &["OK ready\r\n"], &["* OK ready\r\n"]),
    (Service::Imap, "imap-help-is-a-password", &["", "334 UGFzc3dvcmQ6\r\n"], &["", "HELP BAD x\r\n"]),
    (
        Service::Imap,
        "decnet-imap-greeting",
        &["* OK Dovecot ready.\r\n"],
        &["* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n"],
    ),
    (
        Service::Imap,
        "decnet-imap-error",
        &["", "a1 BAD Command not recognized or not supported\r\n"],
        &["", "a1 BAD x\r\n"],
    ),
    (Service::Pop3, "heralding-pop3-greeting", &["+OK POP3 server ready\n"], &["+OK Dovecot ready.\r\n"]),
    (Service::Pop3, "heralding-pop3-user", &["", "+OK User accepted\n"], &["", "+OK\r\n"]),
    (
        Service::Pop3,
        "honeygrove-pop3",
        &["", "-ERR POP3 Authentication unsuccessful/Bad username or password"],
        &["", "-ERR Unknown command.\r\n"],
    ),
    (
        Service::Pop3,
        "honeygrove-pop3-greeting",
        &["+OK example.com POP3 server"],
        &["+OK Dovecot ready.\r\n"],
    ),
    (Service::Pop3, "pop3-no-capa", &["", "-ERR Unknown command\n"], &["", "+OK\r\n.\r\n"]),
    (
        Service::Pop3,
        "decnet-pop3-greeting",
        &["+OK omega Dovecot POP3 ready.\r\n"],
        &["+OK Dovecot (Debian) ready.\r\n"],
    ),
    (
        Service::Pop3,
        "decnet-pop3-user",
        &["", "+OK User name accepted, password please\r\n"],
        &["", "+OK\r\n"],
    ),
    (
        Service::Pop3,
        "pop3-empty-sasl",
        &["", "+OK\r\nUSER\r\nSASL\r\n.\r\n"],
        &["", "+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n"],
    ),
    (
        Service::Smtp,
        "mailoney-help",
        &["", "502 Error: command \"HELP\" not implemented\r\n"],
        &["", "500 5.5.2 Error: command not recognized\r\n"],
    ),
    (
        Service::Smtp,
        "mailoney-misspelt",
        &["", "502 Error: command \"\\\"\" not implementedd\r\n"],
        &["", "500 5.5.2 Error: command not recognized\r\n"],
    ),
    (
        Service::Smtp,
        "mailoney-greeting",
        &["220 mail.example.com ESMTP Service Ready\n"],
        &["220 mail.example.com ESMTP Postfix (Debian/GNU)\r\n"],
    ),
    (
        Service::Smtp,
        "ehlo-final-line-first",
        &["", "250 a\n250-b\n250 c\n"],
        &["", "250-a\r\n250-b\r\n250 c\r\n"],
    ),
    (
        Service::Smtp,
        "mail-smtp-honeypot-data",
        &["", "421 Service not available, closing transmission channel\r\n"],
        &["", "503 5.5.1 Error: need RCPT command\r\n"],
    ),
    (
        Service::Smtp,
        "spamhole-starttls",
        &["", "502 Nope we use cleartext\r\n"],
        &["", "220 2.0.0 Ready to start TLS\r\n"],
    ),
    (
        Service::Smtp,
        "spamhole-c",
        &["", "250 hi\r\n", "502 unimplemented (#5.5.1)\r\n"],
        &["", "250 x\r\n", "250 2.0.0 Ok\r\n"],
    ),
    (
        Service::Smtp,
        "imap-honey-password",
        &["", "334 UGFzc3dvcmQ6\r\n"],
        &["", "500 5.5.2 Error: command not recognized\r\n"],
    ),
    (
        Service::Smtp,
        "heralding-smtp-greeting",
        &["220 Microsoft ESMTP MAIL service ready \r\n"],
        &["220 a.example Microsoft ESMTP MAIL Service ready at Mon, 1 Jan 2026 00:00:00 +0000\r\n"],
    ),
    (
        Service::Smtp,
        "heralding-smtp-ehlo",
        &["", "250-x Hello y\r\n250-AUTH PLAIN\r\n250 EHLO\r\n"],
        &["", "250-x\r\n250 DSN\r\n"],
    ),
    (
        Service::Smtp,
        "qeeqbox-smtp-greeting",
        &["220 x NO UCE NO UBE NO RELAY PROBES ESMTP\r\n"],
        &["220 x ESMTP Postfix\r\n"],
    ),
    (
        Service::Smtp,
        "qeeqbox-smtp-repr",
        &["", "250-x Hello b'y', nice to meet you\r\n"],
        &["", "250-x Hello y\r\n"],
    ),
    (
        Service::Smtp,
        "qeeqbox-host",
        &["220 ip-127-0-0-1.ec2.internal ESMTP\r\n"],
        &["220 ip-10-0-0-1.ec2.internal ESMTP\r\n"],
    ),
    (
        Service::Smtp,
        "qeeqbox-banner",
        &["220 mail.honeypot.local ESMTP\r\n"],
        &["220 mail.example.com ESMTP Postfix\r\n"],
    ),
    (
        Service::Smtp,
        "honeytrap-smtp-greeting",
        &["220 remailer.ru SMTP Ready\r\n"],
        &["220 mail.example.com ESMTP\r\n"],
    ),
    (
        Service::Smtp,
        "honeytrap-smtp-ehlo",
        &["", "250 I am glad to meet you\r\n"],
        &["", "250-mail.example.com\r\n"],
    ),
    (
        Service::Smtp,
        "decnet-smtp-starttls",
        &["", "250-x\r\n250 DSN\r\n", "454 4.7.0 TLS not available due to local problem\r\n"],
        &["", "250-x\r\n", "220 2.0.0 Ready to start TLS\r\n"],
    ),
    (Service::Smtp, "smtp-helo-like-ehlo", &["", "250-x\r\n250 DSN\r\n"], &["", "250 x\r\n"]),
    (
        Service::Smtp,
        "postfix-vrfy-words",
        &["220 x ESMTP Postfix\r\n", "", "252 2.0.0 Cannot VRFY user\r\n"],
        &["220 x ESMTP Postfix\r\n", "", "252 2.0.0 probe\r\n"],
    ),
    (
        Service::Smtp,
        "postfix-expn",
        &["220 x ESMTP Postfix\r\n", "250-x\r\n250-EXPN\r\n250 DSN\r\n"],
        &["220 x ESMTP Sendmail 8.17\r\n", "250-x\r\n250-EXPN\r\n250 DSN\r\n"],
    ),
    (
        Service::Smtp,
        "postfix-unknown-words",
        &["220 x ESMTP Postfix\r\n", "502 Error: command \"XPROBE\" not implemented\r\n"],
        &["220 x ESMTP Postfix\r\n", "500 5.5.2 Error: command not recognized\r\n"],
    ),
];

#[test]
fn every_rule_knows_its_honeypot_and_no_real_server() {
    let mut seen = 0;
    for service in [Service::Imap, Service::Pop3, Service::Smtp] {
        for rule in rules(service).unwrap() {
            let case = CASES.iter().find(|case| case.0 == service && case.1 == rule.name);
            let (_, name, honeypot, real) = case.unwrap_or_else(|| panic!("{} has no case", rule.name));
            assert!(rule.hits(&answers(honeypot)).unwrap(), "{name} lets its honeypot pass");
            assert!(!rule.hits(&answers(real)).unwrap(), "{name} blames a real server");
            assert!(rule.answers.len() <= rule.say.len() + 1, "{name} waits for more than it asks for");
            seen += 1;
        }
    }
    assert_eq!(seen, CASES.len(), "a case without a rule");
}
