//! NOTIFY and IDLE beside another session of the same visitor. What is heard when is what Dovecot 2.3.19 told a client while
//! another did the same.

use super::*;

/// Two sessions of a visitor: who listens, and who changes things.
struct Two {
    listener: Client,
    other: Client,
}

impl Two {
    fn new() -> Self {
        let visitors = visitors();
        let (mut listener, other) =
            (Client::imap(&visitors, 1, "admin"), Client::imap(&visitors, 1, "admin"));
        listener.say("s LIST \"\" * RETURN (STATUS (MESSAGES))");
        Self { listener, other }
    }

    /// The listener says something.
    fn says(&mut self, line: &str) -> String {
        let heard = self.listener.say(&format!("a {line}"));
        self.other.wake();
        heard
    }

    /// The other does something.
    fn does(&mut self, line: &str) {
        let heard = self.other.say(&format!("b {line}"));
        assert!(heard.contains("b OK"), "{line}: {heard}");
        self.listener.wake();
    }

    /// What the listener hears in that time.
    fn hears(&mut self, milliseconds: u64, expected: &[(u64, &str)]) {
        let heard = self.listener.wait(milliseconds);
        let heard: Vec<(u64, &str)> = heard.iter().map(|(after, text)| (*after, &**text)).collect();
        assert_eq!(heard, expected);
        self.other.wait(milliseconds);
    }
}

#[test]
fn other_mailboxes_are_told_of_half_a_second_later() {
    let mut two = Two::new();
    two.says("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))");
    two.hears(2000, &[]);
    two.does("APPEND Sent {5+}\r\nhello");
    two.hears(1000, &[(500, "* STATUS Sent (MESSAGES 1 UIDNEXT 2 UNSEEN 1)\r\n")]);
    two.does("APPEND INBOX {5+}\r\nhello");
    two.hears(300, &[]);
    two.does("CREATE n1");
    two.does("CREATE n0");
    two.does("SUBSCRIBE n1");
    let (created, subscribed) =
        ("* LIST () \".\" n1\r\n* LIST () \".\" n0\r\n", "* LIST (\\Subscribed) \".\" n1\r\n");
    let inbox = "* STATUS INBOX (MESSAGES 4 UIDNEXT 5 UNSEEN 3)\r\n";
    two.hears(1000, &[(200, &format!("{created}{subscribed}{inbox}"))]);
    two.does("SELECT Sent");
    two.does("STORE 1 +FLAGS (\\Seen)");
    two.hears(1500, &[(500, "* STATUS Sent (UNSEEN 0)\r\n")]);
    // Without CONDSTORE there is nothing to tell of other flags.
    two.does("STORE 1 +FLAGS (\\Flagged)");
    two.hears(1000, &[]);
    two.does("STORE 1 +FLAGS (\\Deleted)");
    two.does("EXPUNGE");
    two.hears(1000, &[(500, "* STATUS Sent (MESSAGES 0 UIDNEXT 2 UNSEEN 0)\r\n")]);
    two.does("CLOSE");
    two.does("DELETE n1");
    two.does("UNSUBSCRIBE n1");
    two.hears(1000, &[(500, "* LIST (\\NonExistent) \".\" n1\r\n* LIST () \".\" n1\r\n")]);
    // Of what was not there at first everything is told each time.
    for count in 1..3 {
        two.does("APPEND n0 {5+}\r\nhello");
        let line =
            format!("* STATUS n0 (MESSAGES {count} UIDNEXT {} UIDVALIDITY 9 UNSEEN {count})\r\n", count + 1);
        two.hears(2000, &[(500, &line)]);
    }
    let heard = two.says("NOTIFY NONE");
    assert!(heard.starts_with("a OK"), "{heard}");
    two.does("CREATE n2");
    two.hears(40_000, &[]);
}

#[test]
fn another_name_is_told_when_somebody_reads_the_names() {
    let mut two = Two::new();
    two.says("NOTIFY SET (personal (MailboxName))");
    two.does("RENAME Sent Gone");
    two.hears(2000, &[(1500, "* LIST () \".\" Gone (\"OLDNAME\" (Sent))\r\n")]);
    two.does("RENAME Gone Sent");
    two.hears(100, &[]);
    two.does("LIST \"\" *");
    two.hears(2000, &[(400, "* LIST () \".\" Sent (\"OLDNAME\" (Gone))\r\n")]);
    // Made again before that, it is the same name, and the other a new one.
    two.does("RENAME Sent Other");
    two.does("CREATE Sent");
    two.hears(2000, &[(500, "* LIST () \".\" Other\r\n")]);
    two.does("DELETE Other");
    two.does("CREATE Other");
    two.hears(2000, &[(500, "* LIST (\\NonExistent) \".\" Other\r\n* LIST () \".\" Other\r\n")]);
    // Behind a name that has come and gone nothing is told.
    two.does("CREATE a");
    two.does("DELETE a");
    two.does("CREATE b");
    two.hears(2000, &[]);
}

#[test]
fn only_what_is_asked_for_is_told() {
    let mut two = Two::new();
    two.says("NOTIFY SET (mailboxes Sent (MessageExpunge)) (subtree x (MailboxName))");
    two.does("APPEND Sent {5+}\r\nhello");
    two.does("APPEND INBOX {5+}\r\nhello");
    two.does("CREATE xy");
    two.hears(1500, &[]);
    two.does("CREATE x.y");
    two.does("SELECT Sent");
    two.does("STORE 1 +FLAGS (\\Deleted)");
    two.does("EXPUNGE");
    let names = "* LIST () \".\" x\r\n* LIST () \".\" x.y\r\n";
    two.hears(1500, &[(500, &format!("{names}* STATUS Sent (MESSAGES 0 UIDNEXT 2 UNSEEN 0)\r\n"))]);
    // The open mailbox is not among the others.
    two.says("SELECT Sent");
    two.does("APPEND Sent {5+}\r\nhello");
    two.hears(1500, &[]);
}

