//! The persona that is built in, held to what was promised of it: numbers, sizes, flags, and every payload verbatim.

mod support;

use bait::persona::{Severity, check};
use bait::{Corpus, Flags, Persona};
use support::{installation, text};

fn corpus() -> Corpus {
    let persona = Persona::builtin().unwrap_or_else(|error| panic!("{error}"));
    persona.render(&installation("2026-11-23T18:00:00Z")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn it_has_no_problem() {
    let report = check(&Persona::builtin().unwrap_or_else(|error| panic!("{error}")));
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(report.problems.iter().all(|problem| problem.severity == Severity::Warning));
}

#[test]
fn mailboxes_and_sizes() {
    let corpus = corpus();
    let counts: Vec<(&str, usize)> =
        corpus.mailboxes.iter().map(|mailbox| (mailbox.name.as_str(), mailbox.messages.len())).collect();
    assert_eq!(counts, [("INBOX", 12), ("Sent", 8), ("Drafts", 1), ("Archive", 3)]);
    let size = |number| corpus.message("INBOX", number).unwrap().size();
    assert_eq!((size(1), size(2)), (3912, 2048));
    let total: usize = (1..=12).map(size).sum();
    assert!((47_500..=48_500).contains(&total), "INBOX has {total} octets");
}

#[test]
fn flags() {
    let corpus = corpus();
    for number in 1..=6 {
        assert!(
            corpus.message("INBOX", number).unwrap().flags.contains(Flags::SEEN),
            "message {number} is unseen"
        );
    }
    assert!(!corpus.message("INBOX", 7).unwrap().flags.contains(Flags::SEEN), "7 is the first unseen");
    assert!(corpus.message("Drafts", 1).unwrap().flags.contains(Flags::DRAFT));
}

#[test]
fn payloads_stand_where_they_were_promised() {
    let corpus = corpus();
    for (mailbox, number, party, subject, payloads) in [
        (
            "INBOX",
            1,
            "devops@company.internal",
            "AWS credentials rotation",
            &["AKIAIOSFODNN7EXAMPLE / wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"][..],
        ),
        (
            "INBOX",
            2,
            "monitoring@company.internal",
            "DB password changed",
            &["mysql://admin:Sup3rS3cr3t!@10.0.1.5:3306/production"],
        ),
        (
            "INBOX",
            3,
            "noreply@github.com",
            "Your personal access token",
            &["ghp_16C7e42F292c6912E7710c838347Ae178B4a"],
        ),
        (
            "INBOX",
            4,
            "admin@company.internal",
            "VPN config attached",
            &["vpn.company.internal:1194 user=vpnadmin pass=VpnP@ss2024"],
        ),
        (
            "INBOX",
            5,
            "sysadmin@company.internal",
            "Root password",
            &["New root pw: r00tM3T00! — change after first login"],
        ),
        (
            "INBOX",
            6,
            "backup@company.internal",
            "Backup job failed",
            &["Backup to 192.168.1.50:/mnt/nas — credentials in /etc/backup.conf"],
        ),
        (
            "INBOX",
            7,
            "alerts@company.internal",
            "SSH brute-force alert",
            &["47 attempts from 185.220.101.x against root — all blocked"],
        ),
        ("Sent", 1, "vendor@external.com", "API credentials", &["API key: sk_live_xK3mF2...9aP"]),
        (
            "Sent",
            2,
            "helpdesk@company.internal",
            "Need access reset",
            &["My password is Winter2024! — please reset MFA"],
        ),
        (
            "Drafts",
            1,
            "admin@company.internal",
            "DO NOT SEND - k8s secrets",
            &["kubectl get secret admin-token -n kube-system -o yaml", "\r\nkind: Secret\r\n"],
        ),
    ] {
        let text = text(&corpus, mailbox, number);
        let field = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(&format!("{name}: ")));
            line.unwrap_or_else(|| panic!("{mailbox} {number} has no {name}"))
        };
        let who = if mailbox == "Sent" { field("To") } else { field("From") };
        assert!(who.contains(party), "{mailbox} {number}: {who}");
        assert_eq!(field("Subject"), format!("Subject: {subject}"), "{mailbox} {number}");
        for payload in payloads {
            assert!(text.contains(payload), "{mailbox} {number} lacks {payload:?}");
        }
        let message = corpus.message(mailbox, number).unwrap();
        assert!(!message.slots.is_empty(), "{mailbox} {number} has no bait");
    }
}

#[test]
fn the_newest_is_of_this_morning_and_the_oldest_weeks_old() {
    let corpus = corpus();
    let inbox = &corpus.mailbox("INBOX").unwrap().messages;
    let date = |message: &bait::Message| message.internal_date.date().to_string();
    assert_eq!(inbox.last().map(|message| date(message)).as_deref(), Some("2026-11-23"));
    let oldest = inbox.first().map(|message| message.internal_date.date()).unwrap();
    assert!(oldest < jiff::civil::date(2026, 11, 2), "{oldest}");
}
