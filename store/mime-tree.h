/* The structure of a message: where each part's header and body lie in its octets. Text extraction,
 * BODYSTRUCTURE and FETCH BODY[section] all use this one tree, so that there is no second opinion (rules:
 * store/README). Offsets are into the octets given; nothing is copied, the octets must outlive the tree.
 * Never fails: any octets have a tree. Pure: no I/O, any thread; time and memory are linear in the size. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
	MIME_PART_LEAF,      /* no children */
	MIME_PART_MULTIPART, /* children: its parts (at least one) */
	MIME_PART_MESSAGE,   /* message/rfc822 and the like, not transfer-encoded: one child, its message */
} MimePartKind;

typedef struct MimePart MimePart;
struct MimePart {
	MimePartKind kind;
	MimePart *parent;    /* NULL for the message itself */
	GPtrArray *children; /* of MimePart, owned; NULL for a leaf */

	/* Header and body follow each other: body_offset == header_offset + header_size. The header has the
	 * empty line that ends it (and a message's mbox "From " line); the body ends before the line end of
	 * the next delimiter. A child lies within its parent's body. */
	gsize header_offset;
	gsize header_size;
	gsize body_offset;
	gsize body_size;
	guint64 header_lines;   /* LFs in the header */
	guint64 body_lines;     /* LFs in the body */
	gboolean header_closed; /* the empty line is there */

	char *type;          /* owned, lower case: "text" */
	char *subtype;       /* owned, lower case: "plain" */
	GPtrArray *params;   /* of MimeParam, Content-Type's, owned, never NULL */
	char *encoding;      /* owned, lower case; "" when absent: Content-Transfer-Encoding's first token */
	gboolean type_given; /* a parsable Content-Type field was there */
	gboolean undivided;  /* a multipart without delimiters, or beyond a limit: searched as text/plain */
};

/* A parameter of Content-Type or Content-Disposition. */
typedef struct {
	char *name;        /* owned, lower case, RFC 2231 stars resolved */
	char *value;       /* owned, UTF-8; NUL octets have become spaces. Encoded words stay as they are */
	gboolean extended; /* came in an RFC 2231 form (name*, name*0, name*0*) */
} MimeParam;

/* One header field as it lies in the octets. */
typedef struct {
	const char *name;
	gsize name_len; /* 0 for a junk line, whose text is the value */
	const char *value;
	gsize value_len;    /* raw, from after the colon to before the last line end; folding inside */
	gsize offset, size; /* of the whole field with its line end(s), from the start of the octets given */
} MimeField;

typedef struct MimeTree MimeTree;

MimeTree *mime_tree_new(const guint8 *data, gsize size);

/* The same for a message that was decoded out of a part of another one: its own depth begins at @depth (0 for
 * a message that is in no other), so that LIMIT_MIME_DEPTH holds for all of it. */
MimeTree *mime_tree_new_at_depth(const guint8 *data, gsize size, guint depth);
void mime_tree_free(MimeTree *tree);

/* The message itself. The parts live as long as the tree. */
const MimePart *mime_tree_root(const MimeTree *tree);

/* TRUE if the part is a message (the root, or embedded): its header is that of a message, with envelope and
 * perhaps a "From " line, and not that of a MIME part. */
gboolean mime_part_is_message(const MimePart *part);

/* TRUE if the part's type is that of an embedded message: message/rfc822, message/global or message/news. Its
 * kind is MIME_PART_LEAF nevertheless if it has a transfer encoding, or is beyond a limit (undivided). */
gboolean mime_part_holds_message(const MimePart *part);

/* The parameter's value, or NULL. @name in lower case. Of equal names the RFC 2231 form counts, else the
 * first. */
const char *mime_part_param(const MimePart *part, const char *name);

/* Walks the fields of a header block (@header, @size: a part's octets from header_offset, header_size of
 * them). With @is_message a leading mbox "From " line is skipped. Start with *@pos 0; FALSE at the end (the
 * empty line, or @size). */
gboolean mime_field_next(
	const guint8 *header, gsize size, gboolean is_message, gsize *pos, MimeField *field_out);

/* TRUE if the field has this name, ignoring ASCII case; @name is NUL-terminated. */
gboolean mime_field_is(const MimeField *field, const char *name);

/* Parses a Content-Type or Content-Disposition value (folded or not): its main value ("text/html",
 * "attachment"; lower case) and its parameters, at most LIMIT_MIME_PARAMETERS of them. Returns FALSE if there
 * is no main value; *@main_out is then not set, but *@params_out still is. Both are owned by the caller
 * (strings by g_free, the array by g_ptr_array_unref); either may be NULL. */
gboolean mime_parse_params(const char *value, gsize len, char **main_out, GPtrArray **params_out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MimeTree, mime_tree_free)

G_END_DECLS
