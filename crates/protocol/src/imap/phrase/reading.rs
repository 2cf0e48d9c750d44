//! The phrases of long words, METADATA, FETCH, SEARCH, SORT and THREAD that only Dovecot has words for.

/// The phrases given and these.
macro_rules! with_reading {
    ($($others:tt)*) => {
        $crate::reply::phrases! {
            $($others)*
            /// A tag that is too long. Untagged.
            TagTooLong,
            /// A command's name that is too long.
            VerbTooLong,
            /// GETMETADATA with an entry that is no string.
            EntryNoString,
            /// SETMETADATA with an entry that is no string.
            EntryNameNoString,
            /// SETMETADATA with an entry and nothing behind it.
            EntryWithoutValue,
            /// SETMETADATA with a list for a value.
            EntryValueList,
            /// An entry of METADATA with `//` in it.
            EntrySlashes,
            /// One that ends with `/`.
            EntryEndsWithSlash,
            /// One with `*` or `%`.
            EntryWildcard,
            /// One with control characters, or with 8-bit ones.
            EntryControl,
            /// One that is neither private nor shared.
            EntryOutside,
            /// GETMETADATA of an entry that there is none, before the last such one. Untagged.
            MetadataRefused,
            /// GETMETADATA found values longer than MAXSIZE.
            LongEntries,
            /// SETMETADATA of what a mailbox is for.
            SpecialUseFixed,
            /// SEARCH RETURN with an option that does not exist.
            UnknownSearchReturn,
            /// SEARCH RETURN with options that are no atoms.
            SearchReturnNoAtoms,
            /// SEARCH RETURN (UPDATE UPDATE).
            DuplicateUpdate,
            /// SEARCH RETURN (UPDATE (x)) with a malformed item.
            UpdateNoAtoms,
            /// SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4).
            PartialOnce,
            /// SEARCH RETURN (PARTIAL).
            PartialMissing,
            /// SEARCH RETURN with PARTIAL in a form that it has not.
            PartialBroken,
            /// SEARCH RETURN (PARTIAL 1:2 ALL).
            PartialAndAll,
            /// NOT or OR without a key behind it.
            MissingKey,
            /// `SEARCH ()`
            EmptySearchList,
            /// A search key that is a string.
            StringAsSearchKey,
            /// A malformed set of UIDs as a search key.
            InvalidSearchUids,
            /// YOUNGER or OLDER with what is no number.
            InvalidSearchInterval,
            /// A list where a search key's argument should stand.
            ListAsSearchArgument,
            /// A search text that its charset does not have.
            InvalidSearchText,
            /// MODSEQ with a kind that does not exist.
            InvalidModseqKind,
            /// MODSEQ of a system flag that does not exist.
            InvalidModseqFlag,
            /// MODSEQ with what is no number.
            InvalidSearchModseq,
            /// A malformed set of UIDs behind X-REAL-UID.
            InvalidRealUids,
            /// SORT with keys that are no strings.
            SortNoStrings,
            /// FETCH with items that are no atoms.
            FetchNoAtoms,
            /// `BODY.PEEK` without `[`
            SectionUnopened,
            /// `BODY[]<0.1>x`
            PartialTrailing,
            /// `BODY[HEADER.FIELDS (())]`
            HeadersNoStrings,
            /// PREVIEW with a modifier that is no atom.
            PreviewNoAtoms,
            /// PREVIEW with a modifier that does not exist.
            UnknownPreview,
            /// FETCH modifiers that are no atoms.
            FetchModifiersNoAtoms,
            /// FETCH VANISHED without CHANGEDSINCE.
            VanishedAlone,
            /// FETCH of a part in a transfer encoding that does not exist.
            UnknownCte,
            /// FETCH of a part whose transfer encoding is broken.
            BrokenPart,
            /// FETCH of a part whose transfer encoding ends too early. Untagged.
            ByeFetchFailed,
            /// X-MAILBOX with a name that is no modified UTF-7.
            InvalidSearchMailbox,
            /// SEARCH RETURN (UPDATE) with a tag that has one already.
            DuplicateUpdateTag,
            /// SEARCH RETURN (UPDATE) when there are as many as there can be. Untagged.
            NoUpdate,
            /// MIMEPART without a key behind it.
            MissingMimeKey,
            /// `MIMEPART ()`
            EmptyMimeList,
            /// A key that MIMEPART does not know.
            UnknownMimeKey,
            /// EXISTS elsewhere than behind PARENT or CHILD.
            MisplacedExists,
            /// SIZE of a part without a word behind it.
            InvalidMimeSizeKey,
            /// SIZE of a part with what is no number.
            InvalidMimeSize,
            /// DEPTH without a word behind it.
            InvalidMimeDepthKey,
            /// DEPTH MIN or MAX without a number.
            InvalidMimeDepth,
            /// DEPTH with what is no number.
            InvalidMimeDepthLevel,
            /// INDEX without a number.
            InvalidMimeIndex,
            /// INDEX with what is no number.
            InvalidMimeIndexNumber,
            /// DISPOSITION with neither TYPE nor PARAM.
            InvalidMimeDisposition,
            /// DISPOSITION TYPE without a type.
            InvalidMimeDispositionType,
            /// FILENAME with no word for how it matches.
            InvalidMimeFileName,
            /// FILENAME without a name.
            InvalidMimeFileNameText,
            /// FILENAME with a name that its charset does not have.
            UndecodableMimeFileName,
            /// The same in a charset that does not exist.
            BadCharsetOfFileName,
        }
    };
}
pub(super) use with_reading;
