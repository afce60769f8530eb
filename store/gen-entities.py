#!/usr/bin/python3
"""Prints html-entities.c: the named character references of HTML, from Python's html.entities, for store/html-text.c.

    gen-entities.py > html-entities.c

The names are sorted as strcmp() does; "amp;" and "amp" are two of them, since the standard lets some stand without the
semicolon. The interface is in store/html-entities.h.
"""

from html.entities import html5

LEGACY_LONGEST = max(len(name) for name in html5 if not name.endswith(";"))


def c_string(text):
    """UTF-8 as a C string; a hex escape takes all hex digits behind it, so octal ones."""
    return '"' + "".join(f"\\{octet:03o}" if octet >= 127 or octet in b'"\\\n\t' else chr(octet) for octet in text.encode()) + '"'


def main():
    print("/* Made by store/gen-entities.py: do not edit. */")
    print('#include "store/html-entities.h"\n')
    print("#include <string.h>\n")
    print("G_STATIC_ASSERT(HTML_ENTITY_LEGACY_LONGEST == %d);\n" % LEGACY_LONGEST)
    print("static const struct {\n\tconst char *name, *text;\n} entities[] = {")
    for name in sorted(html5):
        print(f"\t{{ {c_string(name)}, {c_string(html5[name])} }},")
    print("};")
    print("""
const char *html_entity_find(const char *name, gsize len)
{
	gsize low = 0, high = G_N_ELEMENTS(entities);
	while (low < high) {
		gsize middle = (low + high) / 2;
		int order = strncmp(entities[middle].name, name, len);
		if (order == 0 && entities[middle].name[len] == '\\0')
			return entities[middle].text;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}""")


if __name__ == "__main__":
    main()
