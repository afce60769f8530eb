#include "base/secret.h"

gboolean secret_equal(const char *a, gsize a_len, const char *b, gsize b_len)
{
	/* volatile: the compiler may not leave the loop early. */
	volatile guint8 differ = a_len == b_len ? 0 : 1;
	for (gsize i = 0; i < a_len; i++)
		differ |= (guint8)((guint8)a[i] ^ (guint8)(b_len > 0 ? b[i % b_len] : 0));
	return differ == 0;
}
