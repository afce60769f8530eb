/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only C++ of the project, and the only file that knows Xapian (STYLE.md section 6). Its stemmers are at the end.
 *
 * What a database holds
 * =====================
 * Glass databases (index-state.h: one that is written, and parts), one document for each email, in one of them; document id = email id. Terms are boolean (no wdf, no positions, no document data). A term is a
 * prefix letter and octets; which there are:
 *
 *     B   a token of the body section
 *     F T C K S   a token of the value of a From, To, Cc, Bcc, Subject field of the message's header
 *     R   a token of the value of a trace field of the message's header (terms.c lists them), but for its long words
 *     H   a token of any other line of the header section and of the values of the parts section
 *     N   the folded name of a field of the header section, whole
 *     P   the folded name of a field of the parts section, whole
 *
 * There is no table of each document's terms (DB_NO_TERMLIST): it was 40 % of the database, and only removing and replacing documents needs it. An email's
 * text never changes, so nothing is ever replaced; an email that is gone is asked about by nobody (searches are among emails that a mailbox has, and that
 * have a text in the text store), so its postings stay until so many are dead that the index is built anew (account-indexer.c).
 *
 * terms.c says how tokens are cut. Metadata, written in the same commit as what it describes:
 *
 *     format      "mailsift " and INDEX_FORMAT_VERSION (index-state.h): the only key whose meaning is the same in every version
 *     state       the rest of it: versions, watermarks, lengths of the files beside the database (index-state.c)
 *     origin      which database of the account the ids are of (index-origin.h)
 *     failed/ID   one for each email that could not be indexed, ID with ten digits (index-state.c)
 *
 * History of versions: index-state.h.
 */
#include "indexer/ftindex.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <xapian.h>

#include "indexer/stemmer.h"

struct Stemmer {
	Xapian::Stem stem;
};

namespace {

struct Part {
	std::string path;
	Xapian::Database database;
};

} // namespace

struct FtIndex {
	Xapian::Database reader;         /* what is read from; a copy of writer where there is one */
	Xapian::WritableDatabase writer; /* empty in a reader */
	std::vector<Part> parts;         /* read too, each by itself: Xapian's own view of several databases deals ids out anew */
};

extern "C" GQuark ftindex_error_quark(void) noexcept
{
	return g_quark_from_static_string("mailsift-ftindex-error-quark");
}

