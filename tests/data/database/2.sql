-- A database of format 2 (store/db.c) with one message in INBOX.
CREATE TABLE account (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	uidvalidity INTEGER NOT NULL,
	list_version INTEGER NOT NULL);
INSERT INTO account VALUES (1, 0, 0);
CREATE TABLE mailbox (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	name TEXT NOT NULL UNIQUE,
	folder TEXT NOT NULL UNIQUE,
	objectid TEXT NOT NULL UNIQUE,
	special_use TEXT,
	uidvalidity INTEGER NOT NULL,
	uidnext INTEGER NOT NULL DEFAULT 1,
	highestmodseq INTEGER NOT NULL DEFAULT 1,
	recent_uid INTEGER NOT NULL DEFAULT 1,
	expunged_floor INTEGER NOT NULL DEFAULT 0,
	expunged_rows INTEGER NOT NULL DEFAULT 0,
	cur_mtime_ns INTEGER NOT NULL DEFAULT 0);
CREATE TABLE keyword (
	mailbox INTEGER NOT NULL,
	id INTEGER NOT NULL,
	name TEXT NOT NULL COLLATE NOCASE,
	PRIMARY KEY (mailbox, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX keyword_name ON keyword (mailbox, name);
CREATE TABLE keyword_set (
	mailbox INTEGER NOT NULL,
	id INTEGER NOT NULL,
	members TEXT NOT NULL,
	PRIMARY KEY (mailbox, id)) WITHOUT ROWID;
CREATE UNIQUE INDEX keyword_set_members ON keyword_set (mailbox, members);
CREATE TABLE message (
	mailbox INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	email INTEGER NOT NULL,
	flags INTEGER NOT NULL,
	keywords INTEGER NOT NULL,
	internal_at INTEGER NOT NULL,
	internal_zone INTEGER NOT NULL,
	saved_at INTEGER NOT NULL,
	modseq INTEGER NOT NULL,
	file TEXT NOT NULL,
	PRIMARY KEY (mailbox, uid)) WITHOUT ROWID;
CREATE INDEX message_modseq ON message (mailbox, modseq);
CREATE INDEX message_email ON message (email);
CREATE TABLE email (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	sha256 BLOB NOT NULL UNIQUE,
	size INTEGER NOT NULL,
	sent_at INTEGER,
	sent_day INTEGER);
CREATE TABLE email_gone (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	email INTEGER NOT NULL);
CREATE TABLE expunged (
	mailbox INTEGER NOT NULL,
	modseq INTEGER NOT NULL,
	uid INTEGER NOT NULL,
	PRIMARY KEY (mailbox, modseq, uid)) WITHOUT ROWID;
CREATE TABLE subscription (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE garbage (
	mailbox INTEGER NOT NULL,
	file TEXT NOT NULL,
	PRIMARY KEY (mailbox, file)) WITHOUT ROWID;
CREATE TABLE folder_move (source TEXT NOT NULL, target TEXT NOT NULL);
CREATE TABLE opener (id INTEGER PRIMARY KEY AUTOINCREMENT, opened_at INTEGER NOT NULL);
CREATE INDEX message_file ON message (mailbox, file);
INSERT INTO sqlite_sequence VALUES ('mailbox', 1), ('email', 1);
UPDATE account SET uidvalidity = 7, list_version = 1;
INSERT INTO mailbox VALUES (1, 'INBOX', '', 'F0123456789abcdef', NULL, 7, 2, 2, 1, 0, 0, 0);
INSERT INTO message VALUES (1, 1, 1, 1, 0, 837596664, -420, 837596664, 2, '837596664.M1P2Q3R0123456789abcdef.host,S=40,W=40:2,S');
INSERT INTO email VALUES (1, x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 40, NULL, NULL);
PRAGMA application_id = 1836279412;
PRAGMA user_version = 2;
