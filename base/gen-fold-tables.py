#!/usr/bin/python3
"""Prints fold-tables.c: the tables of base/fold.c, made from the Unicode character database.

    gen-fold-tables.py /usr/share/unicode/UnicodeData.txt > fold-tables.c

PropList.txt (White_Space) and DerivedCoreProperties.txt (Default_Ignorable_Code_Point) are read from beside it; Debian has
all three in the package unicode-data. The rules are told in base/fold.h, the layout of the tables in base/fold-private.h.
"""

import os
import re
import sys

BLOCK = 128  # code points; fold-private.h knows it as FOLD_BLOCK
SPACE = 0x20
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by rule (Unicode 3.12), not by table


def read_properties(path, wanted):
    """The code points of one property, and the version that the file's first line names."""
    found = set()
    with open(path, encoding="utf-8") as file:
        version = re.match(r"# \w+-(\d+\.\d+\.\d+)\.txt", file.readline())
        if not version:
            sys.exit(f"{path}: the first line does not name a version")
        for line in file:
            fields = [field.strip() for field in line.split("#")[0].split(";")]
            if len(fields) == 2 and fields[1] == wanted:
                first, _, last = fields[0].partition("..")
                found.update(range(int(first, 16), int(last or first, 16) + 1))
    if not found:
        sys.exit(f"{path}: nothing has the property {wanted}")
    return found, version.group(1)


def read_unicode_data(path):
    """Simple titlecase mappings, decompositions of any type, and the control characters (Cc)."""
    title, decomposition, controls = {}, {}, set()
    with open(path, encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split(";")
            if len(fields) != 15:
                sys.exit(f"{path}: a line with {len(fields)} fields, not 15")
            code = int(fields[0], 16)
            # Ranges (First, Last) have neither mapping nor decomposition but for Hangul syllables.
            if fields[2] == "Cc":
                controls.add(code)
            if fields[5]:
                decomposition[code] = [int(x, 16) for x in fields[5].split() if not x.startswith("<")]
            if fields[14]:
                title[code] = int(fields[14], 16)
            elif fields[12]:
                sys.exit(f"{path}: U+{code:04X} has an uppercase and no titlecase mapping")
    return title, decomposition, controls


def swap_case(code):
    if 0x41 <= code <= 0x5A:
        return code + 0x20
    if 0x61 <= code <= 0x7A:
        return code - 0x20
    return code


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = os.path.dirname(sys.argv[1])
    title, decomposition, controls = read_unicode_data(sys.argv[1])
    spaces, version = read_properties(os.path.join(folder, "PropList.txt"), "White_Space")
    ignorable, other = read_properties(
        os.path.join(folder, "DerivedCoreProperties.txt"), "Default_Ignorable_Code_Point"
    )
    if version != other:
        sys.exit(f"PropList.txt is of {version}, DerivedCoreProperties.txt of {other}")
    spaces |= controls

    def decompose(code):
        if code not in decomposition:
            return [code]
        return [x for part in decomposition[code] for x in decompose(part)]

    def fold(code):
        """The folded code points of one code point; [SPACE] for white space, [] for what vanishes."""
        if code in spaces:
            return [SPACE]
        if code in ignorable:
            return []
        result = []
        for x in decompose(title.get(code, code)):
            x = SPACE if x in spaces else x
            if x in ignorable or (x == SPACE and result and result[-1] == SPACE):
                continue
            result.append(swap_case(x))
        return result

    # The pool: for each distinct result its length in bytes, and the bytes. Entry 0 is "stays as it is".
    pool, offsets, longest = bytearray([0]), {}, 0
    blocks, block_numbers, index = [], {}, []
    for start in range(0, 0x110000, BLOCK):
        block = []
        for code in range(start, start + BLOCK):
            if 0xD800 <= code < 0xE000 or code in HANGUL:
                block.append(0)
                continue
            result = fold(code)
            if result == [code]:
                block.append(0)
                continue
            text = "".join(map(chr, result)).encode("utf-8")
            longest = max(longest, len(text))
            if text not in offsets:
                offsets[text] = len(pool)
                pool.append(len(text))
                pool += text
            block.append(offsets[text])
        block = tuple(block)
        if block not in block_numbers:
            block_numbers[block] = len(blocks)
            blocks.append(block)
        index.append(block_numbers[block])
    # What follows the last block with something in it is not listed.
    while index and index[-1] == block_numbers[tuple([0] * BLOCK)]:
        index.pop()
    if len(pool) > 0xFFFF or len(blocks) > 0xFF or longest > 0xFF:
        sys.exit(f"too large for the tables: pool {len(pool)}, blocks {len(blocks)}, longest {longest}")

    def table(declaration, values):
        print(f"{declaration} = {{")
        values = list(values)
        for start in range(0, len(values), 16):
            print("\t" + " ".join(f"{value}," for value in values[start : start + 16]))
        print("};\n")

    print("/* Made by base/gen-fold-tables.py; not to be edited. */\n")
    print('#include "base/fold-private.h"\n\n#include "base/fold.h"\n')
    print(f"G_STATIC_ASSERT(FOLD_BLOCK == {BLOCK});")
    print(f"G_STATIC_ASSERT(FOLD_LONGEST >= {longest});\n")
    print(f'const char fold_tables_version[] = G_STRINGIFY(FOLD_VERSION) "/{version}";\n')
    print(f"const guint fold_n_index = {len(index)};\n")
    table("const guint8 fold_index[]", index)
    table("const guint16 fold_blocks[]", [offset for block in blocks for offset in block])
    table("const guint8 fold_pool[]", list(pool) + [0] * 16)  # fold.c reads nine bytes of any entry


main()
