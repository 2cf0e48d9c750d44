//! JA3, as its authors define it (<https://github.com/salesforce/ja3>): version, ciphers, extensions, groups and point
//! formats as decimal numbers in the client's order, GREASE left out; its hash is MD5.

use md5::{Digest, Md5};

use crate::hello::ClientHello;
use crate::{hexadecimal, is_grease};

impl ClientHello {
    /// The JA3 string, such as `769,4-5-10,0-10-11,23-24-25,0`.
    pub fn ja3(&self) -> String {
        let extensions = self.extensions.iter().map(|extension| extension.kind);
        format!(
            "{},{},{},{},{}",
            self.legacy_version,
            dashed(self.ciphers.iter().copied()),
            dashed(extensions),
            dashed(self.groups.iter().copied()),
            dashed(self.point_formats.iter().map(|format| u16::from(*format))),
        )
    }

    /// The JA3 itself: the MD5 of the string, 32 hexadecimal digits.
    pub fn ja3_hash(&self) -> String {
        hexadecimal(&Md5::digest(self.ja3()))
    }
}

fn dashed(values: impl Iterator<Item = u16>) -> String {
    let words: Vec<String> =
        values.filter(|value| !is_grease(*value)).map(|value| value.to_string()).collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Extension;

    fn extensions(kinds: &[u16]) -> Vec<Extension> {
        kinds.iter().map(|kind| Extension { kind: *kind, data: Vec::new() }).collect()
    }

    /// The two examples of the definition.
    #[test]
    fn the_published_examples() {
        let hello = ClientHello {
            legacy_version: 769,
            ciphers: vec![47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4],
            extensions: extensions(&[0, 10, 11]),
            groups: vec![23, 24, 25],
            point_formats: vec![0],
            ..ClientHello::default()
        };
        assert_eq!(hello.ja3(), "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
        assert_eq!(hello.ja3_hash(), "ada70206e40642a3e4461f35503241d5");

        let old = ClientHello {
            legacy_version: 769,
            ciphers: vec![4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99],
            ..ClientHello::default()
        };
        assert_eq!(old.ja3(), "769,4-5-10-9-100-98-3-6-19-18-99,,,");
        assert_eq!(old.ja3_hash(), "de350869b8c85de67a350c8d186f11e6");
    }

    #[test]
    fn grease_is_left_out_everywhere() {
        let hello = ClientHello {
            legacy_version: 771,
            ciphers: vec![0x0a0a, 0x1301, 0xfafa, 0x0a1a],
            extensions: extensions(&[0x3a3a, 0, 0xdada]),
            groups: vec![0x1a1a, 29],
            point_formats: vec![0],
            ..ClientHello::default()
        };
        assert_eq!(hello.ja3(), format!("771,4865-{},0,29,0", 0x0a1a), "0x0a1a looks like GREASE and is not");
    }
}