namespace {

void set_error(GError **error, FtIndexError code, const std::string &what)
{
	g_set_error(error, FTINDEX_ERROR, code, "%s", what.c_str());
}

/* A full disk comes as any of Xapian's errors, with errno's text in it. */
gboolean is_full_disk(const Xapian::Error &xapian_error)
{
	const char *why = xapian_error.get_error_string();
	return why != nullptr && (std::strcmp(why, std::strerror(ENOSPC)) == 0 || std::strcmp(why, std::strerror(EDQUOT)) == 0);
}

/* Runs @body, and is the only place that catches. Order matters: classes before their parents. */
template <typename Body> gboolean guard(GError **error, Body &&body) noexcept
{
	try {
		try {
			std::forward<Body>(body)();
			return TRUE;
		} catch (const Xapian::DatabaseModifiedError &e) {
			set_error(error, FTINDEX_ERROR_CHANGED, e.get_description());
		} catch (const Xapian::DatabaseLockError &e) {
			set_error(error, FTINDEX_ERROR_LOCKED, e.get_description());
		} catch (const Xapian::DatabaseNotFoundError &e) {
			set_error(error, FTINDEX_ERROR_MISSING, e.get_description());
		} catch (const Xapian::DatabaseVersionError &e) {
			set_error(error, FTINDEX_ERROR_VERSION, e.get_description());
		} catch (const Xapian::DatabaseCorruptError &e) {
			set_error(error, FTINDEX_ERROR_DAMAGED, e.get_description());
		} catch (const Xapian::DatabaseError &e) {
			/* With errno's text something may pass (descriptors, rights, a full disk); without it ("EOF reading block") the files make no sense. */
			set_error(error,
				is_full_disk(e)                     ? FTINDEX_ERROR_SPACE :
				e.get_error_string() != nullptr ? FTINDEX_ERROR_FAILED :
								  FTINDEX_ERROR_DAMAGED,
				e.get_description());
		} catch (const Xapian::Error &e) {
			set_error(error, is_full_disk(e) ? FTINDEX_ERROR_SPACE : FTINDEX_ERROR_FAILED, e.get_description());
		} catch (const std::exception &e) {
			set_error(error, FTINDEX_ERROR_FAILED, e.what());
		}
	} catch (...) {
		g_set_error_literal(error, FTINDEX_ERROR, FTINDEX_ERROR_FAILED, "unknown exception");
	}
	return FALSE;
}

/* Walks the terms of an FtTerms. */
template <typename Each> void for_each_term(FtTerms terms, Each &&each)
{
	const char *at = reinterpret_cast<const char *>(terms.data), *end = at + terms.len;
	std::string term;
	while (at < end) {
		std::size_t len = static_cast<guint8>(*at++);
		g_assert(len <= static_cast<std::size_t>(end - at));
		term.assign(at, len);
		at += len;
		each(term);
	}
}

gboolean has_document(const Xapian::Database &database, guint32 id)
{
	if (id > database.get_lastdocid())
		return FALSE;
	try {
		(void)database.get_doclength(id);
		return TRUE;
	} catch (const Xapian::DocNotFoundError &) {
		return FALSE;
	}
}

/* Calls @each for the database and its parts, until it is false. */
template <typename Each> void for_each_database(const FtIndex *index, Each &&each)
{
	if (!each(index->reader))
		return;
	for (const Part &part : index->parts)
		if (!each(part.database))
			return;
}

gboolean has_document(const FtIndex *index, guint32 id)
{
	bool has = false;
	for_each_database(index, [&](const Xapian::Database &database) { return !(has = has_document(database, id)); });
	return has;
}

/* What is left of the terms of one database behind those that were listed. */
struct TermRun {
	Xapian::TermIterator at, end;
};

} // namespace

