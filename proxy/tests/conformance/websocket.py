"""Whether WebSocket is the same through the proxy as without it.

    websocket.py serve                       an echo server; prints its address
    websocket.py compare DIRECT THROUGH      runs every case against both, and fails where they differ
                 [--tls]                     the latter with TLS, whatever its certificate

A case is bytes that are sent after the handshake: good frames, odd ones, and such as no client may send. What comes back is taken
apart into frames, so that two answers are the same however they were cut into packets.
"""

import argparse
import asyncio
import base64
import hashlib
import http
import logging
import ssl
import struct
import sys
import zlib

from websockets.asyncio.server import serve

PATIENCE = 30
LARGEST = 4 << 20
KEY = base64.b64encode(b"sixteen bytes...").decode()


# -- the server


async def echo(socket_):
    if socket_.request.path == "/bye":
        await socket_.close(4001, "bye")
        return
    if socket_.request.path == "/first":
        await socket_.send("first")
    async for message in socket_:
        await socket_.send(message)


def refuse(connection, request):
    if request.path == "/refuse":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "not you\n")
    return None


async def run_server():
    # what goes wrong is what the cases are for
    logging.getLogger("websockets").setLevel(logging.CRITICAL + 1)
    async with serve(
        echo,
        "127.0.0.1",
        0,
        max_size=LARGEST,
        select_subprotocol=lambda _, offered: next((name for name in offered if name in ("chat", "other")), None),
        process_request=refuse,
        ping_interval=None,
    ) as server:
        print("%s:%d" % server.sockets[0].getsockname(), flush=True)
        await asyncio.get_running_loop().create_future()


# -- the cases


