"""An HTTP/2 peer that obeys nothing it is not told to: frames by hyperframe, header blocks by hpack, over TLS."""

from __future__ import annotations

import socket
import ssl
import time

from hpack import Decoder, Encoder
from hyperframe.frame import (DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame,
                              WindowUpdateFrame)

from harness import HOST, Answer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, CANCEL, COMPRESSION_ERROR, \
    ENHANCE_YOUR_CALM = 0, 1, 3, 5, 6, 8, 9, 11


class Peer:
    """One connection; not for use from several threads."""

    def __init__(self, port: int, tls: ssl.SSLContext, *, settings: dict[int, int] | None = None, greet: bool = True,
                 window: int = 1 << 30, receive_buffer: int | None = None):
        plain = socket.socket()
        if receive_buffer is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(10)
        plain.connect((HOST, port))
        tls.set_alpn_protocols(["h2"])
        self.socket = tls.wrap_socket(plain, server_hostname=HOST)
        assert self.socket.selected_alpn_protocol() == "h2"
        self.authority = f"{HOST}:{port}"
        self.encoder, self.decoder = Encoder(), Decoder()
        self.frames: list[Frame] = []
        self.next_id = 1
        self.is_closed = False
        self._unread = b""
        if greet:
            self.send(PREFACE + SettingsFrame(0, settings=settings or {}).serialize())
            self.send(WindowUpdateFrame(0, window_increment=window))

    # -- out

    def send(self, data: bytes | Frame) -> bool:
        """False when the connection is gone, which is for the server to say."""
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.serialize())
            return True
        except OSError:
            self.is_closed = True
            return False

    def fields(self, method: str = "GET", path: str = "/.well-known/jwks", *more: tuple[str, str]) -> list:
        return [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path), *more]

    def block(self, stream: int, fields: list, *flags: str) -> bytes:
        frame = HeadersFrame(stream, self.encoder.encode(fields), flags=flags)
        return frame.serialize()

    def ask(self, *arguments, end: bool = True) -> int:
        """Sends a request's head; the stream's id."""
        stream = self.new_stream()
        self.send(self.block(stream, self.fields(*arguments), "END_HEADERS", *(["END_STREAM"] if end else [])))
        return stream

    def ask_fields(self, fields: list, *, end: bool = True) -> int:
        stream = self.new_stream()
        self.send(self.block(stream, fields, "END_HEADERS", *(["END_STREAM"] if end else [])))
        return stream

    def new_stream(self) -> int:
        stream, self.next_id = self.next_id, self.next_id + 2
        return stream

    def data(self, stream: int, body: bytes, *, end: bool) -> bool:
        """Sends a body in frames of the size that everybody takes; minding no window."""
        pieces = [body[start:start + 16384] for start in range(0, len(body), 16384)] or [b""]
        frames = [DataFrame(stream, piece) for piece in pieces]
        if end:
            frames[-1].flags.add("END_STREAM")
        return self.send(b"".join(frame.serialize() for frame in frames))

    # -- in

    def read(self, seconds: float) -> bool:
        """Takes what comes within the time; False when nothing did or the connection is at its end."""
        try:
            self.socket.settimeout(max(seconds, 0.001))
            piece = self.socket.recv(65536)
        except (TimeoutError, socket.timeout, ssl.SSLWantReadError):
            return False
        except OSError:
            piece = b""
        if not piece:
            self.is_closed = True
            return False
        self._unread += piece
        while len(self._unread) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._unread[:9]))
            if len(self._unread) < 9 + length:
                break
            frame.parse_body(memoryview(self._unread[9:9 + length]))
            self._unread = self._unread[9 + length:]
            if isinstance(frame, HeadersFrame):
                frame.fields = self.decoder.decode(frame.data)
            self.frames.append(frame)
        return True

    def until(self, question, seconds: float = 10):
        """The first true answer of `question` while frames come; None when the connection ends or time is up."""
        deadline = time.monotonic() + seconds
        while True:
            answer = question()
            if answer or self.is_closed or time.monotonic() >= deadline:
                return answer or None
            self.read(deadline - time.monotonic())

    def frames_of(self, stream: int, kind=Frame) -> list:
        return [frame for frame in self.frames if frame.stream_id == stream and isinstance(frame, kind)]

    def answer(self, stream: int, seconds: float = 10) -> Answer | int | None:
        """The answer of a stream; the error code when it was reset; None when neither came."""

        def end():
            if any("END_STREAM" in frame.flags for frame in self.frames_of(stream)):
                fields = [(name, value) for frame in self.frames_of(stream, HeadersFrame)
                          for name, value in frame.fields]
                body = b"".join(frame.data for frame in self.frames_of(stream, DataFrame))
                final = [int(value) for name, value in fields if name == ":status" and value != "100"]
                return Answer(final[0], [field for field in fields if field[0] != ":status"], body), None
            resets = self.frames_of(stream, RstStreamFrame)
            return (None, resets[0].error_code) if resets else None

        ended = self.until(end, seconds)
        if ended is None:
            return None
        return ended[0] if ended[0] is not None else ended[1]

    def get(self, path: str = "/.well-known/jwks", *more: tuple[str, str]) -> Answer | int | None:
        return self.answer(self.ask("GET", path, *more))

    @property
    def goaway(self) -> int | None:
        """The code of the server's GOAWAY."""
        codes = [frame.error_code for frame in self.frames if isinstance(frame, GoAwayFrame)]
        return codes[-1] if codes else None

    def until_closed(self, seconds: float = 15) -> bool:
        self.until(lambda: False, seconds)
        return self.is_closed

    def pinged(self, seconds: float = 10) -> bool:
        """Whether the server still answers a PING: everything sent before is read by then."""
        mark = time.monotonic_ns().to_bytes(8, "big")
        self.send(PingFrame(0, opaque_data=mark))
        return bool(self.until(
            lambda: any(isinstance(frame, PingFrame) and frame.opaque_data == mark for frame in self.frames), seconds))

    def close(self) -> None:
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
