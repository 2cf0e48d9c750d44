//! A small persona in a temporary folder, to be bent by each test.
#![allow(dead_code)] // every test binary uses a part
#![allow(unreachable_pub)] // a module of each test binary, not a crate

use std::fs;
use std::path::{Path, PathBuf};

use bait::persona::{PersonaError, Source};
use bait::{Corpus, Installation, Persona};
use tempfile::TempDir;

pub const MANIFEST: &str = r#"name = "acme"
domain = "acme.example"
summary = "Two mailboxes"
mailboxes = ["INBOX", "Entwürfe", "R&D"]

[[bait]]
id = "db-password"
kind = "password"
value = "hunter2"

[[bait]]
id = "deploy-key"
kind = "private-key"
value = """
-----BEGIN KEY-----
AAAA
-----END KEY-----"""
"#;

pub const FIRST: &str = r#"+++
flags = ["\\Seen", "\\Answered"]
sent = "-2 09:12:44 America/New_York"
arrived = "+3s"
+++
Received: from ws1 (ws1 [10.0.0.7])
	by mail.acme.example (Postfix) with ESMTP id {{HEX q-one 10}}
	for <admin@acme.example>; {{received +1s}}
Date: {{date}}
From: Anna <anna@acme.example>
To: admin@acme.example
Subject: =?UTF-8?Q?Schl=C3=BCssel?=
Message-ID: <{{hex m-one 12}}@acme.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b-{{hex b-one 8}}"

--b-{{hex b-one 8}}
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Größe: {{secret db-password}}, {{secret db-password}}; until {{time +0 16:40:00 UTC "%d %b %Y"}}.
{{"{{"}} vault }}

--b-{{hex b-one 8}}
Content-Type: application/octet-stream; name=key
Content-Transfer-Encoding: base64

AAECAwQ=

--b-{{hex b-one 8}}
Content-Type: text/plain; charset=us-ascii

{{secret deploy-key}}
--b-{{hex b-one 8}}--
"#;

pub const SECOND: &str = r#"+++
sent = "0 08:00:00 Europe/Berlin"
+++
Date: {{date}}
From: Ben <ben@acme.example>
To: admin@acme.example
Subject: Re: =?UTF-8?Q?Schl=C3=BCssel?=
Message-ID: <{{digits m-two 9}}@acme.example>
In-Reply-To: <{{hex m-one 12}}@acme.example>
References: <{{hex m-one 12}}@acme.example>
Content-Type: text/plain; charset=us-ascii

> until then
Fine.
"#;

pub const DRAFT: &str = r#"+++
flags = ["\\Draft", "\\Seen", "\\Flagged", "\\Deleted"]
sent = "-1 18:00:00 UTC"
+++
Date: {{date}}
From: admin@acme.example
Subject: Later
Message-ID: <{{hex m-draft 12}}@acme.example>

Not yet.
"#;

/// Files of a persona in a folder of their own.
pub struct Files {
    dir: TempDir,
}

impl Files {
    /// The small persona, which has no problem at all except that one mailbox is empty.
    pub fn small() -> Self {
        let files = Self { dir: tempfile::tempdir().unwrap() };
        files.write("persona.toml", MANIFEST);
        files.write("mailboxes/INBOX/01-key.eml", FIRST);
        files.write("mailboxes/INBOX/02-re-key.eml", SECOND);
        files.write("mailboxes/Entwürfe/01-later.eml", DRAFT);
        files.write("mailboxes/INBOX/.editor", "names with a dot do not count");
        files
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Replaces text in a file, which must have it.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, text.replace(from, to));
    }

    pub fn load(&self) -> Result<Persona, PersonaError> {
        Persona::load(&Source::Directory(self.root().to_owned()))
    }
}

/// An installation of that moment.
pub fn installation(moment: &str) -> Installation {
    Installation { moment: moment.parse().unwrap(), seed: [7; 32], uid_validity: 1_712_345_678 }
}

/// A message as text.
pub fn text(corpus: &Corpus, mailbox: &str, number: usize) -> String {
    let message = corpus.message(mailbox, number).unwrap_or_else(|| panic!("no {mailbox} {number}"));
    String::from_utf8(message.bytes.to_vec()).unwrap()
}