def frame(opcode, data=b"", fin=True, mask=True, **bits):
    """A frame's bytes. The mask is always the same, so that both runs send the same."""
    head = bytes([(0x80 if fin else 0) | bits.get("rsv", 0) << 4 | opcode])
    length = len(data)
    masked = 0x80 if mask else 0
    if length < 126:
        head += bytes([masked | length])
    elif length < 1 << 16:
        head += bytes([masked | 126]) + struct.pack("!H", length)
    else:
        head += bytes([masked | 127]) + struct.pack("!Q", length)
    if not mask:
        return head + data
    key = b"\x12\x34\x56\x78"
    whole = (key * (length // 4 + 1))[:length]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")
    return head + key + mixed.to_bytes(length, "big")


WAIT = None
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def close(code=1000, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


def deflated(data):
    compressor = zlib.compressobj(wbits=-15)
    packed = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return packed[:-4]


class Case:
    """`WAIT` among the chunks is for the answers to what was sent before; a close does so by itself. Else the server might see
    the end before it has answered, as it pleases."""

    def __init__(self, name, *chunks, path="/", headers=(), leaves=False, handshake=None, unasked=0):
        self.name = name
        self.chunks = chunks
        self.unasked = unasked
        self.path = path
        self.headers = headers
        self.leaves = leaves
        self.handshake = handshake

    def head(self):
        if self.handshake is not None:
            return self.handshake
        lines = [
            f"GET {self.path} HTTP/1.1",
            "Host: a.example",
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {KEY}",
            *self.headers,
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def cases():
    deflate = ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",)
    text = b"H\xc3\xa9llo \xe2\x82\xac \xf0\x9f\x98\x80"
    for size in (0, 1, 125, 126, 127, 128, 65535, 65536, 300_000, 1 << 20):
        data = bytes(97 + place % 26 for place in range(size))
        for opcode, name in ((TEXT, "text"), (BINARY, "binary")):
            yield Case(f"{name} of {size}", frame(opcode, data), close())
    yield Case("characters of many bytes", frame(TEXT, text), close())
    yield Case("byte by byte", *(bytes([byte]) for byte in frame(TEXT, text)), close())
    yield Case("every cut of a head", *[part for cut in range(1, 9) for part in cut_at(frame(BINARY, b"x" * 200), cut)], close())
    yield Case("many messages at once", b"".join(frame(TEXT, b"%d" % n) for n in range(500)), close())
    yield Case("several large ones", *(frame(BINARY, bytes([n]) * 700_000) for n in range(4)), close())
    yield Case("the largest", frame(BINARY, b"x" * LARGEST), close())
    yield Case("larger than the largest", frame(BINARY, b"x" * (LARGEST + 1)))
    # fragments
    for size in (1, 3, 7, 1000):
        data = bytes(range(256)) * 8
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        yield Case(
            f"fragments of {size}",
            b"".join(
                frame(BINARY if place == 0 else CONT, part, fin=place == len(parts) - 1)
                for place, part in enumerate(parts)
            ),
            close(),
        )
    yield Case("empty fragments", frame(TEXT, fin=False), frame(CONT, fin=False), frame(CONT), close())
    yield Case(
        "a ping between fragments",
        frame(TEXT, b"a", fin=False), frame(PING, b"there?"), frame(CONT, b"b"), close(),
    )
    yield Case("a character in two fragments", frame(TEXT, text[:2], fin=False), frame(CONT, text[2:]), close())
    yield Case("a continuation of nothing", frame(CONT, b"x"))
    yield Case("a last continuation twice", frame(TEXT, b"a", fin=False), frame(CONT, b"b"), WAIT, frame(CONT, b"c"))
    yield Case("a message inside another", frame(TEXT, b"a", fin=False), frame(TEXT, b"b"))
    yield Case("a close between fragments", frame(TEXT, b"a", fin=False), close())
    # control frames
    for size in (0, 1, 124, 125):
        yield Case(f"ping of {size}", frame(PING, b"p" * size), close())
    yield Case("many pings", b"".join(frame(PING, b"%d" % n) for n in range(100)), close())
    yield Case("a pong that nobody wanted", frame(PONG, b"here"), frame(TEXT, b"on"), close())
    for opcode, name in ((PING, "ping"), (PONG, "pong"), (CLOSE, "close")):
        yield Case(f"a {name} that is too long", frame(opcode, b"\x03\xe8" + b"x" * 124))
        yield Case(f"a {name} in fragments", frame(opcode, b"\x03\xe8", fin=False))
    # what no frame may be
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield Case(f"opcode {opcode}", frame(opcode, b"x"))
        yield Case(f"opcode {opcode} after a message", frame(TEXT, b"a"), WAIT, frame(opcode, b"x"))
    for rsv in range(1, 8):
        yield Case(f"reserved bits {rsv}", frame(TEXT, b"x", rsv=rsv))
        yield Case(f"reserved bits {rsv} of a ping", frame(PING, b"x", rsv=rsv))
    yield Case("without a mask", frame(TEXT, b"x", mask=False))
    yield Case("a length with its highest bit", b"\x82\xff" + b"\xff" * 8)
    # what no text may be
    for bad in (
        b"\x80", b"\xc0\xaf", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
        b"ok\xffok", b"\xc3", b"\xfe", b"\xf0\x80\x80\x80",
    ):
        yield Case(f"text {bad.hex()}", frame(TEXT, bad))
        yield Case(f"text {bad.hex()} in fragments", frame(TEXT, b"a" + bad[:1], fin=False), frame(CONT, bad[1:]))
    # ends
    for code in (0, 1, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
                 1015, 1016, 1100, 2000, 2999, 3000, 3999, 4000, 4999, 5000, 65535):
        yield Case(f"close {code}", close(code))
    yield Case("close without a code", frame(CLOSE))
    yield Case("close with half a code", frame(CLOSE, b"\x03"))
    yield Case("close with a reason", close(1000, b"r" * 123))
    yield Case("close with a bad reason", close(1000, b"\xff"))
    yield Case("more after a close", close() + frame(TEXT, b"x") + frame(PING))
    yield Case("close twice", close() + close())
    yield Case("the server closes", close(4001, b"bye"), path="/bye")
    yield Case("an end without a close", frame(TEXT, b"x"), leaves=True)
    yield Case("an end inside a frame", frame(TEXT, b"x" * 100)[:50], leaves=True)
    yield Case("an end inside a message", frame(TEXT, b"x", fin=False), leaves=True)
    # compression
    for data in (b"", b"hello hello hello", b"a" * 1_000_000):
        yield Case(
            f"compressed {len(data)}",
            frame(BINARY, deflated(data), rsv=4), close(),
            headers=deflate,
        )
    packed = deflated(b"in fragments " * 100)
    yield Case(
        "compressed in fragments",
        frame(TEXT, packed[:5], fin=False, rsv=4), frame(PING), frame(CONT, packed[5:]), close(),
        headers=deflate,
    )
    yield Case("compressed and not", frame(TEXT, deflated(b"one"), rsv=4), frame(TEXT, b"two"), close(), headers=deflate)
    yield Case("compressed rubbish", frame(BINARY, b"\xff\xff\xff\xff", rsv=4), headers=deflate)
    yield Case("compressed in a continuation", frame(TEXT, packed[:5], fin=False, rsv=4), frame(CONT, packed[5:], rsv=4), headers=deflate)
    yield Case("compressed too large", frame(BINARY, deflated(b"x" * (LARGEST + 1)), rsv=4), headers=deflate)
    for offer in (
        "permessage-deflate", "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10", "permessage-deflate; unknown", "x-unknown",
        "permessage-deflate; server_max_window_bits=99, permessage-deflate",
    ):
        yield Case(f"offers {offer}", frame(TEXT, b"hello"), close(), headers=(f"Sec-WebSocket-Extensions: {offer}",))
    # handshakes
    for protocols in ("chat", "unknown, other", "unknown", "other, chat"):
        yield Case(f"protocols {protocols}", frame(TEXT, b"x"), close(), headers=(f"Sec-WebSocket-Protocol: {protocols}",))
    yield Case("two lines of protocols", close(), headers=("Sec-WebSocket-Protocol: unknown", "Sec-WebSocket-Protocol: chat"))
    yield Case("the server speaks first", frame(TEXT, b"second"), close(), path="/first", unasked=1)
    yield Case("names in any case", frame(TEXT, b"x"), close(), handshake=odd_handshake())
    yield Case("refused", path="/refuse")
    yield Case("another version", handshake=changed("Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 12"))
    yield Case("no key", handshake=changed(f"Sec-WebSocket-Key: {KEY}\r\n", ""))
    yield Case("a bad key", handshake=changed(KEY, "short"))
    yield Case("two keys", handshake=changed("Upgrade: websocket", f"Upgrade: websocket\r\nSec-WebSocket-Key: {KEY}"))
    yield Case("another protocol", handshake=changed("Upgrade: websocket", "Upgrade: other"))


def cut_at(data, place):
    return data[:place], data[place:]


def changed(what, to):
    head = Case("").head().decode()
    assert what in head
    return head.replace(what, to).encode()


def odd_handshake():
    return (
        f"GET / HTTP/1.1\r\nhOST: a\r\nCONNECTION: UPGRADE\r\nUpGrAdE: WebSocket\r\n"
        f"SEC-WEBSOCKET-VERSION: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
    ).encode()


# -- running them


async def connect(address, tls):
    host, port = address.rsplit(":", 1)
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
    return await asyncio.open_connection(host, int(port), ssl=context, limit=1 << 16)


async def run(case, address, tls):
    """What comes of a case: the head, the frames, and how it ended."""
    reader, writer = await connect(address, tls)
    try:
        async with asyncio.timeout(PATIENCE):
            writer.write(case.head())
            head = await reader.readuntil(b"\r\n\r\n")
            status, headers = read_head(head[:-4])
            if status != 101:
                length = int(headers.get("content-length", 0))
                return ("answer", status, await reader.readexactly(length))
            frames, ended = await talk(reader, writer, case)
    except TimeoutError:
        return ("timeout",)
    except asyncio.IncompleteReadError as error:
        return ("no head", error.partial)
    finally:
        writer.transport.abort()
    kept = {name: value for name, value in headers.items() if name.startswith("sec-websocket-")}
    return (status, headers.get("upgrade"), sorted(kept.items()), frames, ended)


async def talk(reader, writer, case):
    """Sends and receives at a time: who does one after the other may wait for who waits for it."""
    answers = Answers()
    sending = asyncio.create_task(send(writer, case, answers))
    try:
        while piece := await reader.read(1 << 16):
            answers.add(piece)
        ended = "end"
    except ConnectionError:
        # who closes with bytes unread resets, which is up to the kernel's timing; after its last word it is the same
        ended = "end"
    answers.end()
    await sending
    return take_apart(bytes(answers.received)), ended


class Messages:
    """Counts messages while their bytes come."""

    def __init__(self):
        self.count = 0
        self.at = 0

    def look(self, data):
        while len(data) >= self.at + 2:
            first, length = data[self.at], data[self.at + 1] & 0x7F
            head = 2 + (4 if data[self.at + 1] & 0x80 else 0) + {126: 2, 127: 8}.get(length, 0)
            if length > 125:
                length = int.from_bytes(data[self.at + 2 : self.at + (4 if length == 126 else 10)], "big")
            if len(data) < self.at + head + length:
                break
            self.at += head + length
            self.count += first & 0x80 and first & 0x0F < 8


class Answers:
    """What has come back, to be waited for."""

    def __init__(self):
        self.received = bytearray()
        self.messages = Messages()
        self.changed = asyncio.Event()
        self.ended = False

    def add(self, piece):
        self.received += piece
        self.messages.look(self.received)
        self.changed.set()

    def end(self):
        self.ended = True
        self.changed.set()

    async def wait(self, count):
        while not self.ended and self.messages.count < count:
            self.changed.clear()
            await self.changed.wait()


async def send(writer, case, answers):
    sent, messages = bytearray(), Messages()
    try:
        for chunk in case.chunks:
            if chunk is WAIT or chunk[0] == 0x80 | CLOSE:
                messages.look(sent)
                await answers.wait(messages.count + case.unasked)
            if chunk is not WAIT:
                sent += chunk
                writer.write(chunk)
                await writer.drain()
        if case.leaves:
            messages.look(sent)
            await answers.wait(messages.count)
            writer.write_eof()
    except OSError:
        pass  # the server has closed: what it said is what counts


def read_head(head):
    lines = head.decode().split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return int(lines[0].split(" ")[1]), headers


def take_apart(data):
    frames = []
    while len(data) >= 2:
        first, length = data[0], data[1] & 0x7F
        at = 2
        if length == 126:
            length, at = struct.unpack("!H", data[2:4])[0], 4
        elif length == 127:
            length, at = struct.unpack("!Q", data[2:10])[0], 10
        content = data[at : at + length]
        short = content if len(content) <= 130 else hashlib.sha256(content).hexdigest()
        frames.append((first, data[1] >> 7, length, short))
        data = data[at + length :]
    return frames + ([("rest", data)] if data else [])


async def compare(direct, through, tls):
    # asyncio cannot end one way of TLS only
    all_cases = [case for case in cases() if not (tls and case.leaves)]
    few = asyncio.Semaphore(16)

    async def one(case, address, tls):
        async with few:
            return await run(case, address, tls)

    expected = await asyncio.gather(*(one(case, direct, False) for case in all_cases))
    found = await asyncio.gather(*(one(case, through, tls) for case in all_cases))
    results = list(zip(all_cases, expected, found))
    bad = 0
    switched = 0
    for case, without, with_proxy in results:
        switched += without[0] == 101
        if without != with_proxy:
            bad += 1
            print(f"{case.name}:\n  without the proxy: {str(without)[:600]}\n  with it:           {str(with_proxy)[:600]}")
        elif without[0] in ("timeout", "no head"):
            bad += 1
            print(f"{case.name}: {without}")
    print(f"websocket{' with TLS' if tls else ''}: {len(results)} cases, {switched} after a handshake, {bad} differ")
    return bad or switched < 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["serve", "compare"])
    parser.add_argument("addresses", nargs="*")
    parser.add_argument("--tls", action="store_true")
    arguments = parser.parse_args()
    if arguments.what == "serve":
        asyncio.run(run_server())
    else:
        sys.exit(1 if asyncio.run(compare(*arguments.addresses, arguments.tls)) else 0)


if __name__ == "__main__":
    main()