extern "C" {

FtIndex *ftindex_open_reader(const char *path, GError **error) noexcept
{
	FtIndex *index = nullptr;
	(void)guard(error, [&] {
		if (!g_file_test(path, G_FILE_TEST_EXISTS))
			throw Xapian::DatabaseNotFoundError(std::string(path) + ": no database");
		Xapian::Database reader(path, Xapian::DB_BACKEND_GLASS);
		index = new FtIndex{ reader, {}, {} };
	});
	return index;
}

FtIndex *ftindex_open_writer(const char *path, GError **error) noexcept
{
	FtIndex *index = nullptr;
	(void)guard(error, [&] {
		Xapian::WritableDatabase writer(path, Xapian::DB_CREATE_OR_OPEN | Xapian::DB_BACKEND_GLASS | Xapian::DB_NO_TERMLIST);
		writer.begin_transaction();
		index = new FtIndex{ writer, writer, {} };
	});
	return index;
}

void ftindex_close(FtIndex *index) noexcept
{
	if (index == nullptr)
		return;
	/* Destructors of Xapian do not throw; what was not committed is dropped. */
	(void)guard(nullptr, [&] {
		if (index->writer.size() != 0)
			index->writer.close();
	});
	delete index;
}

gboolean ftindex_reopen(FtIndex *index, gboolean *changed_out, GError **error) noexcept
{
	return guard(error, [&] {
		bool changed = index->reader.reopen();
		if (changed_out != nullptr)
			*changed_out = changed;
	});
}

gboolean ftindex_set_parts(FtIndex *index, const char *const *paths, GError **error) noexcept
{
	return guard(error, [&] {
		std::vector<Part> parts;
		for (; *paths != nullptr; paths++) {
			std::string path(*paths);
			auto there = std::find_if(index->parts.begin(), index->parts.end(), [&](const Part &part) { return part.path == path; });
			if (there != index->parts.end())
				parts.push_back(*there);
			else if (!g_file_test(*paths, G_FILE_TEST_EXISTS))
				throw Xapian::DatabaseNotFoundError(path + ": no database");
			else
				parts.push_back({ path, Xapian::Database(path, Xapian::DB_BACKEND_GLASS) });
		}
		index->parts = std::move(parts);
	});
}

guint64 ftindex_revision(FtIndex *index) noexcept
{
	guint64 revision = 0;
	(void)guard(nullptr, [&] { revision = index->reader.get_revision(); });
	return revision;
}

gboolean ftindex_add(FtIndex *index, guint32 id, FtTerms terms, GError **error) noexcept
{
	return guard(error, [&] {
		if (has_document(index, id))
			return;
		Xapian::Document document;
		for_each_term(terms, [&](const std::string &term) { document.add_boolean_term(term); });
		/* Which is adding, under a number of our choice. */
		index->writer.replace_document(id, document);
	});
}

gboolean ftindex_set_metadata(FtIndex *index, const char *key, const char *value, gsize len, GError **error) noexcept
{
	return guard(error, [&] { index->writer.set_metadata(key, std::string(value == nullptr ? "" : value, len)); });
}

gboolean ftindex_commit(FtIndex *index, GError **error) noexcept
{
	return guard(error, [&] {
		index->writer.commit_transaction();
		index->writer.begin_transaction();
	});
}

gboolean ftindex_metadata(FtIndex *index, const char *key, GString **value_out, GError **error) noexcept
{
	return guard(error, [&] {
		std::string value = index->reader.get_metadata(key);
		*value_out = g_string_new_len(value.data(), static_cast<gssize>(value.size()));
	});
}

gboolean ftindex_metadata_keys(FtIndex *index, const char *prefix, GPtrArray **keys_out, GError **error) noexcept
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
	gboolean ok = guard(error, [&] {
		for (auto i = index->reader.metadata_keys_begin(prefix), end = index->reader.metadata_keys_end(prefix); i != end;
		     ++i) {
			std::string key = *i;
			g_ptr_array_add(keys, g_strndup(key.data(), key.size()));
		}
	});
	if (ok)
		*keys_out = keys;
	else
		g_ptr_array_unref(keys);
	return ok;
}

gboolean ftindex_documents(FtIndex *index, guint64 *documents_out, GError **error) noexcept
{
	return guard(error, [&] {
		guint64 documents = 0;
		for_each_database(index, [&](const Xapian::Database &database) {
			documents += database.get_doccount();
			return true;
		});
		*documents_out = documents;
	});
}

gboolean ftindex_range(FtIndex *index, guint32 *first_out, guint32 *last_out, GError **error) noexcept
{
	return guard(error, [&] {
		auto first = index->reader.postlist_begin("");
		*first_out = first == index->reader.postlist_end("") ? 0 : *first;
		*last_out = *first_out == 0 ? 0 : index->reader.get_lastdocid();
	});
}

gboolean ftindex_frequency(FtIndex *index, const char *term, gsize len, guint64 *frequency_out, GError **error) noexcept
{
	return guard(error, [&] {
		guint64 frequency = 0;
		std::string name(term, len);
		for_each_database(index, [&](const Xapian::Database &database) {
			frequency += database.get_termfreq(name);
			return true;
		});
		*frequency_out = frequency;
	});
}

gboolean ftindex_postings(
	FtIndex *index, FtTerms terms, guint64 *max_postings, EmailSet *ids, gboolean *all_out, GError **error) noexcept
{
	return guard(error, [&] {
		guint64 left = *max_postings;
		bool all = true;
		for_each_database(index, [&](const Xapian::Database &database) {
			for_each_term(terms, [&](const std::string &term) {
				if (!all)
					return;
				for (auto i = database.postlist_begin(term), end = database.postlist_end(term); i != end; ++i) {
					if (left == 0) {
						all = false;
						return;
					}
					left--;
					email_set_add(ids, *i);
				}
			});
			return all;
		});
		*max_postings = left;
		*all_out = all;
	});
}