#[test]
fn of_two_notify_in_a_row_the_second_hears_of_nothing() {
    let mut two = Two::new();
    for _ in 0..2 {
        two.says("NOTIFY SET (personal (MessageNew MessageExpunge))");
    }
    two.does("APPEND Sent {5+}\r\nhello");
    two.hears(1000, &[]);
    let heard = two.says("NOOP");
    assert!(heard.starts_with("* STATUS Sent (MESSAGES 1 UIDNEXT 2 UNSEEN 1)\r\na OK"), "{heard}");
    two.does("APPEND INBOX {5+}\r\nhello");
    let inbox = |messages| {
        format!("* STATUS INBOX (MESSAGES {messages} UIDNEXT {} UNSEEN {})\r\n", messages + 1, messages - 1)
    };
    two.hears(60_000, &[(29_500, &inbox(4))]);
    two.says("NOTIFY SET (personal (MessageNew MessageExpunge))");
    two.does("APPEND INBOX {5+}\r\nhello");
    two.hears(1000, &[(500, &inbox(5))]);
}

#[test]
fn the_open_mailbox_is_looked_at_a_second_after_the_last_command() {
    let mut two = Two::new();
    two.does("SELECT INBOX");
    two.says("SELECT INBOX");
    two.says("NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))");
    two.hears(999, &[]);
    two.does("STORE 1 +FLAGS (\\Flagged)");
    two.hears(5000, &[]);
    two.does("STORE 2 +FLAGS (\\Flagged)");
    two.hears(600, &[(500, "* 1 FETCH (FLAGS (\\Flagged \\Seen))\r\n* 2 FETCH (FLAGS (\\Flagged))\r\n")]);
    // Again only a second later.
    two.does("APPEND INBOX {5+}\r\nhello");
    two.hears(1500, &[]);
    two.does("APPEND INBOX {5+}\r\nhello");
    let news = "* 4 FETCH (UID 4 FLAGS ())\r\n* 5 FETCH (UID 5 FLAGS ())\r\n";
    two.hears(1500, &[(500, &format!("* 5 EXISTS\r\n{news}"))]);
    two.does("STORE 1 +FLAGS (\\Deleted)");
    two.does("EXPUNGE");
    two.hears(1500, &[(500, "* 1 EXPUNGE\r\n")]);
    two.says("NOTIFY SET (selected-delayed (MessageNew (UID) MessageExpunge FlagChange))");
    two.hears(1500, &[]);
    two.does("STORE 1 +FLAGS (\\Deleted)");
    two.does("EXPUNGE");
    two.hears(1500, &[(500, "* 1 FETCH (FLAGS (\\Flagged \\Deleted))\r\n")]);
    let heard = two.says("NOOP");
    assert!(heard.starts_with("* 1 EXPUNGE\r\na OK"), "{heard}");
    two.says("NOTIFY SET (selected NONE)");
    two.does("STORE 1 +FLAGS (\\Flagged)");
    two.hears(5000, &[]);
}

#[test]
fn idle_and_notify_together() {
    let mut two = Two::new();
    two.says(
        "NOTIFY SET (selected (MessageNew (UID) MessageExpunge)) (personal (MessageNew MessageExpunge))",
    );
    two.says("SELECT INBOX");
    two.says("IDLE");
    two.does("APPEND INBOX {5+}\r\nhello");
    two.hears(200, &[]);
    two.does("APPEND Sent {5+}\r\nhello");
    // What has changed elsewhere comes right behind what is fetched.
    let (news, sent) = (
        "* 4 EXISTS\r\n* 2 RECENT\r\n* 4 FETCH (UID 4)\r\n",
        "* STATUS Sent (MESSAGES 1 UIDNEXT 2 UNSEEN 1)\r\n",
    );
    two.hears(1500, &[(300, &format!("{news}{sent}"))]);
    two.does("APPEND INBOX {5+}\r\nhello");
    two.hears(1500, &[(500, "* 5 EXISTS\r\n* 3 RECENT\r\n* 5 FETCH (UID 5)\r\n")]);
}

#[test]
fn who_looks_at_a_mailbox_that_is_deleted_is_sent_away() {
    let mut two = Two::new();
    two.does("CREATE box");
    two.says("SELECT box");
    two.says("NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MailboxName))");
    two.hears(1300, &[]);
    two.does("DELETE box");
    two.hears(600, &[(500, "* BYE IMAP session state is inconsistent, please relogin.\r\n(closed)")]);
}

#[test]
fn modseqs_are_told_to_all_once_one_wants_them() {
    let mut two = Two::new();
    assert!(!two.says("SELECT INBOX").contains("HIGHESTMODSEQ"));
    two.does("SELECT INBOX (CONDSTORE)");
    let heard = two.says("SELECT INBOX");
    says(&heard, &["* OK [HIGHESTMODSEQ 2] Highest"]);
    let heard = two.says("SELECT Sent");
    assert!(!heard.contains("HIGHESTMODSEQ"), "{heard}");
}
