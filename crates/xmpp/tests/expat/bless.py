#!/usr/bin/env python3
"""Writes cases.txt: streams in and around restricted XML, and what expat makes of each.

Run by hand when the cases change: python3 bless.py > cases.txt. The tests need only the file. A line is the verdict, a tab,
and what stands between the stream's header and its end, with everything but printable ASCII as \\xNN. The verdict is '-'
when expat, or a rule of XMPP about comments and the like, refuses; else FNV-1a of the tree.
"""

import random
import xml.parsers.expat

HEADER = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>"
END = b"</stream:stream>"
CASES = 1500


class Refused(Exception):
    pass


def verdict(body):
    parser = xml.parsers.expat.ParserCreate(namespace_separator="\x1f")
    stack, done = [], []

    def expanded(name):
        return tuple(name.split("\x1f")) if "\x1f" in name else ("", name)

    def start(name, attrs):
        listed = sorted(expanded(attrs[i]) + (attrs[i + 1],) for i in range(0, len(attrs), 2))
        node = [len(stack), expanded(name), listed, ""]
        stack.append(node)
        if len(stack) > 1:
            done.append(node)

    def text(data):
        if len(stack) == 1 and data.strip(" \t\r\n"):
            raise Refused
        stack[-1][3] += data

    def refuse(*_):
        raise Refused

    parser.ordered_attributes = True
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop()
    parser.CharacterDataHandler = text
    parser.CommentHandler = parser.ProcessingInstructionHandler = parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(HEADER + body + END, True)
    except (Refused, xml.parsers.expat.ExpatError, ValueError):
        return "-"
    lines = []
    for depth, name, attrs, content in done:
        fields = [str(depth), *name, *[field for attr in attrs for field in attr], content]
        lines.append("\x01".join(fields))
    hashed = 0xCBF29CE484222325
    for byte in "\x02".join(lines).encode():
        hashed = (hashed ^ byte) * 0x100000001B3 % 2**64
    return f"{hashed:016x}"


PIECES = [p.encode() for p in """<a> </a> <a> </a> <b\tx='1'> </b> <p:c\txmlns:p='u'> </p:c> <d/> <p:d\tp:x=''\txmlns:p='v'/> text
&amp; &#65; &#x1F600; &lt; <![CDATA[x]]> <![CDATA[]]> <![CDATA[]]]]> <![CDATA[<&]]> ] ]] ]]> & < > ' " = / /> </ <e\t \txmlns='w' \txmlns:p='u'
\tp:x='' \tq:x='' \txmlns:q='&#117;' \txml:lang='' \txmlns='' \txmlns:p='' \ty='&gt;' \ty="'" é ÿ 中 ა 、 × · \u0300 \U0001F600 \ufffe \ufffd <stream:f/> <!-- --> <? ?>
</stream:stream> &#0; &x; ; # ! : \t \r\n \r""".encode().decode("utf-8").replace("\n", " ").replace("\\t", "\t").replace("\\r", "\r").replace("\\n", "\n")
    .replace("\\u0300", "\u0300").replace("\\U0001F600", "\U0001F600").replace("\\ufffe", "\ufffe").replace("\\ufffd", "\ufffd").split(" ") if p]


def tree(rng, depth=0):
    attrs = b"".join(rng.sample([b" xmlns:p='u'", b" xmlns:q='&#117;'", b" xmlns='w'", b" x='a\r\n\rb&#10;'", b" xml:lang=\"'\"", b" p:y=''", b" q:z='\xc3\xa9'"],
                                rng.choice([0, 0, 1, 2, 3])))
    content = b"".join(tree(rng, depth + 1) if depth < 4 and rng.random() < 0.5 else rng.choice([b"t", b"&amp;", b"\r", b"\r\n", b"<![CDATA[]]]]>", b">", b" "])
                       for _ in range(rng.choice([0, 1, 2, 3])))
    return b"<m" + attrs + b">" + content + b"</m>" if content else b"<m" + attrs + b"/>"


def cases():
    rng = random.Random(7622)
    while True:
        kind = rng.randrange(4)
        if kind < 2:
            pieces = b"".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 8)))
            yield [pieces, b"<m>" + pieces + b"</m>", b"<m" + pieces + b"></m>"][rng.randrange(3)]
            continue
        body = bytearray(tree(rng))
        for _ in range(kind - 2):
            at = rng.randrange(len(body))
            change = rng.randrange(3)
            byte = rng.choice([rng.randrange(256), *b"<>/='\"&;:]!? a"])
            if change == 0:
                body[at] = byte
            elif change == 1:
                del body[at]
            else:
                body.insert(at, byte)
        yield bytes(body)


def main():
    seen, counts = {}, {True: 0, False: 0}
    for body in cases():
        found = verdict(body)
        if body in seen or counts[found == "-"] >= CASES // 2:
            continue
        seen[body] = found
        counts[found == "-"] += 1
        if len(seen) == CASES:
            break
    for body, found in seen.items():
        shown = "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02x}" for b in body)
        print(f"{found}\t{shown}")


main()
