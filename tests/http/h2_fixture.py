# SPDX-License-Identifier: Apache-2.0
"""A client and an origin that speak HTTP/2 by python3-h2, and do as they are told."""

import socket
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import GoAwayFrame
from proxy_fixture import PATIENCE, Listening


class Answer:
    def __init__(self):
        self.fields = {}
        self.body = b""
        self.trailers = None
        self.ended = False
        self.reset = None  # its error code

    @property
    def status(self):
        return int(self.fields.get(":status", 0))


class H2Client:
    """Does not check what it says: `h2` may be asked to send nonsense."""

    def __init__(self, proxy, drip=False, window=None):
        self.sock = socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding="utf-8",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.drip = drip
        self.reads = True
        self.answers = {}
        self.goaway = None
        self.closed = False
        if window is not None:
            self.h2.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = window
            self.h2.local_settings.acknowledge()
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if self.drip:
            for i in range(len(data)):
                self.sock.sendall(data[i : i + 1])
        else:
            self.sock.sendall(data)

    def raw(self, data):
        self.sock.sendall(data)

    def begin(self, method="GET", path="/", fields=(), end=True):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "app")]
        self.answers[stream] = Answer()
        self.h2.send_headers(stream, head + list(fields), end_stream=end)
        self.flush()
        return stream

    def turn(self):
        """Take what comes next; False: the connection is at its end."""
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return False
        for event in self.h2.receive_data(data):
            self.take(event)
        try:
            self.flush()
        except OSError:
            pass
        return True

    def take(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = event.error_code
        elif answer is None:
            return
        elif isinstance(event, h2.events.ResponseReceived):
            answer.fields = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.reads:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = dict(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = event.error_code

    def answer(self, stream):
        answer = self.answers[stream]
        while not answer.ended and answer.reset is None:
            assert self.turn(), f"the connection ended, GOAWAY {self.goaway}"
        return answer

    def ask(self, **kwargs):
        return self.answer(self.begin(**kwargs))

    def until_closed(self):
        """The error code of the GOAWAY that came before the end, or None."""
        while not self.closed:
            self.turn()
        return self.goaway

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class H2Request:
    def __init__(self, stream, fields):
        self.stream = stream
        self.fields = fields
        self.body = b""
        self.trailers = []


class Unsent:
    """Payload that waits for the window."""

    def __init__(self, data, trailers):
        self.data = data
        self.trailers = trailers


class H2Origin(Listening):
    """Echoes bodies; the path says what else it does:

    /trailers  sends the request's trailers back   /503    answers so
    /reset     resets before a word                /half   resets after half an answer
    /goaway    GOAWAY without having taken it      /close  closes the connection
    /last      answers, and says GOAWAY            /hang   never answers
    /leaving   says GOAWAY in the middle of its answer, which goes on when `go_on` is set

    `fields` go with each answer, and `trailers` behind it. The next requests are turned away as `turns_away` says.
    With a `context` it speaks TLS, and `resumed`, `shown` and `spoken` have a word of each connection: whether its
    session was resumed, the client's certificate and the protocol that was agreed on.
    """

    def __init__(self, streams=100, context=None):
        self.streams = streams
        self.context = context
        self.resumed, self.shown, self.spoken = [], [], []
        self.go_on = threading.Event()
        self.fields, self.trailers = [], []
        self.turns_away = []  # "reset" or "goaway", for each
        self.requests = []
        self.resets = []
        self.accepted = self.ended = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self.socks = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.socks.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _shake(self, sock):
        sock = self.context.wrap_socket(sock, server_side=True)
        self.socks.append(sock)
        self.resumed.append(sock.session_reused)
        self.shown.append(sock.getpeercert())
        self.spoken.append(sock.selected_alpn_protocol())
        return sock

    def _serve(self, sock):
        try:
            sock = self._shake(sock) if self.context else sock
        except OSError:
            sock.close()
            return
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        conn = h2.connection.H2Connection(config)
        conn.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = self.streams
        conn.local_settings.acknowledge()
        conn.initiate_connection()
        open_requests, unsent = {}, {}
        try:
            sock.sendall(conn.data_to_send())
            while data := sock.recv(65536):
                for event in conn.receive_data(data):
                    self._take(conn, sock, event, open_requests, unsent)
                for stream in list(unsent):
                    self._push(conn, stream, unsent)
                sock.sendall(conn.data_to_send())
        except (OSError, h2.exceptions.ProtocolError):
            pass
        sock.close()
        self.ended += 1

    def _take(self, conn, sock, event, open_requests, unsent):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            open_requests[stream] = H2Request(stream, dict(event.headers))
            self.requests.append(open_requests[stream])
        elif isinstance(event, h2.events.DataReceived):
            open_requests[stream].body += event.data
            conn.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.TrailersReceived):
            open_requests[stream].trailers = event.headers
        elif isinstance(event, h2.events.StreamReset):
            self.resets.append(event.error_code)
            unsent.pop(stream, None)
        elif isinstance(event, h2.events.StreamEnded):
            self._answer(conn, sock, open_requests.pop(stream), unsent)

    def _answer(self, conn, sock, request, unsent):
        path, stream = request.fields[":path"], request.stream
        if path == "/hang":
            return
        if self.turns_away:
            path = "/" + self.turns_away.pop(0)
        if path == "/reset":
            conn.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        elif path == "/goaway":
            conn.close_connection(last_stream_id=max(stream - 2, 0))
        elif path == "/close":
            sock.shutdown(socket.SHUT_RDWR)
        elif path == "/half":
            conn.send_headers(stream, [(":status", "200")])
            conn.send_data(stream, b"half")
            conn.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)
        else:
            status = "503" if path == "/503" else "200"
            conn.send_headers(stream, [(":status", status), *self.fields])
            unsent[stream] = Unsent(request.body, request.trailers or self.trailers)
            if path == "/leaving":
                conn.send_data(stream, b"half of it, ")
                sock.sendall(conn.data_to_send() + GoAwayFrame(0, last_stream_id=stream).serialize())
                self.go_on.wait(PATIENCE)
            if path == "/last":
                self._push(conn, stream, unsent)
                conn.close_connection()

    @staticmethod
    def _push(conn, stream, unsent):
        rest = unsent[stream]
        while rest.data:
            n = min(conn.local_flow_control_window(stream), conn.max_outbound_frame_size)
            if n == 0:
                return
            conn.send_data(stream, rest.data[:n])
            rest.data = rest.data[n:]
        del unsent[stream]
        if rest.trailers:
            conn.send_headers(stream, rest.trailers, end_stream=True)
        else:
            conn.end_stream(stream)
