/* The structure of a message: where each part's header and body lie in its octets. Text extraction, BODYSTRUCTURE and
 * FETCH BODY[section] all use this one tree, so that there is no second opinion (rules: store/README). Offsets are
 * into the octets given; nothing is copied, the octets must outlive the tree. Never fails: any octets have a tree. */
#pragma once
#include <glib.h>
G_BEGIN_DECLS

typedef enum {
	MIME_PART_LEAF,      /* no children */
	MIME_PART_MULTIPART, /* children: its parts (at least one) */
	MIME_PART_MESSAGE,   /* message/rfc822 and the like, not transfer-encoded: one child, the embedded message */
} MimePartKind;

typedef struct MimePart MimePart;
struct MimePart {
	MimePartKind kind;
	MimePart *parent;        /* NULL for the message itself */
	GPtrArray *children;     /* of MimePart, owned; NULL for a leaf */
	gsize header_offset;     /* header incl. the empty line that ends it */
	gsize header_size;
	gsize body_offset;
	gsize body_size;
	guint64 header_lines;    /* LFs in the header */
	guint64 body_lines;      /* LFs in the body */
	gboolean header_closed;  /* the empty line is there */
	char *type;              /* owned, lower case: "text" */
	char *subtype;           /* owned, lower case: "plain" */
	GPtrArray *params;       /* of MimeParam, Content-Type's, owned, never NULL */
	char *encoding;          /* owned, lower case; "" when absent: Content-Transfer-Encoding's first token */
	gboolean type_given;     /* a parsable Content-Type field was there */
	gboolean undivided;      /* multipart without usable delimiters, or beyond a limit: counts as text/plain in searches */
};

typedef struct { char *name; /* lower case, RFC 2231 stars resolved */ char *value; /* UTF-8 */ } MimeParam;

/* One header field as it lies in the octets. */
typedef struct {
	const char *name;  gsize name_len;   /* 0 for a junk line */
	const char *value; gsize value_len;  /* raw, from after the colon to before the last line end; folding inside */
	gsize offset, size;                  /* of the whole field with its line end(s), from the start of the octets given */
} MimeField;

typedef struct MimeTree MimeTree;
MimeTree *mime_tree_new(const guint8 *data, gsize size);
void mime_tree_free(MimeTree *tree);
const MimePart *mime_tree_root(const MimeTree *tree);

/* Walks the fields of a header block ( @data, @size: header_offset and header_size of a part; for the message itself an mbox
 * "From " line is skipped). Start with *@pos = 0; FALSE at the end. */
gboolean mime_field_next(const guint8 *header, gsize size, gboolean is_message, gsize *pos, MimeField *field_out);

/* The parameter's value, or NULL. @name in lower case. */
const char *mime_part_param(const MimePart *part, const char *name);
/* Parses a Content-Type/Content-Disposition-like value: main value (lower case, e.g. "attachment") and parameters. FALSE if there is no
 * main value. Out-parameters are owned by the caller; either may be NULL. */
gboolean mime_parse_params(const char *value, gsize len, char **main_out, GPtrArray **params_out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MimeTree, mime_tree_free)
G_END_DECLS
