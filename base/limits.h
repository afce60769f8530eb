#pragma once

/* Every limit on what a client, a message, a file or another process can make us do, with its reason. At a
 * limit we answer or cut, and go on; each use says what happens there. Sizes are in bytes unless the name
 * says otherwise. Those that an admin may change are settings (base/settings.h) whose defaults or bounds
 * are here. */

/* -- What an IMAP client sends
 * ------------------------------------------------------------------------------------ */

/* A line before the client is authenticated: room for a SASL response with a long token, not for an
 * attack. RFC 7628 (OAUTHBEARER) tokens are seen up to about 10 KiB. */
#define LIMIT_LINE_BEFORE_LOGIN (64 * 1024)

/* A whole command without the literals that are spooled (APPEND): the bounds of limits.command_limit. RFC
 * 7162 section 4 asks for lines of at least 8,192 octets; a UID set of 100,000 scattered UIDs, as
 * Thunderbird sends it, takes 700 KiB. */
#define LIMIT_COMMAND_MIN (8 * 1024)
#define LIMIT_COMMAND_MAX (64 * 1024 * 1024)

/* A literal that is held in memory (a mailbox name, a search string), whatever the command's limit is. A
 * search string of this size still folds and scans in a blink. */
#define LIMIT_LITERAL_IN_MEMORY (256 * 1024)

/* Literals in one command: one for each message of a MULTIAPPEND, one for each string of a long SEARCH. */
#define LIMIT_LITERALS 5000

/* An APPEND literal: the bounds of limits.append_limit. Announced as APPENDLIMIT
 * (RFC 7889), which is a 32-bit number. */
#define LIMIT_APPEND_MIN (G_GUINT64_CONSTANT(64) * 1024)
#define LIMIT_APPEND_MAX (G_GUINT64_CONSTANT(4) * 1024 * 1024 * 1024 - 1)

/* Files of an APPEND that are open at once, as they come in; and as many from memory. What comes after them is synced and
 * closed as soon as it is all there. */
#define LIMIT_SPOOLS_OPEN 64

/* Messages in one MULTIAPPEND (RFC 3502): all of them wait on disk until the last has come. */
#define LIMIT_APPEND_MESSAGES 1000

/* The tag of a command. RFC 9051 has no bound; clients use below 20. */
#define LIMIT_TAG 64

/* Parentheses inside of parentheses, NOT inside of NOT, OR inside of OR: the parser may recurse this deep.
 * The deepest that clients send is one OR for each word, 40 to 50 of them (Outlook, Roundcube). */
#define LIMIT_NESTING 100

/* Keys in one SEARCH. Scripts build `OR` chains of hundreds of Message-IDs. */
#define LIMIT_SEARCH_KEYS 5000

/* Results of RETURN (UPDATE) that one session has kept up to date (RFC 5267 4.3.1), and messages in all of them, 4 bytes each: the first one is never refused. A client has one for each
 * view that it shows. */
#define LIMIT_SEARCH_UPDATES 16
#define LIMIT_SEARCH_UPDATE_RESULTS 4000000

/* The name of a filter. FILTER inside of filters (RFC 5466 3.1 asks for three at least), and the octets of all filters that one SEARCH names, each as often as
 * it is named. */
#define LIMIT_FILTER_NAME 255
#define LIMIT_FILTER_PASSES 10
#define LIMIT_FILTER_OCTETS (1024 * 1024)

/* Ranges in one sequence set, after which the command is refused: what fits into the largest command. It
 * bounds the work for a set like "1,1,1,1,...". */
#define LIMIT_SET_RANGES 500000

/* Items of one FETCH, of one LIST's patterns, of RETURN options, of NOTIFY's groups and the like. */
#define LIMIT_LIST_ITEMS 256

/* All patterns of one LIST together: each name is compared with each of them, at the cost of the product of the lengths. */
#define LIMIT_LIST_PATTERN_BYTES (64 * 1024)

/* Header fields named in one BODY[HEADER.FIELDS (...)]. */
#define LIMIT_FETCH_FIELDS 256

/* Keywords (flags of the user's own) in one mailbox; a 64-bit mask has room for the frequent ones, see
 * store/README. */
#define LIMIT_KEYWORDS 1000
#define LIMIT_KEYWORD_LENGTH 100