gboolean ftindex_list_terms(FtIndex *index, char prefix, const char *after, gsize after_len, gsize max_bytes, GString *out,
	gboolean *more_out, GError **error) noexcept
{
	gsize before = out->len;
	gboolean ok = guard(error, [&] {
		std::string begin(1, prefix), last = begin + std::string(after, after_len);
		std::vector<TermRun> runs;
		for_each_database(index, [&](const Xapian::Database &database) {
			TermRun run = { database.allterms_begin(begin), database.allterms_end(begin) };
			if (after_len > 0) {
				run.at.skip_to(last);
				if (run.at != run.end && *run.at == last)
					++run.at;
			}
			runs.push_back(run);
			return true;
		});
		std::string term, other;
		bool more = true;
		while (more && out->len - before < max_bytes) {
			more = false;
			for (const TermRun &run : runs) {
				if (run.at == run.end)
					continue;
				other = *run.at;
				if (!more || other < term)
					term.swap(other);
				more = true;
			}
			for (TermRun &run : runs)
				if (more && run.at != run.end && *run.at == term)
					++run.at;
			if (more) {
				g_string_append_len(out, term.data() + 1, static_cast<gssize>(term.size() - 1));
				g_string_append_c(out, '\n');
			}
		}
		*more_out = more;
	});
	if (!ok)
		g_string_truncate(out, before);
	return ok;
}

gboolean ftindex_all_ids(FtIndex *index, EmailSet *ids, GError **error) noexcept
{
	return guard(error, [&] {
		for_each_database(index, [&](const Xapian::Database &database) {
			for (auto i = database.postlist_begin(""), end = database.postlist_end(""); i != end; ++i)
				email_set_add(ids, *i);
			return true;
		});
	});
}

gboolean ftindex_compact(const char *const *from, const char *to, GError **error) noexcept
{
	return guard(error, [&] {
		Xapian::Database databases;
		for (; *from != nullptr; from++)
			databases.add_database(Xapian::Database(*from, Xapian::DB_BACKEND_GLASS));
		databases.compact(to, Xapian::DBCOMPACT_NO_RENUMBER);
	});
}

gboolean ftindex_copy_metadata(FtIndex *from, FtIndex *to, GError **error) noexcept
{
	return guard(error, [&] {
		for (auto i = from->reader.metadata_keys_begin(), end = from->reader.metadata_keys_end(); i != end; ++i)
			to->writer.set_metadata(*i, from->reader.get_metadata(*i));
	});
}

gboolean ftindex_check(const char *path, GError **error) noexcept
{
	return guard(error, [&] {
		std::size_t errors = Xapian::Database::check(path, 0, nullptr);
		if (errors != 0)
			throw Xapian::DatabaseCorruptError(std::string(path) + ": " + std::to_string(errors) + " errors");
	});
}

/* -- stems (stemmer.h) ---------------------------------------------------------------------------------------------- */

Stemmer *stemmer_new(const char *language) noexcept
{
	Stemmer *stemmer = nullptr;
	(void)guard(nullptr, [&] { stemmer = new Stemmer{ Xapian::Stem(language) }; });
	return stemmer;
}

void stemmer_free(Stemmer *stemmer) noexcept
{
	delete stemmer;
}

void stemmer_stem(Stemmer *stemmer, const GString *word, GString *out) noexcept
{
	g_string_truncate(out, 0);
	(void)guard(nullptr, [&] {
		std::string stem = stemmer->stem(std::string(word->str, word->len));
		g_string_append_len(out, stem.data(), static_cast<gssize>(stem.size()));
	});
}

} // extern "C"
