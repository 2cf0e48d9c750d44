//! What an IMAP server can mean. The words are each personality's.

use serde::Deserialize;

use crate::reply::phrases;

phrases! {
    "a status response's word", "imap.replies":
    /// A login failed, for any reason.
    AuthenticationFailed,
    /// The client cancelled AUTHENTICATE.
    AuthenticationCancelled,
    /// AUTHENTICATE with a mechanism that is not offered.
    UnsupportedMechanism,
    /// A SASL response that is not base64.
    InvalidBase64,
    /// A SASL initial response that is not base64.
    InvalidInitialResponse,
    /// STARTTLS where TLS is on.
    TlsActive,
    /// A login in the clear where none is taken.
    PlaintextRefused,
    /// What LOGIN in the clear is told besides. Untagged.
    PasswordExposed,
    /// No such command, or not in this state.
    UnknownCommand,
    /// A tag and nothing behind it.
    MissingCommand,
    /// No tag, or one with characters that none may have. Untagged.
    InvalidTag,
    /// A command that needs a selected mailbox.
    NoMailboxSelected,
    /// Too few, too many, or of the wrong kind.
    InvalidArguments,
    /// A quoted string without its end.
    MissingQuote,
    /// A list without its end.
    MissingParenthesis,
    /// A `)` that closes nothing.
    UnexpectedParenthesis,
    /// Lists nested too deep.
    TooManyParentheses,
    /// A character that an atom may not have.
    InvalidCharacter,
    /// A malformed announcement of a literal.
    InvalidLiteral,
    /// A line over the limit, after login.
    ArgumentTooLong,
    /// A malformed sequence set.
    InvalidSequenceSet,
    /// A malformed set of UIDs.
    InvalidUidSet,
    /// An item that FETCH does not know.
    UnknownFetchItem,
    /// `FETCH 1 ()`
    EmptyFetchList,
    /// `BODY[` without `]`
    SectionUnclosed,
    /// `BODY[]x`
    SectionTrailing,
    /// `BODY[BOGUS]`
    InvalidSection,
    /// `SEARCH` without keys.
    MissingSearchKey,
    /// A key that SEARCH does not know.
    UnknownSearchKey,
    /// A search key without its argument.
    MissingSearchArgument,
    /// A malformed date.
    InvalidSearchDate,
    /// A malformed size.
    InvalidSearchSize,
    /// A charset that SEARCH does not know.
    BadCharset,
    /// `STATUS INBOX ()`
    EmptyStatusList,
    /// An item that STATUS does not know.
    InvalidStatusItem,
    /// Malformed parameters of ID.
    InvalidId,
    /// The mailbox does not exist.
    NoSuchMailbox,
    /// The mailbox's name is not modified UTF-7.
    InvalidMailboxName,
    /// Something else than DONE while idling.
    ExpectedDone,
    /// Farewell at LOGOUT. Untagged.
    ByeLogout,
    /// Farewell after too long a silence. Untagged.
    ByeInactive,
    /// The same in the middle of AUTHENTICATE. Untagged.
    ByeInactiveAuthenticating,
    /// Farewell after too many bad commands. Untagged.
    ByeTooManyBad,
    /// Farewell after a line over the limit, before login. Untagged.
    ByeLineTooLong,
    /// Farewell after a literal over the limit. Untagged.
    ByeLiteralTooBig,
    /// Now and then while idling. Untagged.
    StillHere,
    /// Who we say we are (RFC 2971). Untagged.
    Id,
    /// What ENABLE enabled (RFC 5161). Untagged.
    Enabled,
    /// Go ahead with the literal. As it stands.
    Continue,
    /// Go ahead with IDLE. As it stands.
    Idling,
    /// Fewer arguments than the command has.
    MissingArguments,
    /// More arguments than LIST has.
    ExtraArguments,
    /// An item that FETCH knows only in part: `RFC822.PEEK`.
    UnknownFetchParameter,
    /// A modifier that FETCH or SELECT does not know.
    UnknownFetchModifier,
    /// A mod-sequence that is no number.
    InvalidModseq,
    /// A modifier that STORE does not know.
    UnknownStoreModifier,
    /// `BODY[]<99999999999999999999.1>`
    PartialTooBig,
    /// `BODY[]<0.x>`
    PartialEndTooBig,
    /// `BODY[]<0.1`
    PartialUnclosed,
    /// LIST without a reference.
    InvalidReference,
    /// LIST without a pattern.
    InvalidPattern,
    /// LIST with a list of other things than patterns.
    InvalidPatternList,
    /// LIST with a selection option that does not exist.
    UnknownSelectOption,
    /// LIST with a return option that does not exist.
    UnknownReturnOption,
    /// LIST with options that are no atoms.
    ListOptionsNoAtoms,
    /// LIST (RECURSIVEMATCH).
    RecursiveMatchAlone,
    /// A system flag that does not exist, or that nobody may set.
    InvalidSystemFlag,
    /// Flags that are no atoms.
    FlagsNoAtoms,
    /// SEARCH RETURN with an option that does not exist.
    UnknownSearchReturn,
    /// SEARCH RETURN with PARTIAL in a form that it has not.
    PartialOnce,
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
    /// STATUS with items that are no atoms.
    StatusNoAtoms,
    /// FETCH with items that are no atoms.
    FetchNoAtoms,
    /// `BODY.PEEK` without `[`
    SectionUnopened,
    /// `BINARY[` without `]`
    BinaryUnclosed,
    /// `BINARY[x]`
    InvalidBinary,
    /// CATENATE with a URL of what is not there.
    BadUrl,
    /// CANCELUPDATE of a search that is not updated.
    UnknownTag,
    /// SORT without a list of keys.
    InvalidSort,
    /// SORT ().
    EmptySort,
    /// A key that SORT does not know.
    UnknownSortKey,
    /// SORT (REVERSE).
    SortEndsWithReverse,
    /// A charset that is no string.
    InvalidCharset,
    /// THREAD with an algorithm that does not exist.
    UnknownThreadAlgorithm,
    /// APPEND without a literal.
    MissingMessageSize,
    /// APPEND with a date that is none.
    InvalidInternalDate,
    /// APPEND CATENATE ().
    EmptyCatenate,
    /// CANCELUPDATE, NOTIFY and others with malformed parameters.
    InvalidParameters,
    /// GENURLAUTH, RESETKEY, URLFETCH.
    UrlauthDisabled,
    /// GETMETADATA, SETMETADATA.
    MetadataDisabled,
    /// APPEND of nothing.
    ZeroByteMessage,
    /// There is no room for what is to be added.
    OverQuota,
    /// The mailbox to add to does not exist.
    TryCreate,
    /// The mailbox to delete or rename does not exist.
    Nonexistent,
    /// The mailbox to create exists.
    MailboxExists,
    /// The new name is taken.
    TargetExists,
    /// RENAME of INBOX.
    RenameInbox,
    /// RENAME a a.b.
    RenameUnderChild,
    /// DELETE of INBOX.
    DeleteInbox,
    /// The mailbox name is empty.
    NameEmpty,
    /// The mailbox name begins with the separator.
    NameBegins,
    /// The mailbox name ends with the separator.
    NameEnds,
    /// Two separators, one behind the other.
    NameAdjacent,
    /// The mailbox name has a slash.
    NameSlash,
    /// The mailbox name is too long to be created.
    NameTooLong,
    /// STORE in a mailbox opened with EXAMINE.
    StoreReadOnly,
    /// STORE UNCHANGEDSINCE of messages that have changed.
    StoreConflict,
    /// COPY or MOVE of nothing.
    NoMessagesFound,
    /// STATUS of the open mailbox.
    StatusOnSelected,
    /// COPY went well.
    Copied,
    /// APPEND went well.
    Appended,
    /// Where the moved messages are. Untagged.
    MovedUids,
    /// SELECT while a mailbox is open. Untagged.
    ClosedPrevious,
    /// The flags that the open mailbox has. Untagged.
    FlagsNow,
    /// The same, as they may be set. Untagged.
    PermanentFlagsNow,
    /// The same, opened with EXAMINE. Untagged.
    PermanentFlagsReadOnly,
    /// After the first CONDSTORE command in an open mailbox. Untagged.
    HighestModseq,
    /// The answer to NAMESPACE. Untagged.
    Namespace,
    /// A login of a user whose mail is open too often to this address; the connection ends.
    TooManyConnections,
    /// Farewell after DELETE of the open mailbox. Untagged.
    ByeMailboxDeleted,
}

impl Phrase {
    /// Whether it tells that a command's arguments could not even be told apart.
    pub(crate) const fn is_of_grammar(self) -> bool {
        matches!(
            self,
            Self::MissingQuote
                | Self::MissingParenthesis
                | Self::UnexpectedParenthesis
                | Self::TooManyParentheses
                | Self::InvalidCharacter
                | Self::InvalidLiteral
        )
    }
}