/* Mailbox names, in bytes of UTF-8. A Maildir++ name in modified UTF-7 is one file name of at most 255
 * bytes; store checks the encoded form too. */
#define LIMIT_MAILBOX_NAME 1000
#define LIMIT_MAILBOX_LEVELS 32
#define LIMIT_MAILBOXES 50000

/* Annotations (RFC 5464): the octets of a name and of a value, how many entries a mailbox (or the account itself) has, and the octets of
 * all of them; and how many of an account that were removed are remembered to be told to others. RFC 5464 4.1 asks for values of
 * 1024 octets and ten entries at least. LIMIT_METADATA_VALUE is a bare number: it stands in an answer. */
#define LIMIT_METADATA_NAME 512
#define LIMIT_METADATA_VALUE 65536
#define LIMIT_METADATA_ENTRIES 1000
#define LIMIT_METADATA_BYTES (4 * 1024 * 1024)
#define LIMIT_METADATA_REMOVED 1000

/* Bytes of answers that wait for a client that does not read; a command pauses there. */
#define LIMIT_OUTPUT_BUFFER (256 * 1024)

/* Syntax errors in a row after which a connection is closed: it is not an IMAP client that speaks there. */
#define LIMIT_BAD_COMMANDS 20

/* Passwords and user names as we take them; RFC 4616 section 2 suggests 255 octets each. */
#define LIMIT_USER_NAME 255
#define LIMIT_PASSWORD 1024
#define LIMIT_LOGIN_FAILURES 10

/* -- What a message holds
 * ----------------------------------------------------------------------------------------- */

/* MIME parts read of one message; what follows counts as text of the last one. The largest honest mail
 * seen (digests, galleries) has some hundreds. */
#define LIMIT_MIME_PARTS 10000

/* multipart inside of multipart, message inside of message. Beyond it a part is text. (Dovecot: 100.) */
#define LIMIT_MIME_DEPTH 100

/* Messages that were transfer-encoded (base64, quoted-printable), decoded one out of another: each costs
 * the time and memory of its size again. MIME forbids the encoding (RFC 2046 5.2.1); some programs do it
 * once. */
#define LIMIT_MIME_DECODED 5

/* All header bytes of one entity. Longer headers are read up to here. */
#define LIMIT_HEADER_BYTES (4 * 1024 * 1024)

/* Parameters of one Content-Type or Content-Disposition; RFC 2231 pieces are numbered, and joining them
 * may cost quadratic time (CVE of dovecot 2.4.3). */
#define LIMIT_MIME_PARAMETERS 100

/* Addresses of one field that ENVELOPE lists. */
#define LIMIT_ADDRESSES 10000

/* Comments inside of comments, in a date and in an address. */
#define LIMIT_COMMENT_NESTING 50

/* Bytes of a Date field that are looked at. */
#define LIMIT_DATE_BYTES 1024

/* Bytes of a subject, or of an address, that SORT and THREAD look at. Taking `[blob]`s off a subject is quadratic in it. */
#define LIMIT_SORT_SUBJECT 4096

/* References of one message that THREAD follows. */
#define LIMIT_REFERENCES 1000

/* -- What processes and admins send
 * ------------------------------------------------------------------------------- */

/* One message between mailsiftd and mailsift-indexer. */
#define LIMIT_IPC_MESSAGE (64 * 1024)

/* An HTTP request's body, and its URI. */
#define LIMIT_HTTP_BODY (1024 * 1024)
#define LIMIT_HTTP_URI (8 * 1024)

/* The configuration file. */
#define LIMIT_SETTINGS_BYTES (1024 * 1024)
#define LIMIT_SETTINGS_LINE (16 * 1024)
#define LIMIT_SETTINGS_ERRORS 20 /* reported at once */
#define LIMIT_LISTEN_ADDRESSES 64

/* A line of the log: PIPE_BUF, up to which a write(2) to a pipe is not mixed with others. And one value in
 * it. */
#define LIMIT_LOG_LINE_BYTES 4096
#define LIMIT_LOG_VALUE_BYTES 1024

/* Combinations of label values of one metric; the next one is counted under "other". Prometheus pays for
 * each. */
#define LIMIT_METRIC_SERIES 500
#define LIMIT_METRIC_LABEL_BYTES 128
