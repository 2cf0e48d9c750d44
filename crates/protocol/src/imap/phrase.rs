//! What an IMAP server can mean. The words are each personality's.

mod reading;

use reading::with_reading;
use serde::Deserialize;

with_reading! {
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
    /// A SASL response of the letters of base64 that is none all the same.
    BrokenBase64,
    /// More arguments than LIST has.
    ExtraArguments,
    /// An item that FETCH knows only in part: `RFC822.PEEK`.
    UnknownFetchParameter,
    /// A modifier that FETCH or SELECT does not know.
    UnknownFetchModifier,
    /// A mod-sequence that is no number.
    InvalidModseq,
    /// The same, to CHANGEDSINCE.
    InvalidChangedSince,
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
    /// STATUS with items that are no atoms.
    StatusNoAtoms,
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
    /// THREAD or INTHREAD with an algorithm that does not exist.
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
    /// A command went well, and the client has to know the highest mod-sequence.
    CompletedAtModseq,
    /// The answer to NAMESPACE. Untagged.
    Namespace,
    /// A login of a user whose mail is open too often to this address; the connection ends.
    TooManyConnections,
    /// Farewell after DELETE of the open mailbox. Untagged.
    ByeMailboxDeleted,
    /// A command whose arguments go beyond the limit on its octets.
    LineTooLarge,
    /// A CR within a line.
    LoneCarriageReturn,
    /// `~{5}` where only APPEND may have it.
    BinaryLiteral,
    /// An octet above 127 in an atom.
    EightBitAtom,
    /// A NUL in a quoted string.
    NulInString,
    /// `{5+`
    LiteralUnclosed,
    /// `{5}x`
    MissingLineFeed,
    /// A tag that is no tag but a command: `LOGIN user password`.
    TagIsCommand,
    /// CATENATE with `~{5}` behind a part that was none.
    BinaryNotFirst,
    /// A URL of a message in the open mailbox, and there is none.
    UrlWithoutMailbox,
    /// A URL of a mailbox that is not there.
    BadUrlOfMailbox,
    /// A URL with another UIDVALIDITY.
    UrlOfOtherValidity,
    /// `imap://host/`
    UrlNotRelative,
    /// `http://host/`
    UrlOfOtherScheme,
    /// `;UID=0`
    UrlUidZero,
    /// `;UIDVALIDITY=0`
    UrlValidityZero,
    /// `;UID=x`
    UrlOfNoNumber,
    /// `;BOGUS=1`
    UrlOfOddPath,
    /// A URL without a message, or with a section that there is none.
    MessageExpunged,
    /// The same, after something was asked for only where it is at hand, and was not.
    NotCached,
    /// The same, after a URL of a message that is not there.
    UrlExpunged,
    /// A keyword with characters that none may have.
    KeywordCharacters,
    /// A keyword that is too long.
    KeywordTooLong,
    /// STORE with modifiers that are no pairs of atoms.
    InvalidStoreModifiers,
    /// STORE UNCHANGEDSINCE in a mailbox opened with EXAMINE.
    ConditionalReadOnly,
    /// SELECT with options that are no atoms.
    SelectNoAtoms,
    /// QRESYNC that was not enabled.
    QresyncDisabled,
    /// `(QRESYNC)`
    QresyncMissing,
    /// QRESYNC with the wrong number of parameters, or what is no number.
    QresyncInvalid,
    /// QRESYNC with known UIDs that are no set of UIDs.
    QresyncUids,
    /// QRESYNC with sequence numbers to match that are no set.
    QresyncMatchNumbers,
    /// QRESYNC with UIDs to match that are no set.
    QresyncMatchUids,
    /// QRESYNC with sets to match that do not.
    QresyncMatch,
    /// QRESYNC with more than two sets to match.
    QresyncMatchMore,
    /// Messages that were expunged before; names their UIDs. Untagged.
    VanishedEarlier,
    /// RENAME a a.
    RenameItself,
    /// DELETE "".
    DeleteRoot,
    /// CREATE of a name that the disk cannot hold.
    NotFound,
    /// DELETE or RENAME of such a name; names the time.
    InternalError,
    /// Farewell to who has open what another session has deleted or renamed. Untagged.
    ByeInconsistent,
    /// The same, to FETCH. Untagged.
    ByeDeletedUnderUs,
    /// To STORE, COPY, EXPUNGE and CLOSE there.
    DeletedUnderUs,
    /// FETCH of messages that another session has expunged.
    FetchedExpunged,
    /// SEARCH in such messages.
    SearchedExpunged,
    /// COPY and MOVE of such messages.
    CopyExpunged,
    /// GETMETADATA of what is no entry.
    EntryWithoutSlash,
    /// GETMETADATA (DEPTH x).
    InvalidDepth,
    /// GETMETADATA (MAXSIZE x).
    InvalidMaxSize,
    /// GETMETADATA with an option that does not exist.
    UnknownOption,
    /// NOTIFY with events that are not supported.
    UnsupportedEvents,
    /// NOTIFY of too many mailboxes.
    TooManyNames,
    /// NOTIFY with `selected` twice.
    DuplicateSelected,
    /// NOTIFY with something to fetch that does not exist.
    InvalidFetchList,
    /// NOTIFY of new messages and not of expunged ones, or the other way round.
    NewWithExpunge,
    /// NOTIFY of flags alone.
    FlagsWithExpunge,
    /// X-STATE.
    CommandDisabled,
    /// X-CANCEL of a command that is not running.
    CommandTagUnknown,
    /// The name begins with `~`.
    NameTilde,
    /// The new name has control characters.
    NameControl,
}

impl Phrase {
    /// Whether Dovecot's login process counts it among the bad commands.
    pub(crate) const fn is_counted_before_login(self) -> bool {
        matches!(
            self,
            Self::UnknownCommand | Self::MissingCommand | Self::InvalidTag | Self::InvalidArguments
        )
    }
}
